"""What a sandbox trades on: a strategy, prices that it can use, and the sessions to trigger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices, read_prices
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.cli.output import console
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Strategy
from quant_platform_kit.testing.synthetic import LABEL

from venue_sandbox.demo.market import invented, write_prices

__all__ = ["Market", "market_of"]

SESSIONS_SHOWN = 42


@dataclass(frozen=True, slots=True)
class Market:
    """Prices of all that a strategy looks at, and the sessions to trigger.

    Attributes
    ----------
    file
        Where the prices stand; None for invented ones.
    """

    strategy: Strategy
    prices: LongPrices
    file: Path | None
    days: tuple[date, ...]

    def written(self, folder: Path) -> Path:
        """Return the file of the prices; invented ones are written, and labelled as such."""
        if self.file is not None:
            return self.file
        console().print(f"[bold yellow]{LABEL}[/bold yellow]")
        return write_prices(self.prices, folder / "prices.csv")


def market_of(strategy: Strategy, file: Path | None, start: date | None) -> Market:
    """Return the market for a strategy; nothing is written.

    Raises
    ------
    InvalidInput
        The strategy decides on features, the file lacks a symbol, or it has no session from ``start`` on.
    """
    manifest = strategy.manifest
    if manifest.features is not None:
        raise InvalidInput(f"profile {manifest.profile} decides on feature snapshots; the sandbox has prices only")
    prices = invented(bind(strategy)) if file is None else read_prices(file, ["close", "adj_close"])
    if absent := [symbol for symbol in manifest.symbols if symbol not in prices.symbols]:
        raise InvalidInput(f"{prices.path} has no prices of {', '.join(absent)}; {manifest.profile} needs them")
    return Market(strategy, prices, file, _sessions(prices, start))


def _sessions(prices: LongPrices, start: date | None) -> tuple[date, ...]:
    """Return the sessions to trigger: from ``start``, or the last two months, to the end of the prices."""
    calendar, last = load_calendar("XNYS"), prices.days.max().item()
    days = calendar.between(start, last) if start and start <= last else ()
    if start and not days:
        raise InvalidInput(f"--from {start}: {prices.path} has prices until {last}")
    return days or calendar.between(date(last.year - 1, last.month, 1), last)[-SESSIONS_SHOWN:]
