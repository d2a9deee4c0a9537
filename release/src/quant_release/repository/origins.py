"""Addresses of an origin: how requirements name one, and which of them lead to the same repository."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["address", "is_same_repository"]

_SCP = re.compile(r"(?P<host>([^/@:]+@)?([^/:\[\]]+|\[[0-9A-Fa-f:.]+\])):(?P<path>(?!//).+)")
_PLAIN = "/~!$&'()*+,;=:@"
_SSH = ("ssh", "git+ssh", "ssh+git")


def address(origin: str) -> str:
    """Return an origin's address as a requirement names it: a URL, without a user's secret in it.

    Raises
    ------
    InvalidInput
        It is neither a URL nor an absolute path.
    """
    if origin.startswith("/"):
        return f"file://{origin}"
    parts = _split(origin)
    if parts is None or not parts.scheme:
        raise InvalidInput(f"the origin is {origin!r}: give it as a URL or an absolute path")
    user, at, host = parts.netloc.rpartition("@")
    if parts.scheme in ("http", "https"):
        return urlunsplit(parts._replace(netloc=host))
    if parts.scheme in _SSH:
        return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}"))
    return origin


def is_same_repository(one: str, other: str) -> bool:
    """Whether two addresses lead to one repository.

    Of a server, https and ssh with any user and any port of ssh, in either spelling, with or without ``.git``: hosting
    services answer to all of them. Paths keep their case. A folder is what its path says, and nothing else.
    """
    return _repository(one) == _repository(other)


def _repository(origin: str) -> tuple[str, str]:
    """Return server and path of a repository; what cannot be read is like nothing but itself."""
    if origin.startswith("/"):
        return "", _path(origin)
    parts = _split(origin)
    if parts is None or not parts.scheme:
        return "unknown:", origin
    query = f"?{parts.query}" if parts.query else ""
    path = _path(unquote(parts.path))
    if parts.scheme == "file":
        return "" if parts.netloc in ("", "localhost") else f"file://{parts.netloc}", path
    return _server(parts), path.removesuffix(".git") + query


def _server(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme in _SSH:
        return host
    if parts.scheme == "https":
        return host if parts.port in (None, 443) else f"{host}:{parts.port}"
    return f"{parts.scheme}://{host}:{parts.port or ''}"


def _path(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _split(origin: str) -> SplitResult | None:
    """Split an address, None if it is none; the form ``git@host:o/r`` is one of ssh, and quotes nothing."""
    found = None if "://" in origin else _SCP.fullmatch(origin)
    if found is not None:
        return SplitResult("ssh", found["host"], quote(f"/{found['path'].lstrip('/')}", safe=_PLAIN), "", "")
    try:
        parts = urlsplit(origin)
        _ = parts.port  # a port that is none is found out here
    except ValueError:
        return None
    return parts
