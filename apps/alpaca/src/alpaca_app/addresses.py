"""Where requests go: to Alpaca, or in the sandbox to a venue on this machine, and nowhere else."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from quant_platform_kit.domain.errors import InvalidInput

from alpaca_app.settings import AlpacaAccess

__all__ = ["Addresses", "addresses_of"]

DATA = "https://data.alpaca.markets"
PAPER, LIVE = "https://paper-api.alpaca.markets", "https://api.alpaca.markets"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Addresses(NamedTuple):
    """The servers of prices and of the calendar."""

    data: str
    trading: str
    is_sandbox: bool


def addresses_of(access: AlpacaAccess) -> Addresses:
    """Return the addresses; a venue of the sandbox has one for both unless the settings say otherwise.

    Raises
    ------
    InvalidInput
        One is not on this machine, or the calendar's is and that of prices is not.
    """
    given = {"ALPACA_DATA_URL": access.alpaca_data_url, "ALPACA_TRADING_URL": access.alpaca_trading_url}
    if not any(given.values()):
        return Addresses(DATA, PAPER if access.alpaca_paper else LIVE, is_sandbox=False)
    given["ALPACA_TRADING_URL"] = given["ALPACA_TRADING_URL"] or given["ALPACA_DATA_URL"]
    for name, url in given.items():
        if not _is_local(url):
            raise InvalidInput(
                f"{name} is {url!r}: it is for a venue of the sandbox on this machine only, such as "
                "http://127.0.0.1:8500; leave it and its like unset for Alpaca"
            )
    return Addresses(*(url.rstrip("/") for url in given.values()), is_sandbox=True)


def _is_local(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = parts.hostname in LOOPBACK and bool(parts.port)
    except ValueError:
        return False
    return parts.scheme == "http" and named and parts.path in ("", "/") and not (parts.query or parts.username)
