"""The broker contract on Schwab's and LongBridge's apps, each on its real client library against its venue."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import pytest
from longbridge_app import compose as longbridge
from longbridge_app.rows import Credentials
from longbridge_app.worker import Worker
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.testing.broker_contract import HKD_FUNDING, BrokerContract
from schwab_app import compose as schwab
from schwab_app.broker import Delays
from schwab_app.connection import Connection, Login
from schwab_app.tokens import TokenFile
from venue_sandbox.servers.launch import Server

from .app_frame import longbridge_login

Start = Callable[..., Server]
Make = Callable[[str], Account]
SETTLE = timedelta(seconds=1)
TIMEOUT = 3.0
BASE, HKD = "DUSBX1", "DUSBX2"
ACCOUNTS = ("--account", f"{BASE}=100000", "--account", f"{HKD}=HKD:780000,USD:5000", "--symbols", "SPY,TLT")


class Venue:
    """A venue over HTTP; see `VenueControl`. Schwab's orders have no reference, so their faults choose by symbol."""

    def __init__(self, start: Start, by_reference: bool) -> None:
        self._start, self._by_reference = start, by_reference
        self.server = start(*ACCOUNTS)
        self._address = ("--port", str(self.server.port))

    def _of(self, order: Order) -> dict[str, str]:
        return {"order": order.client_order_id} if self._by_reference else {"symbol": order.symbol}

    def now(self) -> datetime:
        return datetime.fromisoformat(self.server.control("GET", "book")["now"])

    def price(self, symbol: str) -> Decimal:
        return Decimal(str(self.server.control("GET", "book")["prices"][symbol]["last"]))

    def move(self, symbol: str, price: Decimal) -> None:
        self.server.fault("price_move", symbol=symbol, price=str(price))

    def partial(self, order: Order, share: Decimal) -> None:
        self.server.fault("partial_fill", share=str(share), **self._of(order))

    def rest(self, order: Order) -> None:
        self.server.fault("unfilled", **self._of(order))

    def release(self) -> None:
        self.server.fault("release")

    def lose_acknowledgement(self, order: Order) -> None:
        self.server.fault("drop_after", **self._of(order))

    def drop(self, order: Order) -> None:
        self.server.fault("drop_before", **self._of(order))

    def stale(self, symbol: str, age: timedelta) -> None:
        self.server.fault("stale_quotes", symbol=symbol, seconds=age.total_seconds())

    def close_session(self) -> None:
        self.server.fault("market", state="closed")

    def open_session(self) -> None:
        self.server.fault("market", state="calendar")

    def split(self, symbol: str, ratio: Decimal) -> None:
        self.server.fault("split", symbol=symbol, ratio=str(ratio))

    def drop_connections(self) -> None:
        self.server.fault("disconnect")

    def restart(self) -> None:
        self.server.kill()
        self.server = self._start(*ACCOUNTS, *self._address)


class _Contract(BrokerContract):
    """What the subjects have in common."""

    @pytest.fixture
    def symbol(self) -> str:
        return "SPY"

    @pytest.fixture
    def price(self, venue: Venue) -> Decimal:
        return venue.price("SPY")

    @pytest.fixture
    def funding(self) -> dict[str, Decimal]:
        return {"USD": Decimal(100_000)}

    @pytest.fixture
    def opened(self) -> Generator[ExitStack]:
        with ExitStack() as stack:
            yield stack

    @pytest.fixture
    def broker(self, reopen: Callable[..., Broker]) -> Broker:
        return reopen()

    @pytest.fixture
    def second_client(self, make: Make) -> Broker:
        return make(BASE).broker

    @pytest.fixture
    def hkd_broker(self, make: Make) -> Broker:
        assert HKD_FUNDING == {"HKD": 780_000, "USD": 5_000}
        made = make(HKD).broker
        made.connect()
        return made

    @pytest.fixture
    def reopen(self, make: Make) -> Callable[[], Broker]:
        def run() -> Broker:
            made = make(BASE).broker
            made.connect()
            return made

        return run

    @pytest.fixture
    def market(self, make: Make) -> MarketData:
        return make(BASE).market


class TestSchwab(_Contract):
    """Schwab's app on schwab-py."""

    not_applicable: ClassVar[dict[str, str]] = {
        "B4": "Schwab tells no commission with an order, and charges none for shares; the venue does",
        "B5": "Schwab tells no commission with an order, and charges none for shares; the venue does",
        "B46": "sessions over HTTP do not end one another",
        "B48": "Schwab's accounts are in USD",
        "B49": "Schwab's accounts are in USD",
        "B50": "Schwab's accounts are in USD",
    }

    @pytest.fixture
    def venue(self, schwab_venue: Start) -> Venue:
        return Venue(schwab_venue, by_reference=False)

    @pytest.fixture
    def adjustment(self) -> Adjustment:
        return Adjustment.SPLIT

    @pytest.fixture
    def make(self, venue: Venue, tmp_path: Path, opened: ExitStack) -> Make:
        tokens, store = TokenFile(tmp_path / "token.json"), FileStore(tmp_path / "store")
        tokens.write(venue.server.control("POST", "login"))
        login = Login("sandbox-key", "sandbox-secret", tokens, ("127.0.0.1", venue.server.port))

        def run(name: str) -> Account:
            made = schwab.account_of(Connection(login, TIMEOUT), name, store, Delays(SETTLE))
            opened.callback(made.close)
            return made

        return run


class _LongBridge(_Contract):
    """LongBridge's app on one of its libraries."""

    library: ClassVar[str]

    @pytest.fixture
    def venue(self, longbridge_venue: Start) -> Venue:
        return Venue(longbridge_venue, by_reference=True)

    @pytest.fixture
    def adjustment(self) -> Adjustment:
        return Adjustment.TOTAL_RETURN

    @pytest.fixture
    def make(self, venue: Venue, tmp_path: Path, opened: ExitStack) -> Make:
        pytest.importorskip(f"{self.library}.openapi", exc_type=ImportError)
        store = FileStore(tmp_path / "store")

        def run(name: str) -> Account:
            credentials = Credentials(self.library, **longbridge_login(venue.server, name))
            trade, quote = Worker(credentials, TIMEOUT), Worker(credentials, TIMEOUT)
            made = longbridge.account_of(trade, quote, name, store, SETTLE)
            opened.callback(made.close)
            made.market.quotes(["SPY"])
            return made

        return run


class TestLongBridge(_LongBridge):
    """LongBridge's app on longbridge."""

    library = "longbridge"
    not_applicable: ClassVar[dict[str, str]] = {"B46": "access tokens do not end one another"}


class TestLongPort(_LongBridge):
    """LongBridge's app on longport."""

    library = "longport"
    not_applicable: ClassVar[dict[str, str]] = {"B46": "access tokens do not end one another"}
