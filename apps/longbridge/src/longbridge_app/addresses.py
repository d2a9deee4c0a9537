"""Where the service connects: LongBridge itself, or in the sandbox a venue on this machine, never anything else."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["SANDBOX_PREFIX", "check_account", "check_addresses"]

SANDBOX_PREFIX = "DUSBX"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SCHEMES = {"LONGBRIDGE_HTTP_URL": "http", "LONGBRIDGE_QUOTE_WS_URL": "ws", "LONGBRIDGE_TRADE_WS_URL": "ws"}


def check_addresses(urls: Mapping[str, str]) -> bool:
    """Return whether all three addresses are those of a venue of the sandbox; False when none is set.

    Raises
    ------
    InvalidInput
        Some are set and some not, or one is not on this machine.
    """
    given = {name: url for name, url in urls.items() if url}
    if given and len(given) < len(SCHEMES):
        absent = ", ".join(sorted(SCHEMES.keys() - given.keys()))
        raise InvalidInput(f"{absent} is not set: a venue of the sandbox needs all three addresses, LongBridge none")
    for name, url in given.items():
        if not _is_local(url, SCHEMES[name]):
            raise InvalidInput(f"{name} is {url!r}: it is for a venue of the sandbox on this machine only")
    return bool(given)


def check_account(sandbox: bool, account: str) -> None:
    """Refuse a real account at a venue of the sandbox, and an account of the sandbox at LongBridge."""
    if account.startswith(SANDBOX_PREFIX) is not sandbox:
        raise InvalidInput(
            f"LONGBRIDGE_ACCOUNT is {account!r}: accounts {SANDBOX_PREFIX}... belong to a venue of the sandbox, whose "
            "addresses are set, and no other account does"
        )


def _is_local(url: str, scheme: str) -> bool:
    try:
        parts = urlsplit(url)
        return (parts.scheme, parts.username) == (scheme, None) and parts.hostname in LOOPBACK and bool(parts.port)
    except ValueError:
        return False
