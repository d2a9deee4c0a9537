"""Where requests may go: to Schwab, or in the sandbox to a venue on this machine, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from quant_platform_kit.domain.errors import BrokerError, InvalidInput, Refused

__all__ = ["HOST", "SANDBOX_PREFIX", "check_accounts", "request_hook", "sandbox_of"]

HOST = "api.schwabapi.com"
SANDBOX_PREFIX = "DUSBX"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def sandbox_of(url: str) -> tuple[str, int] | None:
    """Return host and port of a venue of the sandbox, None for Schwab itself; `InvalidInput` for any other address."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    whole = (parts.path in ("", "/")) and not (parts.query or parts.fragment or parts.username)
    if parts.scheme != "http" or host not in LOOPBACK or port is None or not whole:
        raise InvalidInput(
            f"SCHWAB_API_URL is {url!r}: it is for a venue of the sandbox only, such as http://127.0.0.1:8500; leave "
            "it unset for Schwab"
        )
    return host, port


def request_hook(sandbox: tuple[str, int] | None) -> Callable[[Any], None]:
    """Return a hook for a session's requests that sends them where they may go, and raises for every other host."""

    def check(request: Any) -> None:
        if (request.url.scheme, request.url.host) == ("https", HOST) and request.url.port in (None, 443):
            if sandbox is not None:
                host, port = sandbox
                request.url = request.url.copy_with(scheme="http", host=host, port=port)
                request.headers["Host"] = f"{host}:{port}"
            return
        raise BrokerError(f"a request for {request.url.scheme}://{request.url.host} was stopped: it is not {HOST}")

    return check


def check_accounts(sandbox: tuple[str, int] | None, accounts: Sequence[str]) -> None:
    """Refuse real accounts behind a redirected login, and accounts of the sandbox behind the real one."""
    for account in accounts:
        if account.startswith(SANDBOX_PREFIX) is (sandbox is None):
            where = "the sandbox" if sandbox else HOST
            raise Refused(
                f"{where} told of an account that is {'not ' if sandbox else ''}of the sandbox: check SCHWAB_API_URL"
            )
