"""What a service waits for, told in its log when it gets SIGUSR1."""

from __future__ import annotations

import asyncio
import io
import signal

from loguru import logger

__all__ = ["tell_on_signal"]


def tell_on_signal() -> None:
    """Log where every task of the running loop stands, whenever SIGUSR1 comes."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell)


def _tell() -> None:
    for task in asyncio.all_tasks():
        stack = io.StringIO()
        task.print_stack(file=stack)
        logger.info("{}\n{}", task.get_name(), stack.getvalue())
