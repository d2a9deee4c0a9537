"""Alpaca on this machine: market data and a calendar, and what leads the app to them.

It is no `venue_sandbox.stands.stand.Stand` as long as the venue has no accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self

from venue_sandbox.servers.launch import Server

__all__ = ["KEY", "MODULE", "SECRET", "AlpacaStand"]

MODULE = "venue_sandbox.venues.alpaca"
KEY, SECRET = "sandbox-key", "sandbox-secret"


class AlpacaStand:
    """A venue that runs; leaving its context stops it.

    Parameters
    ----------
    bars, daily
        Files of minute bars and daily prices.
    clock
        Where the venue's time begins, aware; None for real time.
    words
        Further words of its command line.
    """

    def __init__(
        self,
        bars: Path | None = None,
        daily: Path | None = None,
        clock: datetime | None = None,
        words: Sequence[str] = (),
    ) -> None:
        files = {"--bars": bars, "--daily": daily, "--clock": clock.isoformat() if clock else None}
        given = [word for name, value in files.items() if value is not None for word in (name, str(value))]
        self.server = Server(MODULE, *given, "--key", KEY, "--secret", SECRET, *words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.server.process.poll() is None:
            self.server.stop()

    @property
    def url(self) -> str:
        """Address of prices and of the calendar."""
        return f"http://127.0.0.1:{self.server.port}"

    def settings(self) -> dict[str, str]:
        """Return the settings that lead the app here."""
        return {
            "ALPACA_API_KEY": KEY,
            "ALPACA_SECRET_KEY": SECRET,
            "ALPACA_DATA_URL": self.url,
            "ALPACA_TRADING_URL": self.url,
        }

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's time, from which it runs on."""
        self.server.fault("clock", instant=instant.isoformat())

    def split(self, symbol: str, ratio: str, session: date) -> None:
        """Split every unit of a symbol when a session begins."""
        self.server.fault("split", symbol=symbol, ratio=ratio, session=session.isoformat())

    def arm(self, kind: str, **fields: Any) -> None:
        """Arm a fault of `venue_sandbox.venues.alpaca.faults`."""
        self.server.fault(kind, **fields)

    def requests(self) -> dict[str, int]:
        """Return how many requests came, by operation: ``bars`` and ``calendar``."""
        return self.server.requests()
