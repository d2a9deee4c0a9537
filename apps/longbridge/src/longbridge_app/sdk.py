"""The client library: ``longbridge``, or ``longport`` where only that is installed."""

from __future__ import annotations

from importlib.util import find_spec

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["LIBRARIES", "installed_library"]

LIBRARIES = ("longbridge", "longport")
"""The first one replays an order by its client_request_id; the second has no such field."""


def installed_library() -> str:
    """Return the name of the library to use, without loading it: that is left to the worker process.

    Raises
    ------
    InvalidInput
        None is installed.
    """
    for name in LIBRARIES:
        if find_spec(name) is not None:
            return name
    raise InvalidInput(
        "no client library is installed: install longbridge-app[longbridge], or longbridge-app[longport]"
    )
