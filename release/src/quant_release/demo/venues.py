"""Brokers of a rehearsal: a venue of the sandbox for each app, all of them in one session of an invented market."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.cli.output import units
from quant_platform_kit.testing.synthetic import synthetic_prices
from venue_sandbox.demo.market import write_prices
from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import ACCOUNT, Opening

__all__ = ["OPENS", "Sent", "VenueClock", "Venues", "open_venues", "text_of"]

OPENS = datetime(2023, 6, 2, 14, 0, tzinfo=UTC)
"""What time it is at every venue when a rehearsal begins: half an hour into a session, hours before jobs are due."""
FIRST, LAST = date(2021, 1, 4), date(2023, 6, 30)
CASH = Decimal(100_000)


class VenueClock(SystemClock):
    """Real time, but for ``now``: that is the venues' time, which is ``ahead`` of it."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        """Return the venues' instant, aware UTC."""
        return super().now() + self._ahead


@dataclass(frozen=True, slots=True)
class Sent:
    """An order that reached a venue."""

    side: str
    quantity: Decimal
    symbol: str

    @property
    def text(self) -> str:
        """The order for people: ``sell 120 SPY``."""
        return f"{self.side.lower()} {units(self.quantity)} {self.symbol}"


def text_of(sent: Iterable[Sent]) -> str:
    """Return orders for people."""
    return ", ".join(one.text for one in sent)


@dataclass(frozen=True)
class Venues:
    """Venues that run, by the name of their app.

    Attributes
    ----------
    prices
        The price file of all of them.
    """

    stands: Mapping[str, ExchangeStand]
    prices: Path
    clock: VenueClock

    def settings(self, app: str) -> dict[str, str]:
        """Return the settings that lead a service of an app to the account at its venue."""
        stand = self.stands[app]
        return {**stand.settings(ACCOUNT), **stand.history_settings(self.prices)}

    def sent(self, app: str) -> Sequence[Sent]:
        """Return every order that reached the venue of an app so far, in sequence."""
        tickets = (order["ticket"] for order in self.stands[app].book()["orders"])
        return [Sent(one["side"], Decimal(one["quantity"]), one["symbol"]) for one in tickets]


@contextmanager
def open_venues(apps: Iterable[str], profiles: Iterable[str], folder: Path) -> Generator[Venues]:
    """Start the venues of some apps, with an account each; they end with the context.

    Parameters
    ----------
    profiles
        Whose symbols the market has.
    folder
        Where the price file and the venues' journals are kept.
    """
    symbols = {symbol for profile in profiles for symbol in bind(find_strategy(profile)).manifest.symbols}
    market = synthetic_prices(symbols, load_calendar("XNYS"), FIRST, LAST)
    prices = write_prices(market, folder / "prices.csv")
    with ExitStack() as stack:
        stands: dict[str, ExchangeStand] = {}
        for app in apps:
            opening = Opening(folder=folder / app, accounts={ACCOUNT: {"USD": CASH}}, prices=prices, clock=OPENS)
            (folder / app).mkdir(parents=True)
            stands[app] = cast("ExchangeStand", stack.enter_context(STANDS[app].open(opening)))
        clock = VenueClock(OPENS - SystemClock().now())
        for stand in stands.values():
            stand.set_clock(ACCOUNT, clock.now())
        yield Venues(stands, prices, clock)
