"""The strategy of the campaigns: new random weights in every session, so that every run has something to trade."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from pydantic import BaseModel
from quant_platform_kit.adapters.strategies import bind
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar
from quant_platform_kit.domain.strategy import (
    BoundStrategy,
    InputName,
    StrategyContext,
    StrategyDecision,
    StrategyManifest,
    TargetMode,
)
from quant_platform_kit.ports.clock import Clock

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
PRICES = {"AAA": Decimal("40"), "BBB": Decimal("75"), "CCC": Decimal("110"), "DDD": Decimal("20")}


class Shuffle:
    """Weights drawn from the session's date: the same on every evaluation of one session."""

    class Config(BaseModel):
        """The campaign's seed."""

        seed: int = 0

    manifest = StrategyManifest(
        profile="shuffle",
        display_name="Shuffle",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=SYMBOLS,
        history_sessions=2,
        cadence=Cadence.SESSION,
        sources=("fault campaign",),
    )

    def evaluate(self, ctx: StrategyContext, config: Config) -> StrategyDecision:
        """Decide."""
        drawn = hashlib.sha256(f"{config.seed}|{ctx.as_of}".encode()).digest()
        parts = [drawn[i] for i in range(len(SYMBOLS))]
        parts[drawn[10] % len(SYMBOLS)] = 0
        total = sum(parts) or 1
        weights = {symbol: 0.9 * part / total for symbol, part in zip(SYMBOLS, parts, strict=True)}
        return self.manifest.rebalance(ctx, weights, "shuffled")


def write_prices(path: Path, days: Iterable[date | str]) -> Path:
    """Write a price file for a venue, with the constant prices on every day; return its path."""
    rows = (f"{day},{symbol}{f',{PRICES[symbol]}' * 3}\n" for day in days for symbol in SYMBOLS)
    path.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return path


def bound(seed: int) -> BoundStrategy:
    """Return the strategy for one campaign."""
    return bind(Shuffle(), {"seed": seed})


class RunClock:
    """Real time, moved into a session: every worker of one run agrees on it."""

    def __init__(self, session_instant: datetime, real_start: float, real: Clock) -> None:
        self._instant = session_instant
        self._start = real_start
        self._real = real

    def now(self) -> datetime:
        """Return the session's instant plus the real time since the run began."""
        return self._instant + timedelta(seconds=self.monotonic() - self._start)

    def monotonic(self) -> float:
        """Return the machine's seconds."""
        return self._real.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._real.sleep(seconds)


class FixedMarket:
    """Constant prices, quoted now."""

    def __init__(self, clock: Clock, calendar: ExchangeCalendar) -> None:
        self._clock = clock
        self._calendar = calendar

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return two sessions of the same closes."""
        dates = np.array([self._calendar.before(until), until], dtype="datetime64[D]")
        row = [float(PRICES[symbol]) for symbol in symbols]
        return PriceHistory(PriceTable(dates, symbols, {"close": np.array([row, row])}))

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the constant prices as of now."""
        now = self._clock.now()
        return {symbol: Quote(symbol, PRICES[symbol], now) for symbol in symbols if symbol in PRICES}
