"""The client library, imported when it is needed and without the warnings of what it is made of."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

__all__ = ["load_httpx", "load_sdk"]

PARTS = ("auth", "client", "orders.common", "orders.equities", "utils")


def load_sdk() -> Any:
    """Return ``schwab``, with the parts of it that are used here."""
    import_module("authlib.deprecate")  # it has its own warnings shown always, in front of other filters
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for part in PARTS:
            import_module(f"schwab.{part}")
        return import_module("schwab")


def load_httpx() -> Any:
    """Return the HTTP library that its sessions are made of: ``httpx``, or ``httpx2`` where Authlib has found that."""
    bases = [base.__module__.partition(".")[0] for base in load_sdk().auth.OAuth2Client.__mro__]
    return import_module(next(name for name in bases if name.startswith("httpx")))
