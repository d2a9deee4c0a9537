"""The processes of a run: every one of them is waited for, and their CPU time is told."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from venue_sandbox.servers.signals import undisturbed

from .supply import say

__all__ = ["accounted"]

PR_SET_CHILD_SUBREAPER = 36
BURIAL_SECONDS = 2


@contextmanager
def accounted() -> Generator[None]:
    """Be the parent of what servers leave running, wait for its end, and tell what all processes took.

    In a container, process 1 may not take note of the end of such processes.
    """
    begun = time.monotonic()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        with undisturbed():
            _bury(time.monotonic() + BURIAL_SECONDS)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        total, took = used.ru_utime + used.ru_stime, time.monotonic() - begun
        say(f"{total:.1f} CPU seconds (user {used.ru_utime:.1f}, system {used.ru_stime:.1f}) in {took:.1f} s")


def _bury(deadline: float) -> None:
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.02)
