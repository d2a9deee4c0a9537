"""The paper broker passes the broker contract; its journal survives crashes and refuses what it cannot trust."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import ClassVar

import numpy as np
import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import FileMarketData
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, OrderRejected, Refused
from quant_platform_kit.domain.orders import Fill, Order, OrderState, Side
from quant_platform_kit.domain.planning import IDEAL, ExecutionRules
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.paper.broker import PaperBroker, open_account, read_account
from quant_platform_kit.testing.broker_contract import BrokerContract

NOW = datetime(2023, 12, 1, 21, 0, tzinfo=UTC)
CASH = Decimal(10_000)
BUY = Order("qbuy", "SPY", Side.BUY, Decimal(10))

Tree = Callable[[Path], dict[str, bytes | None]]

DIE_AFTER_THE_JOURNAL = """
import os, signal, sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from quant_platform_kit.domain.orders import Order, Side
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.paper.broker import PaperBroker

NOW = datetime(2023, 12, 1, 21, 0, tzinfo=UTC)

class Market:
    def quotes(self, symbols):
        return {symbol: Quote(symbol, Decimal(100), NOW) for symbol in symbols}

def durable_then_dead(handle, sync=os.fsync):
    sync(handle)
    os.kill(os.getpid(), signal.SIGKILL)

broker = PaperBroker(Path(sys.argv[1]), Market(), FrozenClock(NOW))
os.fsync = durable_then_dead
broker.submit(Order("qbuy", "SPY", Side.BUY, Decimal(10)))
print("answered")
"""


class Market:
    """Quotes that a test sets."""

    def __init__(self, prices: Mapping[str, str]) -> None:
        self.prices = dict(prices)

    def quotes(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return what the test set."""
        return {s: Quote(s, Decimal(self.prices[s]), NOW) for s in symbols if s in self.prices}


@pytest.fixture
def market() -> Market:
    return Market({"SPY": "100", "AGG": "50.123456"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_account(tmp_path / "book", CASH)
    return tmp_path / "book"


@pytest.fixture
def reopen(folder: Path, market: Market) -> Callable[[], PaperBroker]:
    return lambda: PaperBroker(folder, market, FrozenClock(NOW))


@pytest.fixture
def broker(reopen: Callable[[], PaperBroker]) -> PaperBroker:
    return reopen()


@pytest.fixture
def symbol() -> str:
    return "SPY"


@pytest.fixture
def price(market: Market) -> Decimal:
    return Decimal(market.prices["SPY"])


@pytest.fixture
def funding() -> dict[str, Decimal]:
    return {"USD": CASH}


class Listed(Market):
    """A price file's history, and the quotes that a test sets; also what a contract test arranges."""

    def __init__(self, prices: Mapping[str, str], file: FileMarketData) -> None:
        super().__init__(prices)
        self.file = file

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return what the file has."""
        return self.file.history(symbols, until, sessions)

    def now(self) -> datetime:
        """Return the instant at which all happens."""
        return NOW

    def move(self, symbol: str, price: Decimal) -> None:
        """Set a quote."""
        self.prices[symbol] = str(price)


ALL_OR_NOTHING = "an order fills whole or waits for its limit"
NO_WIRE = "a call cannot get lost: there is no wire"


class TestPaperBroker(BrokerContract):
    """The account in a folder, in this process."""

    not_applicable: ClassVar = {
        "B28": "a price file's quotes are as old as the clock says",
        "B31": "whoever writes the price file adjusts it",
        **dict.fromkeys(("B38", "B39", "B40"), ALL_OR_NOTHING),
        **dict.fromkeys(("B41", "B42", "B44", "B45"), NO_WIRE),
        "B46": "there are no sessions: every call locks the account",
        "B47": "the run's own session gate is the only one",
        **dict.fromkeys(("B48", "B49", "B50"), "an account holds one currency"),
        "B51": "total-return prices have no splits",
        "B53": "it takes stop orders",
    }

    @pytest.fixture
    def market(self, calendar: ExchangeCalendar, market_table: PriceTable) -> Listed:
        """Return a price file of SPY, quoted at the newest close."""
        return Listed({"SPY": "100"}, FileMarketData(market_table, calendar, FrozenClock(NOW)))

    @pytest.fixture
    def venue(self, market: Listed) -> Listed:
        """Return what sets its quotes."""
        return market

    @pytest.fixture
    def adjustment(self) -> Adjustment:
        """Return that of the default price field."""
        return Adjustment.TOTAL_RETURN

    @pytest.fixture
    def market_table(self, calendar: ExchangeCalendar) -> PriceTable:
        """Return 40 closes of SPY, the newest one that of the session under way."""
        sessions = calendar.between(NOW.date() - timedelta(days=70), NOW.date())[-40:]
        closes = np.linspace(80, 100, 40).reshape(-1, 1)
        return PriceTable(np.array(sessions, dtype="datetime64[D]"), ("SPY",), {"close": closes})


def test_a_limit_order_waits_for_its_price_across_processes_and_spends_nothing_before(
    reopen: Callable[[], PaperBroker], market: Market
) -> None:
    reopen().submit(Order("qlimit", "SPY", Side.BUY, Decimal(10), Decimal(95)))
    assert reopen().account().cash_by_currency == {"USD": CASH}
    market.prices["SPY"] = "94"
    # 94 x 1.0002 = 94.0188; 10 of it and a basis point of commission: 940.188 + 0.0940188.
    found = reopen().find("qlimit")
    assert found is not None
    assert [fill.price for fill in found.fills] == [Decimal("94.0188")]
    market.prices["SPY"] = "50"
    assert reopen().account().cash_by_currency == {"USD": CASH - Decimal("940.2820188")}
    assert reopen().open_orders() == ()


def test_slippage_ends_at_the_limit(broker: PaperBroker) -> None:
    report = broker.submit(Order("qlimit", "SPY", Side.BUY, Decimal(10), Decimal("100.01")))
    assert [fill.price for fill in report.fills] == [Decimal("100.01")]


def test_a_waiting_order_whose_cash_is_gone_waits_on(broker: PaperBroker, market: Market) -> None:
    broker.submit(Order("qlimit", "SPY", Side.BUY, Decimal(90), Decimal(95)))
    broker.submit(BUY)
    broker.submit(Order("qmore", "SPY", Side.BUY, Decimal(80)))
    market.prices["SPY"] = "94"
    assert [report.order.client_order_id for report in broker.open_orders()] == ["qlimit"]


def test_a_buy_pays_two_basis_points_more_than_the_quote_and_one_of_commission(broker: PaperBroker) -> None:
    # 10 x 100.02 = 1000.20; commission 0.10002; 10000 - 1000.20 - 0.10002 = 8999.69998.
    report = broker.submit(BUY)
    assert report.fills == (Fill("qbuy", "SPY", Side.BUY, Decimal(10), Decimal("100.02"), Decimal("0.10002"), NOW),)
    assert broker.account().cash_by_currency == {"USD": Decimal("8999.69998")}


def test_a_sale_gets_two_basis_points_less_than_the_quote_and_pays_one_of_commission(
    broker: PaperBroker, market: Market
) -> None:
    broker.submit(BUY)
    market.prices["SPY"] = "110"
    # 4 x 109.978 = 439.912; commission 0.0439912; 8999.69998 + 439.912 - 0.0439912 = 9439.5679888.
    report = broker.submit(Order("qsell", "SPY", Side.SELL, Decimal(4)))
    assert [(fill.price, fill.commission) for fill in report.fills] == [(Decimal("109.978"), Decimal("0.0439912"))]
    assert broker.account().cash_by_currency == {"USD": Decimal("9439.5679888")}


def test_the_last_cent_may_be_spent_and_no_more(folder: Path, market: Market) -> None:
    broker = PaperBroker(folder, market, FrozenClock(NOW), IDEAL)
    market.prices["SPY"] = "1000.001"
    broker.submit(Order("qten", "SPY", Side.BUY, Decimal(10)))
    assert broker.account().cash_by_currency == {"USD": Decimal("-0.010")}
    with pytest.raises(OrderRejected, match=r"leaves -0\.01 USD in cash"):
        broker.submit(Order("qmore", "AGG", Side.BUY, Decimal("0.000000001")))


def test_a_quantity_between_two_steps_is_rejected(folder: Path, market: Market) -> None:
    broker = PaperBroker(folder, market, FrozenClock(NOW), ExecutionRules(quantity_step=Decimal("0.5")))
    broker.submit(Order("qhalf", "SPY", Side.BUY, Decimal("1.5")))
    with pytest.raises(OrderRejected, match=r"quantity 1\.25 of SPY: it is a positive multiple of 0\.5"):
        broker.submit(Order("qquarter", "SPY", Side.BUY, Decimal("1.25")))
    assert broker.account().quantities == {"SPY": Decimal("1.5")}


def test_a_rejected_order_stays_rejected_when_it_could_fill_later(broker: PaperBroker, market: Market) -> None:
    market.prices["SPY"] = "100000"
    with pytest.raises(OrderRejected, match="in cash"):
        broker.submit(BUY)
    market.prices["SPY"] = "100"
    with pytest.raises(OrderRejected, match="in cash"):
        broker.submit(BUY)
    known = broker.find("qbuy")
    assert known is not None
    assert known.state is OrderState.REJECTED
    assert broker.account().cash_by_currency == {"USD": CASH}


def test_a_symbol_without_a_quote_is_rejected_by_name(broker: PaperBroker) -> None:
    with pytest.raises(OrderRejected, match="no price for TLT"):
        broker.submit(Order("qtlt", "TLT", Side.BUY, Decimal(1)))


def test_an_order_filled_and_not_answered_by_a_killed_broker_is_not_filled_again(
    folder: Path, reopen: Callable[[], PaperBroker], market: Market
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", DIE_AFTER_THE_JOURNAL, str(folder)], check=False, capture_output=True, text=True
    )
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, ""), killed.stderr
    market.prices["SPY"] = "200"
    broker = reopen()
    found = broker.find("qbuy")
    assert found is not None
    assert [fill.price for fill in found.fills] == [Decimal("100.02")]
    assert broker.submit(BUY) == found
    assert broker.account().quantities == {"SPY": 10}
    assert broker.account().cash_by_currency == {"USD": Decimal("8999.69998")}


@pytest.mark.parametrize("kept", [0, 1, 40, -1])
def test_a_line_cut_off_by_a_crash_never_happened_and_is_written_over(
    folder: Path, broker: PaperBroker, reopen: Callable[[], PaperBroker], kept: int
) -> None:
    journal = folder / "book.jsonl"
    broker.submit(BUY)
    whole = journal.read_bytes()
    broker.submit(Order("qlost", "SPY", Side.BUY, Decimal(5)))
    line = journal.read_bytes()[len(whole) :]
    journal.write_bytes(whole + line[:kept])
    survivor = reopen()
    assert survivor.find("qlost") is None
    assert survivor.account().quantities == {"SPY": 10}
    survivor.submit(Order("qnext", "SPY", Side.BUY, Decimal(1)))
    assert reopen().account().quantities == {"SPY": 11}
    lines = journal.read_bytes().splitlines()
    assert [json.loads(line)["order"]["client_order_id"] for line in lines[1:]] == ["qbuy", "qnext"]


@pytest.mark.parametrize(
    ("line", "damage"),
    [(0, b"{}"), (0, b"\xff"), (1, b""), (1, b"{}"), (1, b'{"order":'), (1, b"null"), (2, b"\x00\x00")],
)
def test_a_damaged_journal_is_refused_and_left_as_it_is(
    folder: Path, broker: PaperBroker, line: int, damage: bytes
) -> None:
    for number in (1, 2):
        broker.submit(Order(f"q{number}", "SPY", Side.BUY, Decimal(1)))
    journal = folder / "book.jsonl"
    lines = journal.read_bytes().split(b"\n")
    lines[line] = damage
    journal.write_bytes(b"\n".join(lines))
    before = journal.read_bytes()
    for attempt in (
        lambda: read_account(folder),
        lambda: open_account(folder, CASH),
        lambda: broker.account(),
        lambda: broker.find("q1"),
        lambda: broker.submit(BUY),
    ):
        with pytest.raises(InvalidInput, match=rf"{journal} is damaged"):
            attempt()
    assert journal.read_bytes() == before


def test_an_account_that_cannot_be_locked_answers_nothing_and_fills_nothing(folder: Path, broker: PaperBroker) -> None:
    (folder / "book.lock").unlink()
    (folder / "book.lock").mkdir()
    with pytest.raises(BrokerError, match=rf"{folder}"):
        broker.submit(BUY)
    assert broker.account().cash_by_currency == {"USD": CASH}


def test_the_book_is_what_the_journal_tells(folder: Path, broker: PaperBroker) -> None:
    broker.submit(BUY)
    broker.submit(Order("qagg", "AGG", Side.BUY, Decimal(2)))
    broker.submit(Order("qsell", "SPY", Side.SELL, Decimal(10)))
    account = read_account(folder)
    assert account.funded == CASH
    assert list(account.reports) == ["qbuy", "qagg", "qsell"]
    assert account.book.quantities == {"AGG": 2}
    assert account.last_traded == NOW


def test_an_account_that_never_traded_has_no_last_trade(folder: Path, broker: PaperBroker) -> None:
    with pytest.raises(OrderRejected):
        broker.submit(Order("qshort", "SPY", Side.SELL, Decimal(1)))
    assert read_account(folder).last_traded is None


def test_an_account_opens_again_with_the_same_cash_or_none(folder: Path, broker: PaperBroker) -> None:
    broker.submit(BUY)
    for cash in (CASH, Decimal("10000.00"), None):
        account = open_account(folder, cash)
        assert account.book.account_id == broker.account_id
        assert account.book.cash == Decimal("8999.69998")


@pytest.mark.parametrize("cash", ["9999.99", "10000.01", "8999.69998"])
def test_other_cash_than_the_account_was_funded_with_is_refused(folder: Path, tree: Tree, cash: str) -> None:
    before = tree(folder)
    with pytest.raises(Refused, match=rf"--cash is {cash}; .* was funded with 10000: use that amount"):
        open_account(folder, Decimal(cash))
    assert tree(folder) == before


@pytest.mark.parametrize("cash", ["0", "-0", "-5", "NaN", "Infinity", "-Infinity", "sNaN"])
def test_cash_that_is_not_positive_is_refused_and_leaves_nothing_behind(tmp_path: Path, cash: str) -> None:
    with pytest.raises(InvalidInput, match=rf"--cash is {Decimal(cash)}; .* positive amount"):
        open_account(tmp_path / "deep" / "book", Decimal(cash))
    assert list(tmp_path.iterdir()) == []


def test_a_new_account_without_cash_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no paper account in .*book; fund a new one with --cash"):
        open_account(tmp_path / "book", None)
    assert list(tmp_path.iterdir()) == []


def test_an_account_below_a_regular_file_is_refused_and_leaves_nothing_behind(tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "file").write_text("text")
    for folder in (tmp_path / "file", tmp_path / "file" / "book"):
        with pytest.raises(InvalidInput, match=str(folder)):
            open_account(folder, CASH)
    assert tree(tmp_path) == {"file": b"text"}


def test_two_accounts_have_different_ids(tmp_path: Path) -> None:
    ids = {open_account(tmp_path / name, CASH).book.account_id for name in "abc"}
    assert len(ids) == 3


def test_openers_of_a_new_account_at_once_open_the_same_one(tmp_path: Path) -> None:
    for turn in range(100):
        start = Barrier(4)

        def fund(folder: Path, start: Barrier = start) -> str:
            start.wait()
            return open_account(folder, CASH).book.account_id

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(fund, [tmp_path / str(turn)] * 4))) == 1


def test_an_account_whose_funding_was_cut_off_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "book.jsonl").write_bytes(b'{"account_id":"PAPER-1","ca')
    with pytest.raises(InvalidInput, match="is empty; delete the folder and fund a new account"):
        open_account(tmp_path, CASH)
