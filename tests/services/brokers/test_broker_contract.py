"""The broker contract for every stand: the app's broker and market, on the real client library, at its venue.

There is a class for each subject of a stand, such as ``TestIbAsync176``. A library that is not installed here is tested
in an environment of its own by `scripts/broker_contract.py`.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import BrokerError, Superseded
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.market_data import MarketData
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.testing.broker_contract import HKD_FUNDING, BrokerContract
from quant_platform_kit.testing.venue_control import VenueControl
from venue_sandbox.stands.paper import PaperStand
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import Opening, SessionRule, Stand, Subject

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CALENDAR = load_calendar("XNYS")
SESSION = date(2023, 6, 2)
OPENS = datetime(2023, 6, 2, 15, tzinfo=UTC)
CASH, PRICE = Decimal(10_000), Decimal("101.25")
BASE, HKD = "DUSBX1", "DUSBX2"
Make = Callable[..., Account]


@pytest.fixture(scope="module")
def price_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of SPY around the session in which the contract is tested."""
    days = CALENDAR.between(SESSION - timedelta(days=70), SESSION + timedelta(days=5))
    rows = [f"{day},SPY{f',{PRICE}' * 3}" for day in days]
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    path.write_text("\n".join(["date,symbol,open,close,adj_close", *rows]) + "\n")
    return path


class Turn:
    """Whose login it is, where only one is let in at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.holder: TakingTurns | None = None


class TakingTurns:
    """A broker that logs in again whenever another client had the session, as processes that take turns would."""

    def __init__(self, client: Account, rule: SessionRule, turn: Turn) -> None:
        self.client, self.broker, self.turn, self.turns = client, client.broker, turn, True
        self.connected = False
        self._taken = {SessionRule.FIRST: self._in_turn, SessionRule.NEWEST: self._until_it_has_its_turn}[rule]

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self.broker.account_id

    @property
    def traits(self) -> Any:
        """The broker's traits."""
        return self.broker.traits

    def connect(self) -> None:
        """Log in anew; where another login is in the way, after that has ended."""
        with self.turn.lock:
            holder = self.turn.holder
            if self.turns and holder is not None and holder is not self:
                holder.client.close()
            self.broker.connect()
            self.turn.holder, self.connected = self, True

    def __getattr__(self, name: str) -> Any:
        call = getattr(self.broker, name)
        return lambda *arguments: self._taken(call, *arguments) if self.turns else call(*arguments)

    def _in_turn(self, call: Callable[..., Any], *arguments: Any) -> Any:
        with self.turn.lock:
            if self.turn.holder is not self:
                self.connect()
            return call(*arguments)

    def _until_it_has_its_turn(self, call: Callable[..., Any], *arguments: Any) -> Any:
        for _ in range(500):
            try:
                if not self.connected:
                    self.broker.connect()
                self.connected = True
                return call(*arguments)
            except Superseded:
                self.connected = False
        raise AssertionError("never had its turn")


class StandContract(BrokerContract):
    """The contract for a stand, at a venue of each test's own."""

    kind: ClassVar[type[Stand]]
    subject: ClassVar[Subject]

    @pytest.fixture
    def stand(self, tmp_path: Path, price_file: Path) -> Generator[Stand]:
        """Return the stand, its accounts funded."""
        accounts = {BASE: {"USD": CASH}, HKD: HKD_FUNDING}
        options = self.subject.options
        with self.kind.open(
            Opening(folder=tmp_path, accounts=accounts, prices=price_file, clock=OPENS, options=options)
        ) as stand:
            yield stand

    @pytest.fixture
    def account(self) -> str:
        """Return the account that is traded on."""
        return BASE

    @pytest.fixture
    def hkd_account(self) -> str:
        """Return the account with the base currency HKD."""
        return HKD

    @pytest.fixture
    def venue(self, stand: Stand, account: str) -> VenueControl:
        """Return what is arranged there."""
        return stand.control(account)

    @pytest.fixture
    def make(self, stand: Stand, tmp_path: Path) -> Generator[Make]:
        """Return a maker of accounts as a process has them that has just started."""
        store = FileStore(tmp_path / "store")
        with ExitStack() as opened:

            def run(name: str, session: int = 0) -> Account:
                made = stand.clients(self.kind.waits, self.subject.library, session).account(name, store)
                opened.callback(made.close)
                return made

            yield run

    @pytest.fixture
    def reopen(self, make: Make, account: str) -> Callable[[], Broker]:
        """Return a maker of clients of one account."""
        turn = Turn()

        def run() -> Broker:
            client = make(account)
            if self.kind.session_rule is SessionRule.ALL:
                client.broker.connect()
                return client.broker
            return TakingTurns(client, self.kind.session_rule, turn)

        return run

    @pytest.fixture
    def broker(self, reopen: Callable[[], Broker]) -> Broker:
        """Return the first of them."""
        return reopen()

    @pytest.fixture
    def second_client(self, broker: Broker, make: Make, account: str) -> Broker:
        """Return another one; from now on neither takes turns."""
        if isinstance(broker, TakingTurns):
            with suppress(BrokerError):
                broker.connect()
            broker.turns = False
        return make(account).broker

    @pytest.fixture
    def hkd_broker(self, make: Make, hkd_account: str) -> Broker:
        """Return a client of an account that holds HKD beside the USD it trades in."""
        made = make(hkd_account).broker
        made.connect()
        return made

    @pytest.fixture
    def market(self, make: Make, account: str) -> MarketData:
        """Return the market over a session of its own."""
        made = make(account, session=1)
        made.broker.connect()
        return made.market

    @pytest.fixture
    def funding(self) -> dict[str, Decimal]:
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
        return Adjustment(self.kind.adjustment)


class PaperContract(StandContract):
    """The contract at one paper venue: its accounts have neither prices nor hours in common."""

    @pytest.fixture(scope="class")
    def stand(self, tmp_path_factory: pytest.TempPathFactory, price_file: Path) -> Generator[PaperStand]:
        """Return the stand; each test funds accounts of its own."""
        folder = tmp_path_factory.mktemp("paper")
        with PaperStand.open(Opening(folder=folder, accounts={}, prices=price_file)) as stand:
            yield stand

    @pytest.fixture
    def account(self, stand: PaperStand) -> str:
        """Return the account that is traded on."""
        return self._funded(stand, {"USD": CASH})

    @pytest.fixture
    def hkd_account(self, stand: PaperStand) -> str:
        """Return the account with the base currency HKD."""
        return self._funded(stand, HKD_FUNDING)

    def _funded(self, stand: PaperStand, cash: Mapping[str, Decimal]) -> str:
        name = f"DUSBX{uuid4().hex[:8].upper()}"
        stand.fund(name, cash)
        stand.set_clock(name, OPENS)
        return name


class AlpacaContract(StandContract):
    """The contract where the client library is loaded once: it takes seconds, as pandas comes with it."""

    pytestmark = pytest.mark.xdist_group("alpaca")


BASES: Mapping[str, type[StandContract]] = {"alpaca": AlpacaContract, "paper": PaperContract}


def chosen() -> Generator[tuple[type[Stand], Subject]]:
    """Yield the subject that BROKER_CONTRACT_SUBJECT names; without it, the first of each library that is here."""
    named = os.environ.get("BROKER_CONTRACT_SUBJECT")
    for kind in STANDS.values():
        for subject in kind.subjects if named else kind.libraries():
            if named in (None, subject.name):
                yield kind, subject


def class_name(subject: Subject) -> str:
    """Return ``TestIbAsync176`` for ``ib_async@176``."""
    return f"Test{re.sub(r'[^A-Za-z0-9]', '', subject.name.title())}"


for _kind, _subject in chosen():
    _attributes = {"kind": _kind, "subject": _subject, "not_applicable": _subject.not_applicable}
    globals()[class_name(_subject)] = type(class_name(_subject), (BASES.get(_kind.name, StandContract),), _attributes)
