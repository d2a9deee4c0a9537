"""The paper platform on this machine: its venue and its app, which are products."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.paper.client import PaperClient, VenueClock, control, venue_quotes

from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.stand import STOPS, Opening, SessionRule, Stand, Subject, Waits

if TYPE_CHECKING:
    from datetime import date

    from quant_platform_kit.domain.orders import Order
    from quant_platform_kit.domain.portfolio import Quote
    from quant_platform_kit.ports.versioned_store import VersionedStore
    from quant_platform_kit.runtime.service import Account
    from quant_platform_kit.services.record.seen import Seen

__all__ = ["PLATFORM", "STAND", "PaperClients", "PaperControl", "PaperPlatform", "PaperStand"]

CALENDAR = load_calendar("XNYS")
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class PaperMarket:
    """History out of the venue's price file, quotes from the venue, as the service has them."""

    port: int
    account: str
    prices: Path | None
    price_field: str
    seen: Seen | None = None

    @cached_property
    def _table(self) -> PriceTable:
        from quant_platform_kit.adapters.price_files import price_table, read_prices

        if self.prices is None:
            raise LookupError("the venue was opened without a price file: there is no history")
        prices = read_prices(self.prices, sorted({"close", self.price_field}))
        return price_table(prices, prices.symbols, self.price_field, CALENDAR)

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return all the file has of ``symbols`` up to ``until``."""
        return PriceHistory(self._table.select(symbols)).until(until)

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return what the venue quotes."""
        return venue_quotes(self.port, self.account, symbols, self.seen)


@dataclass(frozen=True)
class PaperClients:
    """Speaks to a paper venue, of the history in its price file."""

    port: int
    waits: Waits
    prices: Path | None
    price_field: str

    @property
    def traits(self) -> BrokerTraits:
        """The waits as the kit has them."""
        return BrokerTraits(visibility_window=self.waits.settle, timeout=timedelta(seconds=self.waits.timeout))

    def account(self, name: str, store: VersionedStore) -> Account:
        """Return an account that has not logged in."""
        from paper_app.beliefs import TABLES
        from quant_platform_kit.domain.identity import Mode
        from quant_platform_kit.runtime.service import Account
        from quant_platform_kit.services.record.seen import Seen

        seen = Seen(TABLES)
        client = PaperClient(self.port, name, self.traits, seen)
        market = PaperMarket(self.port, name, self.prices, self.price_field, seen)
        return Account(client, market, VenueClock(self.port, name), Mode.PAPER, client.close, seen=seen)


class PaperStand(Stand):
    """The paper venue.

    Parameters
    ----------
    prices, price_field
        Price file of history and quotes, and the series of it.
    """

    name = "paper"
    title = "Paper"
    app = "paper_app"
    module = "quant_platform_kit.paper.venue"
    subjects = (
        Subject(
            name="paper",
            library="quant-platform-kit",
            module="quant_platform_kit",
            not_applicable={"B31": "whoever writes the price file adjusts it", **STOPS},
        ),
    )
    waits = Waits(3.0, timedelta(seconds=0.3))
    session_rule = SessionRule.NEWEST
    adjustment = "total_return"

    def __init__(
        self,
        folder: Path,
        words: Sequence[str],
        log: Path | None = None,
        *,
        prices: Path | None = None,
        price_field: str = "adj_close",
    ) -> None:
        super().__init__(folder, words, log)
        self.prices, self.price_field = prices, price_field

    @classmethod
    def open(cls, opening: Opening, price_field: str = "adj_close") -> Self:
        """Start the paper venue, and fund its accounts; without a clock their time is real."""
        words = ["--folder", str(opening.folder / "venue")]
        if opening.prices is not None:
            words += ["--prices", str(opening.prices), "--price-field", price_field]
        stand = cls(opening.folder, (*words, *opening.options), prices=opening.prices, price_field=price_field)
        for account, cash in opening.accounts.items():
            stand.fund(account, cash)
            if opening.clock is not None:
                stand.set_clock(account, opening.clock)
        return stand

    @property
    def port(self) -> int:
        """Where the venue listens."""
        return self.server.port

    def fund(self, account: str, cash: Mapping[str, Decimal]) -> None:
        """Open an account, unless it is there; it trades in USD, whatever else it holds."""
        other = {currency: str(units) for currency, units in cash.items() if currency != "USD"}
        control(self.port, op="fund", account=account, cash=str(cash["USD"]), other_cash=other)

    def set_prices(self, prices: Mapping[str, Decimal]) -> None:
        """Set what all accounts are quoted."""
        control(self.port, op="prices", prices={symbol: str(price) for symbol, price in prices.items()})

    def settings(self, account: str) -> dict[str, str]:
        """Return account, port and price file."""
        assert self.prices is not None, "a service needs prices: open the venue with a price file"
        return {
            "PAPER_ACCOUNT": account,
            "PAPER_VENUE_PORT": str(self.port),
            "PAPER_PRICES": str(self.prices.resolve()),
            "PAPER_PRICE_FIELD": self.price_field,
        }

    def clients(self, waits: Waits, library: str = "", session: int = 0) -> PaperClients:
        """Return what speaks to the venue."""
        return PaperClients(self.port, waits, self.prices, self.price_field)

    def set_clock(self, account: str, instant: datetime) -> None:
        """Set the account's time."""
        control(self.port, op="clock", account=account, instant=instant.isoformat())

    def arm(self, account: str, faults: Sequence[Mapping[str, Any]]) -> None:
        """Say what goes wrong with the next orders of an account, one fault for each; they have no fields but kind."""
        control(self.port, op="fault", account=account, faults=[str(fault["kind"]) for fault in faults])

    def orders(self, account: str) -> list[dict[str, Any]]:
        """Return every order of an account that reached the venue, and where it stands."""
        return control(self.port, op="dump", account=account)["orders"]

    def fills(self, account: str) -> list[tuple[str, Decimal]]:
        """Return client order ids and units filled."""
        return [
            (
                report["order"]["client_order_id"],
                sum((Decimal(fill["quantity"]) for fill in report["fills"]), Decimal()),
            )
            for report in self.orders(account)
        ]

    def control(self, account: str) -> PaperControl:
        """Return the arrangements of the contract; all of them are the account's own."""
        return PaperControl(self, account)


class PaperControl:
    """What a test of the broker contract arranges; see `quant_platform_kit.testing.venue_control`."""

    def __init__(self, stand: PaperStand, account: str) -> None:
        self._stand, self._account = stand, account

    def now(self) -> datetime:
        """Return the account's time."""
        return VenueClock(self._stand.port, self._account).now()

    def price(self, symbol: str) -> Decimal:
        """Return the quote."""
        return venue_quotes(self._stand.port, self._account, [symbol])[symbol].price

    def move(self, symbol: str, price: Decimal) -> None:
        """Set the account's own quote."""
        self._ask("prices", prices={symbol: str(price)})

    def partial(self, order: Order, share: Decimal) -> None:
        """Arrange a partial fill."""
        self._ask("arrange", client_order_id=order.client_order_id, share=str(share))

    def rest(self, order: Order) -> None:
        """Arrange no fill."""
        self.partial(order, Decimal(0))

    def release(self) -> None:
        """Let orders fill."""
        self._ask("release")

    def lose_acknowledgement(self, order: Order) -> None:
        """Lose the next answer."""
        self._stand.arm(self._account, [{"kind": "silent"}])

    def drop(self, order: Order) -> None:
        """Lose the next order."""
        self._stand.arm(self._account, [{"kind": "silent_drop"}])

    def stale(self, symbol: str, age: timedelta) -> None:
        """Age the quotes."""
        self._ask("stale", symbol=symbol, seconds=age.total_seconds())

    def close_session(self) -> None:
        """Move on to the evening."""
        self._stand.set_clock(self._account, CALENDAR.hours(self.now().date()).close + HOUR)

    def open_session(self) -> None:
        """Move back into the session."""
        self._stand.set_clock(self._account, CALENDAR.hours(self.now().date()).open + HOUR)

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Split in this account."""
        self._ask("split", symbol=symbol, ratio=str(ratio))

    def drop_connections(self) -> None:
        """Cut all."""
        self._ask("cut")

    def restart(self) -> None:
        """End the venue, and start it on the same port."""
        self._stand.restart()

    def _ask(self, operation: str, **request: object) -> None:
        control(self._stand.port, op=operation, account=self._account, **request)


@dataclass
class PaperPlatform(Platform):
    """The paper venue and the paper app.

    Parameters
    ----------
    price_field
        The series of the price file, for history and quotes.
    """

    opens_at: str | None = None
    price_field: str = "adj_close"

    kind = PaperStand
    app: ClassVar[str] = PaperStand.app
    name: ClassVar[str] = PaperStand.name

    def open(self) -> PaperStand:
        """Start the paper venue."""
        self._stand = PaperStand.open(self.opening(), self.price_field)
        return self._stand

    def fault(self, *kinds: str) -> None:
        """Say what goes wrong with the next orders, one fault for each."""
        self._stand.arm(self.account, [{"kind": kind} for kind in kinds])

    def orders(self) -> list[dict[str, Any]]:
        """Return every order that reached the venue, and where it stands."""
        return self._stand.orders(self.account)


STAND = PaperStand
PLATFORM = PaperPlatform
