"""The client library: ``ib_async``, or ``ib_insync`` where only that is installed."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["installed_library", "load_sdk"]

LIBRARIES = ("ib_async", "ib_insync")


def installed_library() -> str:
    """Return the name of the library that `load_sdk` loads, without loading it; empty if none is installed."""
    return next((name for name in LIBRARIES if find_spec(name) is not None), "")


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
