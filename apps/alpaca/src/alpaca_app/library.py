"""The client library, imported when it is needed and without the warnings of what it is made of."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

__all__ = ["load_data", "load_trading", "session_of"]


def load_data() -> Any:
    """Return ``alpaca.data``; it loads pandas, and takes a second."""
    return _loaded("alpaca.data")


def load_trading() -> Any:
    """Return ``alpaca.trading``, with its clients, requests and enums; it loads pandas, and takes a second."""
    return _loaded("alpaca.trading")


def session_of(client: Any) -> Any:
    """Return the HTTP session of a client: the library offers no time-out, and no other way to one."""
    return client._session


def _loaded(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_module(name)
