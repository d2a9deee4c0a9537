"""The broker contract at Interactive Brokers: the app's broker and market, on the real client library, at a TWS venue.

``CONTRACT_SERVER_VERSION`` chooses the server version, 176 without it. These tests connect to ports of 127.0.0.1 that
they opened themselves, and to nothing else.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytest_socket
from ibkr_app.compose import account_of
from ibkr_app.connection import Address, Connection
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.testing.broker_contract import HKD_FUNDING, BrokerContract
from venue_sandbox.servers.launch import Server

pytestmark = [pytest.mark.services, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

CALENDAR = load_calendar("XNYS")
SESSION = date(2023, 6, 2)
OPENS = datetime(2023, 6, 2, 15, tzinfo=UTC)
CASH, PRICE = Decimal(10_000), Decimal("101.25")
ACCOUNT, HKD_ACCOUNT = "DUSBX1", "DUSBX2"
CLIENT_ID, TIMEOUT_SECONDS = 17, 4.0
SETTLE = timedelta(seconds=0.3)
ASYNC = find_spec("ib_async") is not None


@pytest.fixture(autouse=True)
def ports(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Return the ports that were opened for a test; it connects to nothing else."""
    opened: set[int] = set()
    pytest_socket.enable_socket()

    def guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def check(self: socket.socket, address: Any) -> Any:
            if self.family != socket.AF_UNIX and (address[0] != "127.0.0.1" or address[1] not in opened):
                pytest.fail(f"connection to {address}, which was not opened for this test")
            return connect(self, address)

        return check

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
    return opened


@pytest.fixture(scope="module")
def price_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of SPY around the session in which the contract is tested."""
    days = CALENDAR.between(SESSION - timedelta(days=70), SESSION + timedelta(days=5))
    rows = [f"{day},SPY{f',{PRICE}' * 3}" for day in days]
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    path.write_text("\n".join(["date,symbol,open,close,adj_close", *rows]) + "\n")
    return path


class Gateway:
    """A TWS venue of a test's own, and what contract tests arrange there."""

    def __init__(self, folder: Path, prices: Path, ports: set[int]) -> None:
        version = os.environ.get("CONTRACT_SERVER_VERSION", "176")
        hkd = ",".join(f"{currency}:{amount}" for currency, amount in HKD_FUNDING.items())
        self.options = ("--folder", str(folder / "venue"), "--prices", str(prices), "--clock", OPENS.isoformat())
        self.options += ("--account", f"{ACCOUNT}={CASH}", "--account", f"{HKD_ACCOUNT}={hkd}")
        self.options += ("--server-version", version)
        self.ports, self.store = ports, FileStore(folder / "store")
        self.turn = Turn()
        self.opened: list[Connection] = []
        self.start()

    def start(self, port: int = 0) -> None:
        """Start it, on a free port unless one is given."""
        self.server = Server("venue_sandbox.venues.tws", *self.options, "--port", str(port))
        self.ports.update((self.server.port, self.server.control_port))

    def connection(self, client_id: int = CLIENT_ID) -> Connection:
        """Return a login that was not made yet."""
        connection = Connection(Address("127.0.0.1", self.server.port, client_id, TIMEOUT_SECONDS))
        self.opened.append(connection)
        return connection

    def client(self, name: str = ACCOUNT) -> Account:
        """Return an account as a process that has just started has it."""
        return account_of(self.connection(), name, self.store, SETTLE)

    def close(self) -> None:
        """End everything."""
        for connection in self.opened:
            connection.close()
        if self.server.process.poll() is None:
            self.server.stop()

    # --- what a test arranges -----------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the venue's time."""
        return datetime.fromisoformat(self.server.control("GET", "book")["now"])

    def price(self, symbol: str) -> Decimal:
        """Return the last price."""
        return Decimal(self.server.control("GET", "book")["prices"][symbol]["last"])

    def move(self, symbol: str, price: Decimal) -> None:
        """Set the price."""
        self.server.fault("price_move", symbol=symbol, price=str(price))

    def partial(self, order: Order, share: Decimal) -> None:
        """Fill a share, then wait."""
        self.server.fault("partial_fill", order=order.client_order_id, share=str(share), then="rest")

    def rest(self, order: Order) -> None:
        """Take it, and wait."""
        self.server.fault("unfilled", order=order.client_order_id)

    def release(self) -> None:
        """Fill what waits."""
        self.server.fault("release")

    def lose_acknowledgement(self, order: Order) -> None:
        """Take it, and cut the connection instead of an answer."""
        self.server.fault("drop_after", operation="submit", order=order.client_order_id)

    def drop(self, order: Order) -> None:
        """Lose it."""
        self.server.fault("silent_drop", operation="submit", order=order.client_order_id)

    def stale(self, symbol: str, age: timedelta) -> None:
        """Date the quotes back."""
        self.server.fault("stale_quotes", symbol=symbol, seconds=age.total_seconds())

    def close_session(self) -> None:
        """Close the market."""
        self.server.fault("market", state="closed")

    def open_session(self) -> None:
        """Open it."""
        self.server.fault("market", state="open")

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Split at once."""
        self.server.fault("split", symbol=symbol, ratio=str(ratio))

    def drop_connections(self) -> None:
        """Reset all."""
        self.server.fault("disconnect")

    def restart(self) -> None:
        """Stop it, and start it on the same port."""
        port = self.server.port
        self.server.stop()
        self.start(port)


class Turn:
    """Whose login it is: the Gateway takes one session under a client id."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.holder: TakingTurns | None = None


class TakingTurns:
    """A broker that logs in again whenever another client had the session, as processes that take turns would."""

    def __init__(self, client: Account, turn: Turn) -> None:
        self.client, self.broker, self.turn, self.turns = client, client.broker, turn, True

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.broker.account_id

    @property
    def traits(self) -> Any:
        """The broker's traits."""
        return self.broker.traits

    def connect(self) -> None:
        """Log in anew, after the other session has ended."""
        with self.turn.lock:
            holder = self.turn.holder
            if self.turns and holder is not None and holder is not self:
                holder.client.close()
            self.broker.connect()
            self.turn.holder = self

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.broker, name)

        def taken(*arguments: Any) -> Any:
            with self.turn.lock:
                if self.turns and self.turn.holder is not self:
                    self.connect()
                return call(*arguments)

        return taken


class TestIbkr(BrokerContract):
    """An account at a TWS venue."""

    not_applicable: ClassVar = (
        {} if ASYNC else {"B28": "ib_insync does not tell when the last trade was: prices are dated when they arrive"}
    )

    @pytest.fixture
    def venue(self, tmp_path: Path, price_file: Path, ports: set[int]) -> Generator[Gateway]:
        """Return a venue of the test's own."""
        gateway = Gateway(tmp_path, price_file, ports)
        yield gateway
        gateway.close()

    @pytest.fixture
    def reopen(self, venue: Gateway) -> Callable[[], TakingTurns]:
        """Return a maker of clients of one account."""
        return lambda: TakingTurns(venue.client(), venue.turn)

    @pytest.fixture
    def broker(self, reopen: Callable[[], TakingTurns]) -> TakingTurns:
        """Return the first of them."""
        return reopen()

    @pytest.fixture
    def second_client(self, broker: TakingTurns, venue: Gateway) -> Broker:
        """Return another one; from now on neither takes turns."""
        with suppress(BrokerError):
            broker.connect()
        broker.turns = False
        return venue.client().broker

    @pytest.fixture
    def hkd_broker(self, venue: Gateway) -> TakingTurns:
        """Return a client of an account that holds HKD beside the USD it trades in."""
        return TakingTurns(venue.client(HKD_ACCOUNT), venue.turn)

    @pytest.fixture
    def funding(self) -> Mapping[str, Decimal]:
        """Return the account's cash."""
        return {"USD": CASH}

    @pytest.fixture
    def symbol(self) -> str:
        """Return what trades."""
        return "SPY"

    @pytest.fixture
    def price(self) -> Decimal:
        """Return its quote."""
        return PRICE

    @pytest.fixture
    def adjustment(self) -> Adjustment:
        """Return that of the history."""
        return Adjustment.SPLIT

    @pytest.fixture
    def market(self, venue: Gateway, adjustment: Adjustment) -> MarketData:
        """Return the market over a login of its own."""
        connection = venue.connection(CLIENT_ID + 1)
        connection.connect()
        return account_of(connection, ACCOUNT, venue.store, SETTLE, adjustment).market
