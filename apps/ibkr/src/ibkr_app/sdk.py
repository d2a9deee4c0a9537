"""The client library: ``ib_async``, or ``ib_insync`` where only that is installed."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["load_sdk"]

LIBRARIES = ("ib_async", "ib_insync")


def load_sdk() -> Any:
    """Return the library; call it in the thread whose event loop it is to use.

    Raises
    ------
    InvalidInput
        None is installed.
    """
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what it complains of is in our own errors
        try:
            return import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
    raise InvalidInput("no client library is installed: install ibkr-app[async], or ibkr-app[insync]")
