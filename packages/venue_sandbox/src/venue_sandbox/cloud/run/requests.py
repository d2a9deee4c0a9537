"""What the requests of both versions of the API have in common."""

from __future__ import annotations

import re

from aiohttp import web

from venue_sandbox.cloud.rest import invalid

__all__ = ["flag", "page", "who"]

ANONYMOUS = "anonymous@sandbox.invalid"
MOST = 1000


def who(request: web.Request) -> str:
    """Return who asks: a bearer token that is an e-mail address says it."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return token if re.fullmatch(r"[^\s@]+@[^\s@]+", token) else ANONYMOUS


def flag(request: web.Request, name: str) -> bool:
    """Return a parameter that is true or false, false if it is left out."""
    value = request.query.get(name, "false").lower()
    if value not in ("true", "false"):
        raise invalid(name, value, "it is true or false")
    return value == "true"


def page(entries: list[dict[str, object]], size: str, token: str) -> tuple[list[dict[str, object]], str]:
    """Return one page of a list and the token of the next one, which is where it begins.

    Parameters
    ----------
    size
        How many entries it has at most; 0 for as many as are allowed.
    """
    for name, text in (("pageSize", size), ("pageToken", token or "0")):
        if not (text.isascii() and text.isdigit()):
            raise invalid(name, text, "it is a whole number from 0 on")
    begin, most = int((token or "0")[:9]), min(int(size[:9]) or MOST, MOST)
    end = begin + most
    return entries[begin:end], str(end) if end < len(entries) else ""
