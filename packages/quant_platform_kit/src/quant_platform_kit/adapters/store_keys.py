"""What stores have in common: the keys that every one takes, and how long one on the network may take to answer."""

from __future__ import annotations

import re

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["TIMEOUT_SECONDS", "check_key", "check_prefix", "is_key"]

TIMEOUT_SECONDS = 15.0
"""How long one call of a store on the network may take, with everything that is tried again in it."""

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._=-]*"
_KEY = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PREFIX = re.compile(rf"({_SEGMENT}/)*({_SEGMENT})?")
_RULE = "segments are letters, digits and ._=-, do not start with a dot, and are joined by /"


def is_key(text: str) -> bool:
    """Return whether a text is a key."""
    return _KEY.fullmatch(text) is not None


def check_key(key: str) -> None:
    """Raise `InvalidInput` unless a text is a key."""
    if not is_key(key):
        raise InvalidInput(f"store key {key!r}: {_RULE}")


def check_prefix(prefix: str) -> None:
    """Raise `InvalidInput` unless a text is the beginning of a key, or empty."""
    if _PREFIX.fullmatch(prefix) is None:
        raise InvalidInput(f"store prefix {prefix!r} begins no key: {_RULE}")
