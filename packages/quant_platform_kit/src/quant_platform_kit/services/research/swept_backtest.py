"""A back-test whose configuration is left open: what `quant sweep` tries."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy
from quant_platform_kit.domain.sweeping import Outcome
from quant_platform_kit.services.research.backtest import BacktestSettings, backtest

__all__ = ["SweptBacktest"]


@dataclass(frozen=True, slots=True)
class SweptBacktest:
    """`Swept`: a strategy over a period of daily prices.

    Attributes
    ----------
    strategy
        Pickled, so that one out of a user's file reaches other processes.
    fixed
        Settings that all trials have, as they were given.
    bind
        Binds a strategy to a configuration, or refuses it.
    identity
        What else an outcome depends on, as plain values: digests of the prices and of the code.
    """

    strategy: bytes
    fixed: Mapping[str, object]
    bind: Callable[[Strategy, Mapping[str, object]], BoundStrategy]
    prices: PriceTable
    calendar: ExchangeCalendar
    settings: BacktestSettings
    identity: Mapping[str, object]

    @property
    def profile(self) -> str:
        """Its canonical name."""
        return _loaded(self.strategy).manifest.profile

    @property
    def display_name(self) -> str:
        """Its name for people."""
        return _loaded(self.strategy).manifest.display_name

    @property
    def question(self) -> Mapping[str, object]:
        """All that an outcome depends on beside the configuration."""
        asked = self.settings
        return {
            **self.identity,
            "profile": self.profile,
            "period": [asked.start, asked.end],
            "cash": asked.cash,
            "fill": asked.fill,
            "policy": repr(asked.policy),
            "believed": sorted([symbol, str(day)] for symbol, day in asked.believed),
        }

    @property
    def sessions(self) -> Sequence[date]:
        """The sessions of the period."""
        return self.calendar.between(self.settings.start, self.settings.end)

    def config(self, point: Point) -> Mapping[str, object]:
        """Return the whole configuration of a point."""
        return self._bound(point).config_values

    def outcome(self, point: Point) -> Outcome:
        """Back-test a point."""
        bound = self._bound(point)
        try:
            result = backtest(bound, self.prices, self.calendar, self.settings)
        except InvalidInput as error:
            told = ", ".join(f"{name}={value}" for name, value in point.items())
            raise InvalidInput(f"{told}: {error}") from None
        return Outcome(result.sessions, result.equity, plain(result.summary))

    def _bound(self, point: Point) -> BoundStrategy:
        return self.bind(_loaded(self.strategy), {**self.fixed, **point})


@cache
def _loaded(strategy: bytes) -> Strategy:
    return pickle.loads(strategy)
