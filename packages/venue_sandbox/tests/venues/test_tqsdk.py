"""The rules of the DIFF venue, and what an account may do: without a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.servers.faults import FaultError
from venue_sandbox.venues.tqsdk import operations
from venue_sandbox.venues.tqsdk.__main__ import parser
from venue_sandbox.venues.tqsdk.book import Book
from venue_sandbox.venues.tqsdk.contracts import OPTION, decimals, descriptions, listing
from venue_sandbox.venues.tqsdk.control import _LOOKS, _OPERATIONS
from venue_sandbox.venues.tqsdk.desk import Desk
from venue_sandbox.venues.tqsdk.faults import FAULTS, Faults
from venue_sandbox.venues.tqsdk.journal import Journal, JournalError
from venue_sandbox.venues.tqsdk.operations import Floor
from venue_sandbox.venues.tqsdk.orders import Order, OrderRequest
from venue_sandbox.venues.tqsdk.products import EXCHANGES, PRODUCTS
from venue_sandbox.venues.tqsdk.settings import Settings, Treatment, Way
from venue_sandbox.venues.tqsdk.sockets import Sockets
from venue_sandbox.venues.tqsdk.td import TradeServer
from venue_sandbox.venues.tqsdk.trading_time import (
    CLOSED_DAYS,
    ZONE,
    in_hours,
    next_trading_day,
    read_day,
    trading_day_of,
)
from venue_sandbox.venues.tqsdk.venue import Day, Venue

USER = "DUSBX1"
PAGE = Path(__file__).parents[4] / "docs" / "reference" / "venue-tqsdk.md"


class Pit:
    """A venue without connections, where every step is taken at once."""

    def __init__(self, **settings: Any) -> None:
        clock = VenueClock(real=datetime(2025, 3, 3, 2, tzinfo=UTC).timestamp)
        self.venue = Venue(Settings(**settings), clock, Day(date(2025, 3, 3)))
        self.desk = Desk(self.venue)
        server = TradeServer(self.venue, self.desk, Faults(lambda fault: None), Sockets())
        self.floor = Floor(self.venue, self.desk, server)
        self.diffs: list[dict[str, Any]] = []
        self.venue.told = lambda user, diffs: self.diffs.extend(diffs)

    @property
    def book(self) -> Book:
        """The account."""
        return self.venue.book(USER)

    def run(self, *steps: Callable[[], Any]) -> Any:
        """Take steps, and all that follows from each; return what the last one has returned."""

        async def taken() -> Any:
            answer = None
            for step in steps:
                answer = step()
                for _ in range(20):
                    await asyncio.sleep(0)
            return answer

        return asyncio.run(taken())

    def order(self, *words: Any, fault: Any = None, **fields: Any) -> Order:
        """Insert an order, such as ``SHFE.rb2505 BUY OPEN 10 3510``; return it as it is then."""
        request = asked(*words, **fields)
        before = self.venue.orders
        arrival = self.venue.arrived("insert", USER, request.id, request)
        self.run(lambda: self.desk.insert(arrival, request, fault))
        assert self.venue.orders == before + 1, arrival
        return self.book.orders[self.venue.orders]

    def cancel(self, order_id: str) -> str:
        """Cancel an order; return why it is not."""
        arrival = self.venue.arrived("cancel", USER, order_id)
        self.run(lambda: self.desk.cancel(arrival))
        return arrival.text

    def do(self, operation: str, **fields: Any) -> Any:
        """Do something by the control endpoint."""
        model, act = _OPERATIONS[operation]
        return self.run(lambda: act(self.floor, model.model_validate(fields)))

    def look(self, what: str) -> Any:
        """Look at something by the control endpoint."""
        return _LOOKS[what](self.floor, USER)


def asked(
    symbol: str, direction: str, offset: str, volume: int, price: float | None = None, order_id: str = "", **fields: Any
) -> OrderRequest:
    """Return the request for an order."""
    exchange, _, instrument = symbol.partition(".")
    limit = {"price_type": "ANY", "time_condition": "IOC"} if price is None else {"limit_price": price}
    asked.count = getattr(asked, "count", 0) + 1
    message = {
        "order_id": order_id or f"A{asked.count}",
        "exchange_id": exchange,
        "instrument_id": instrument,
        "direction": direction,
        "offset": offset,
        "volume": volume,
        "price_type": "LIMIT",
        "time_condition": "GFD",
        "volume_condition": "ANY",
        **limit,
        **fields,
    }
    return OrderRequest.read(message)


@pytest.fixture
def pit() -> Pit:
    """Return a venue whose orders fill at once."""
    return Pit()


# --- contracts and hours -----------------------------------------------------------------------------


def test_every_exchange_lists_several_contracts_and_one_that_has_expired() -> None:
    contracts = listing()
    for exchange in EXCHANGES:
        listed = [it for it in contracts.values() if it.product.exchange == exchange]
        assert sum(not it.expired for it in listed) >= 3
        assert sum(it.expired for it in listed) >= 1
    assert len({product.code for product in PRODUCTS}) == len(PRODUCTS)


def test_a_contract_is_described_as_the_query_service_does() -> None:
    described = descriptions(listing().values(), frozenset({"SHFE.rb2405"}))
    rebar = described["SHFE.rb2505"]
    assert (rebar["price_tick"], rebar["volume_multiple"], rebar["max_market_order_volume"]) == (1.0, 10, 0)
    assert rebar["trading_time"]["night"] == [["21:00:00", "23:00:00"]]
    assert described["SHFE.au2506"]["trading_time"]["night"] == [["21:00:00", "26:30:00"]]
    assert not rebar["expired"]
    assert described["SHFE.rb2405"]["expired"]
    assert described["KQ.m@SHFE.au"]["underlying"]["edges"][0]["node"]["instrument_id"] == "SHFE.au2506"
    assert described[OPTION]["class"] == "OPTION"
    assert [decimals(tick) for tick in (1.0, 0.02, 0.005, 0.5, 20.0)] == [0, 2, 3, 1, 0]


@pytest.mark.parametrize(
    ("symbol", "local", "is_open"),
    [
        ("SHFE.rb2505", "2025-03-03T09:00", True),
        ("SHFE.rb2505", "2025-03-03T10:15", False),
        ("SHFE.rb2505", "2025-03-03T22:59", True),
        ("SHFE.rb2505", "2025-03-03T23:00", False),
        ("SHFE.au2506", "2025-03-04T02:29", True),
        ("SHFE.au2506", "2025-03-04T02:30", False),
        ("SHFE.au2506", "2025-03-08T01:00", True),
        ("SHFE.au2506", "2025-03-08T09:30", False),
        ("SHFE.au2506", "2025-03-09T21:30", False),
        ("SHFE.au2506", "2025-03-10T01:00", False),
        ("SHFE.rb2505", "2025-04-30T21:30", False),
        ("SHFE.rb2505", "2025-05-01T10:00", False),
        ("CFFEX.T2506", "2025-03-03T15:10", True),
        ("CFFEX.IF2503", "2025-03-03T21:30", False),
    ],
)
def test_a_night_belongs_to_the_evening_before_and_there_is_none_before_a_holiday(
    symbol: str, local: str, is_open: bool
) -> None:
    instant = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    assert in_hours(listing()[symbol].product.hours, instant, CLOSED_DAYS) == is_open


@pytest.mark.parametrize(
    ("local", "day"),
    [
        ("2025-03-03T10:00", "20250303"),
        ("2025-03-03T21:00", "20250304"),
        ("2025-03-07T22:00", "20250310"),
        ("2025-03-08T01:00", "20250310"),
        ("2025-04-30T20:00", "20250502"),
    ],
)
def test_the_trading_day_of_an_instant(local: str, day: str) -> None:
    assert trading_day_of(datetime.fromisoformat(local).replace(tzinfo=ZONE), CLOSED_DAYS) == read_day(day)


def test_the_next_trading_day_is_after_weekends_and_holidays() -> None:
    assert next_trading_day(date(2025, 9, 30), CLOSED_DAYS) == date(2025, 10, 6)
    assert next_trading_day(date(2025, 3, 7), ()) == date(2025, 3, 10)


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "fields", "text"),
    [
        (("SHFE.rb9999", "BUY", "OPEN", 1, 3500), {}, "找不到合约"),
        (("SHFE.RB2505", "BUY", "OPEN", 1, 3500), {}, "找不到合约"),
        (("SHFE.rb2405", "BUY", "OPEN", 1, 3500), {}, "合约不能交易"),
        (("SHFE.rb2505", "UP", "OPEN", 1, 3500), {}, "报单字段有误"),
        (("SHFE.rb2505", "BUY", "OPEN", 0, 3500), {}, "报单字段有误"),
        (("SHFE.rb2505", "BUY", "OPEN", 501, 3500), {}, "SHFE:报单手数超过"),
        (("SHFE.rb2505", "BUY", "OPEN", 1, 3500.5), {}, "SHFE:价格非最小单位倍数"),
        (("SHFE.rb2505", "BUY", "OPEN", 1, float("nan")), {}, "SHFE:价格非最小单位倍数"),
        (("SHFE.rb2505", "BUY", "OPEN", 1, 0), {}, "SHFE:价格跌破跌停板"),
        (("SHFE.rb2505", "BUY", "OPEN", 1, 3851), {}, "SHFE:价格涨破涨停板"),
        (("SHFE.rb2505", "BUY", "OPEN", 1), {}, "SHFE:不支持的价格类型"),
        (("INE.sc2505", "BUY", "OPEN", 1), {}, "INE:不支持的价格类型"),
        (("CFFEX.IF2503", "BUY", "OPEN", 1), {}, "CFFEX:不支持的价格类型"),
        (("GFEX.si2505", "BUY", "OPEN", 1), {}, "GFEX:不支持的价格类型"),
        (("DCE.m2505", "BUY", "OPEN", 1), {"price_type": "BEST"}, "DCE:不支持的价格类型"),
        (("DCE.m2505", "BUY", "OPEN", 1), {"time_condition": "GFD"}, "报单字段有误"),
        (("CZCE.CF505", "BUY", "OPEN", 201), {}, "CZCE:报单手数超过单笔最大下单量200"),
        (("CZCE.CF505", "BUY", "OPEN", 1, 14000), {"time_condition": "IOC", "volume_condition": "ALL"}, "字段有误"),
        (("DCE.m2505", "SELL", "CLOSETODAY", 1, 3000), {}, "报单字段有误"),
        (("DCE.m2505", "SELL", "CLOSE", 1, 3000), {}, "平仓量超过持仓量"),
        (("SHFE.rb2505", "SELL", "CLOSE", 1, 3500), {}, "平昨仓位不足"),
        (("SHFE.rb2505", "SELL", "CLOSETODAY", 1, 3500), {}, "平今仓位不足"),
        (("SHFE.au2506", "BUY", "OPEN", 500, 800), {}, "资金不足"),
    ],
)
def test_an_order_is_refused_in_words_like_those_of_the_trading_system(
    pit: Pit, words: tuple[Any, ...], fields: dict[str, Any], text: str
) -> None:
    order = pit.order(*words, **fields)
    assert text in order.message
    shown = pit.book.order_shown(order)
    assert (shown["status"], shown["is_error"], shown["exchange_order_id"]) == ("FINISHED", True, "")
    assert pit.book.available == pit.book.balance


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (("DCE.m2505", "BUY", "OPEN", 5), {}),
        (("CZCE.CF505", "SELL", "OPEN", 5), {}),
        (("CFFEX.IF2503", "BUY", "OPEN", 5), {"price_type": "BEST"}),
        (("CFFEX.T2506", "BUY", "OPEN", 5), {"price_type": "FIVELEVEL"}),
        (("CFFEX.T2506", "BUY", "OPEN", 5, 108.005), {}),
        (("INE.sc2505", "SELL", "OPEN", 5, 499.9), {}),
        (("GFEX.lc2505", "SELL", "OPEN", 5, 69980), {"time_condition": "IOC", "volume_condition": "ALL"}),
    ],
)
def test_an_order_that_meets_the_quote_fills(pit: Pit, words: tuple[Any, ...], fields: dict[str, Any]) -> None:
    order = pit.order(*words, **fields)
    assert (order.status, order.left, order.message) == ("FINISHED", 0, "全部成交")


def test_hours_are_enforced_where_that_is_asked_for() -> None:
    pit = Pit(enforce_hours=True)  # 10:00 in Shanghai
    assert pit.order("SHFE.rb2505", "BUY", "OPEN", 1, 3510).filled == 1
    pit.do("clock", forward=20 * 60)
    assert "当前状态禁止此项操作" in pit.order("SHFE.rb2505", "BUY", "OPEN", 1, 3510).message
    pit.do("settings", enforce_hours=False)
    assert pit.order("SHFE.rb2505", "BUY", "OPEN", 1, 3510).filled == 1


# --- positions and money -----------------------------------------------------------------------------


def identity(book: Book) -> dict[str, Any]:
    """Return the account, whose sums are right."""
    it = book.account_shown()
    assert it["balance"] == it["static_balance"] + it["close_profit"] + it["position_profit"] - it["commission"]
    assert it["available"] == it["balance"] - it["margin"] - it["frozen_margin"] - it["frozen_commission"]
    assert it["margin"] == sum(position["margin"] for position in book.shown_positions().values())
    return it


def test_opening_freezes_margin_and_takes_it_when_it_fills(pit: Pit) -> None:
    order = pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3400)
    frozen = identity(pit.book)
    assert (frozen["frozen_margin"], frozen["frozen_commission"], frozen["margin"]) == (34_000.0, 35.0, 0)
    pit.do("fill", user=USER, order_id=order.id, volume=4)
    part = identity(pit.book)
    assert (part["frozen_margin"], part["margin"], part["commission"]) == (20_400.0, 13_600.0, 14.0)
    assert part["position_profit"] == 4 * 10 * 100
    assert pit.cancel(order.id) == ""
    assert (identity(pit.book)["frozen_margin"], identity(pit.book)["frozen_commission"]) == (0, 0)
    assert (order.status, order.left) == ("FINISHED", 6)


def test_closing_takes_the_lots_that_were_frozen_and_makes_the_profit_sure(pit: Pit) -> None:
    pit.do("positions", user=USER, symbol="SHFE.rb2505", long_today=3, long_his=4, price=3600)
    resting = pit.order("SHFE.rb2505", "SELL", "CLOSE", 3, 3700)
    shown = pit.book.position_shown("SHFE.rb2505")
    assert (shown["volume_long_frozen_his"], shown["volume_long_frozen_today"], shown["volume_long_frozen"]) == (
        3,
        0,
        3,
    )
    assert "平昨仓位不足" in pit.order("SHFE.rb2505", "SELL", "CLOSE", 2, 3499).message
    assert pit.order("SHFE.rb2505", "SELL", "CLOSETODAY", 3, 3499).filled == 3
    assert identity(pit.book)["close_profit"] == -(3600 - 3499) * 3 * 10
    pit.do("tick", symbol="SHFE.rb2505", last=3701)
    assert resting.filled == 3
    assert identity(pit.book)["close_profit"] == -3030 + (3700 - 3500) * 3 * 10
    shown = pit.book.position_shown("SHFE.rb2505")
    assert (shown["pos_long_today"], shown["pos_long_his"], shown["volume_long_frozen"]) == (0, 1, 0)


def test_elsewhere_a_close_takes_earlier_lots_first(pit: Pit) -> None:
    pit.do("positions", user=USER, symbol="DCE.m2505", short_today=3, short_his=4)
    order = pit.order("DCE.m2505", "BUY", "CLOSE", 5, 2900)
    shown = pit.book.position_shown("DCE.m2505")
    assert (shown["volume_short_frozen_his"], shown["volume_short_frozen_today"]) == (4, 1)
    pit.do("fill", user=USER, order_id=order.id)
    shown = pit.book.position_shown("DCE.m2505")
    assert (shown["pos_short_his"], shown["pos_short_today"], shown["volume_short_frozen"]) == (0, 2, 0)
    assert identity(pit.book)["close_profit"] == 5 * 100 * 10


def test_closing_lots_of_today_has_its_own_commission(pit: Pit) -> None:
    pit.do("positions", user=USER, symbol="SHFE.au2506", long_today=1, long_his=1)
    pit.order("SHFE.au2506", "SELL", "CLOSETODAY", 1, 799.9)
    assert pit.book.funds.commission == 0
    pit.order("SHFE.au2506", "SELL", "CLOSE", 1, 799.9)
    assert pit.book.funds.commission == 10


def test_a_position_that_is_under_an_order_is_not_set(pit: Pit) -> None:
    pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3400)
    with pytest.raises(FaultError, match="may still trade"):
        pit.do("positions", user=USER, symbol="SHFE.rb2505", long_today=3)


def test_what_does_not_wait_finds_only_what_is_there(pit: Pit) -> None:
    pit.do("tick", symbol="DCE.m2505", ask_volume=3)
    part = pit.order("DCE.m2505", "BUY", "OPEN", 5)
    assert (part.status, part.left, part.message) == ("FINISHED", 2, "已撤单")
    nothing = pit.order("DCE.m2505", "BUY", "OPEN", 5, 3010, time_condition="IOC", volume_condition="ALL")
    assert (nothing.status, nothing.left) == ("FINISHED", 5)
    away = pit.order("DCE.m2505", "BUY", "OPEN", 5, 2900, time_condition="IOC")
    assert (away.status, away.left, pit.book.order_shown(away)["is_error"]) == ("FINISHED", 5, False)


def test_a_quote_whose_bid_is_above_its_ask_is_not_set(pit: Pit) -> None:
    with pytest.raises(FaultError, match="above"):
        pit.do("tick", symbol="DCE.m2505", bid=3100)
    with pytest.raises(FaultError, match="not listed"):
        pit.do("tick", symbol="DCE.m2599", last=3100)


# --- how orders are worked ---------------------------------------------------------------------------


def test_an_order_fills_in_slices(pit: Pit) -> None:
    pit.do("treatment", symbol="SHFE.rb2505", slices=3)
    order = pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    trades = [trade for trade in pit.book.trades.values() if trade.order == order.number]
    assert [trade.volume for trade in trades] == [4, 4, 2]
    assert {trade.id for trade in trades} == {"A|1", "A|2", "A|3"}
    assert pit.book.order_shown(order)["trade_price"] == 3501


def test_treatment_of_one_order(pit: Pit) -> None:
    pit.do("treatment", user=USER, order="A", fill="rest")
    first, second = (pit.order("SHFE.rb2505", "BUY", "OPEN", 1, 3510, name) for name in "AB")
    assert (first.left, second.left) == (1, 0)
    pit.do("treatment", user=USER, order="A", fill="marketable")
    assert first.left == 0
    with pytest.raises(ValidationError):
        Treatment.model_validate({"orders": "A"})


def test_all_orders_fill_at_their_own_limit_where_that_is_asked_for() -> None:
    pit = Pit(way=Way(fill="all"))
    order = pit.order("SHFE.rb2505", "BUY", "OPEN", 2, 3300)
    assert pit.book.order_shown(order)["trade_price"] == 3300


@pytest.mark.parametrize(("policy", "notices", "filled"), [("notify", 1, 10), ("silent", 0, 10), ("overwrite", 0, 14)])
def test_what_becomes_of_an_id_that_is_used_again(policy: str, notices: int, filled: int) -> None:
    pit = Pit(duplicates=policy)
    pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    pit.diffs.clear()
    request = asked("SHFE.rb2505", "BUY", "OPEN", 4, 3510, "A")
    arrival = pit.venue.arrived("insert", USER, "A", request)
    pit.run(lambda: pit.desk.insert(arrival, request))
    assert sum("notify" in diff for diff in pit.diffs) == notices
    assert pit.book.positions["SHFE.rb2505"].long.volume == filled
    assert [row["volume"] for row in pit.look("filled")] == [filled]
    assert [row["outcome"] for row in pit.look("inserts")] == [
        "taken",
        "taken" if policy == "overwrite" else "duplicate",
    ]


def test_a_cancel_that_comes_before_the_exchange_has_accepted_is_dropped() -> None:
    pit = Pit(way=Way(accept_delay=3600))
    order = pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3400, "A")
    assert "找不到相应报单" in pit.cancel("A")
    assert "找不到相应报单" in pit.cancel("B")
    assert order.alive
    pit.do("fill", user=USER, order_id="A")
    assert "已全成交或已撤销" in pit.cancel("A")


def test_an_order_of_another_client_is_shown_by_an_id_of_the_trading_system(pit: Pit) -> None:
    made = pit.do("orders", user=USER, symbol="SHFE.rb2505", direction="BUY", offset="OPEN", volume=3, limit_price=3400)
    prefix, reference, session, front = made["order_id"].split(".")
    assert (prefix, front) == ("SERVER", str(pit.venue.gateway.front))
    assert int(session) != pit.venue.gateway.session
    assert reference.isdecimal()
    assert pit.cancel(made["order_id"]) == ""


# --- days, failovers, restarts -----------------------------------------------------------------------


def test_the_end_of_the_day_settles_and_forgets(pit: Pit) -> None:
    pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    pit.order("SHFE.rb2505", "BUY", "OPEN", 1, 3400, "B")
    before = pit.venue.gateway.session
    assert pit.do("roll", settlement={"SHFE.rb2505": 3520}, end="none") == {"trading_day": "20250304"}
    shown = pit.book.position_shown("SHFE.rb2505")
    assert (shown["pos_long_today"], shown["pos_long_his"], shown["position_price_long"]) == (0, 10, 3520)
    assert (shown["open_price_long"], shown["position_profit_long"]) == (3501, -2000)
    account = identity(pit.book)
    assert account["static_balance"] == account["pre_balance"] == 10_000_000 + 190 * 10 - 35
    assert (account["commission"], account["frozen_margin"]) == (0, 0)
    assert pit.venue.quotes["SHFE.rb2505"].upper_limit == 3872
    assert pit.venue.gateway.session != before
    told = pit.diffs[-1]["trade"][USER]
    assert (told["trading_day"], told["orders"]) == ("20250304", {"A": None, "B": None})
    assert pit.order("SHFE.rb2505", "SELL", "CLOSE", 10, 3490, "A").filled == 10
    assert pit.do("roll", trading_day="20250310")["trading_day"] == "20250310"
    assert pit.book.positions == {}


def test_a_failover_shows_the_orders_of_the_day_by_other_ids_and_takes_the_old_ones_again(pit: Pit) -> None:
    pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    resting = pit.order("SHFE.rb2505", "BUY", "OPEN", 1, 3400, "B")
    names = pit.do("failover")[USER]
    assert set(names) == {"A", "B"}
    assert all(name.startswith("SERVER.") for name in names.values())
    assert set(pit.book.shown_orders()) == set(names.values())
    assert {trade["order_id"] for trade in pit.book.shown_trades().values()} == {names["A"]}
    assert "找不到相应报单" in pit.cancel("B")
    again = pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    assert (again.id, again.filled) == ("A", 10)
    assert {row["client_order_id"]: row["volume"] for row in pit.look("filled")} == {"A": 20}
    assert pit.cancel(names["B"]) == ""
    assert not resting.alive


@pytest.fixture
def restarted(tmp_path: Path) -> Generator[Callable[..., Pit]]:
    """Return what makes a venue that goes on with what the one before has kept."""
    journals: list[Journal] = []

    def make(restore: Any = None) -> Pit:
        pit = Pit()
        journals.append(Journal.open(tmp_path / "state", pit.venue, restore))
        return pit

    yield make
    for journal in journals:
        journal.close()


def test_a_venue_that_was_killed_comes_back_as_it_was(restarted: Callable[..., Pit]) -> None:
    pit = restarted()
    pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    pit.order("DCE.m2505", "SELL", "OPEN", 2, 3050, "B")
    pit.do("tick", symbol="SHFE.rb2505", last=3510)
    again = restarted()
    for what in ("orders", "trades", "positions", "account", "filled", "inserts", "quotes", "snapshot"):
        assert again.look(what) == pit.look(what), what
    again.run(again.desk.resume)
    again.do("tick", symbol="DCE.m2505", last=3060)
    assert again.book.orders[2].filled == 2
    assert again.order("DCE.m2505", "SELL", "OPEN", 2, 3050, "C").number == 3
    again.do("roll")
    assert restarted().venue.day.text == "20250304"


def test_a_venue_comes_back_without_its_orders_or_with_other_ids_where_that_is_asked_for(
    restarted: Callable[..., Pit],
) -> None:
    pit = restarted()
    pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    pit.do("restart", orders="server-ids")
    other = restarted()
    assert [name.startswith("SERVER.") for name in other.book.shown] == [True]
    assert [name == "A" for name in restarted().book.shown] == [False]
    nothing = restarted("nothing")
    assert (nothing.book.shown, nothing.book.positions["SHFE.rb2505"].long.volume) == ({}, 10)
    with pytest.raises(FaultError, match="--state"):
        Pit().do("restart", orders="nothing")


def test_a_line_that_was_not_written_to_its_end_is_passed_over_and_another_file_is_refused(
    tmp_path: Path, restarted: Callable[..., Pit]
) -> None:
    pit = restarted()
    pit.order("SHFE.rb2505", "BUY", "OPEN", 10, 3510, "A")
    with (tmp_path / "state").open("a") as stream:
        stream.write('["order", "DUSB')
    assert restarted().book.shown == {"A": 1}
    (tmp_path / "state").write_text("hello\n")
    with pytest.raises(JournalError, match="no state"):
        restarted()


# --- faults and the page -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "nonsense"},
        {"kind": "reject", "operation": "now"},
        {"kind": "reject", "times": 0},
        {"kind": "delay_accept", "seconds": -1},
        {"kind": "reject", "account": USER},
        [],
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(document: object) -> None:
    with pytest.raises(FaultError):
        Faults(lambda fault: None).arm(document)


def kind(fault: type[Any]) -> str:
    """Return the name of a fault."""
    return fault.model_fields["kind"].annotation.__args__[0]


def test_the_page_has_every_fault_operation_view_and_option() -> None:
    page = PAGE.read_text(encoding="utf-8")
    options = [action.option_strings[-1] for action in parser()._actions if action.option_strings]
    names = [kind(fault) for fault in FAULTS] + [*_OPERATIONS, *_LOOKS, *options]
    assert [name for name in names if f"`{name}" not in page] == []


def test_operations_are_documented_where_they_are() -> None:
    assert all(model.__doc__ and act.__doc__ for model, act in _OPERATIONS.values())
    assert operations.__doc__
