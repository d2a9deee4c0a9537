"""The checklist of a contact: what each thing that was read makes of its line, and how a contact is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.domain.errors import Damaged, Refused
from quant_platform_kit.domain.orders import ExecutionReport, Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountState, AccountType, Balance, Quote
from quant_platform_kit.domain.prices import PriceHistory, PriceTable
from quant_platform_kit.domain.sessions import ExchangeCalendar, SessionHours
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode
from quant_platform_kit.ports.contact_source import Instrument, Limits, LoginFacts
from quant_platform_kit.services.operate.contact.checklist import checklist, contact_of
from quant_platform_kit.services.operate.contact.reading import Asked, Reading, Told
from quant_platform_kit.services.operate.contact.result import (
    Contact,
    Line,
    State,
    contact_key,
    contacts_of,
    keep_contact,
    last_contact,
)

from ...exactly_once import MemoryStore, World, following, prices

CALENDAR = load_calendar("XNYS")
NOW = datetime(2023, 6, 2, 14, 0, tzinfo=UTC)
UNTIL = date(2023, 6, 1)
DAYS = CALENDAR.between(date(2023, 3, 1), UNTIL)
D = Decimal
MANIFEST = StrategyManifest(
    profile="halves",
    display_name="Halves",
    target_mode=TargetMode.WEIGHT,
    required_inputs=frozenset({InputName.MARKET_HISTORY}),
    managed=("SPY",),
    history_sessions=20,
    sources=("me",),
)
ASKED = Asked("paper", MANIFEST, CALENDAR)
BALANCE = Balance("USD", D(1000), D(0), D(1000), account_type=AccountType.CASH)
EUROS = replace(BALANCE, currency="EUR")
ACCOUNT = AccountState("A1", {"USD": D(1000)}, {}, balance=BALANCE)
TOLD = Told(
    login=LoginFacts("me", ("A1", "A2"), NOW + timedelta(days=5)),
    now=NOW,
    clock=NOW,
    account=ACCOUNT,
    orders=(),
    instruments={"SPY": Instrument("SPY", "USD", tradable=True, fractional=False, lot=D(1))},
    quotes={"SPY": Quote("SPY", D(100), NOW - timedelta(seconds=3), D(100))},
    quoted_at=NOW,
    hours={UNTIL: CALENDAR.hours(UNTIL)},
    limits=Limits("60 a minute", 60),
)


def history(closes: Sequence[float] = (), **changed: float) -> PriceHistory:
    """Return closes of SPY of 100, others on some days: ``on_20`` is the twenty-first session."""
    made = np.full((len(DAYS), 1), 100.0)
    made[len(made) - len(closes) :, 0] = closes
    for name, close in changed.items():
        made[int(name.removeprefix("on_")), 0] = close
    return PriceHistory(PriceTable(np.array(DAYS, dtype="datetime64[D]"), ["SPY"], {"close": made}))


def reading(told: Told = TOLD, failed: Mapping[str, str] | None = None, **changed: Any) -> Reading:
    """Return what was read, with the history of the broker and that of the file alike."""
    given = replace(told, history=told.history or history(), filed=told.filed or history())
    made = Reading("A1", ASKED, NOW, BrokerTraits(), given, failed or {}, 7, UNTIL, (UNTIL,), has_file=True)
    return replace(made, **changed)


def line(subject: str, told: Told = TOLD, failed: Mapping[str, str] | None = None, **changed: Any) -> Line:
    """Return the one line of a subject."""
    (found,) = (each for each in checklist(reading(told, failed, **changed)) if each.subject == subject)
    return found


def test_all_is_good_but_what_no_broker_tells() -> None:
    states = {each.subject: each.state for each in checklist(reading())}
    assert {subject for subject, state in states.items() if state is not State.GOOD} == {"permissions", "country"}
    assert list(states)[:3] == ["settings", "login", "login ends"]


def test_what_blocks_or_warns_says_what_to_do() -> None:
    bad = reading(Told(login=LoginFacts("me", ())), dict.fromkeys(("account", "orders", "quotes", "history"), "no"))
    told = [each for each in checklist(bad) if each.state in (State.BLOCKS, State.CAUTION)]
    assert len(told) > 4
    assert [each.subject for each in told if not each.todo] == []


@pytest.mark.parametrize(
    ("ends", "state"),
    [(None, State.NOT_TOLD), (-1, State.BLOCKS), (20, State.CAUTION), (60, State.GOOD)],
)
def test_a_login_ends_by_the_clock_of_this_machine(ends: float | None, state: State) -> None:
    at = None if ends is None else NOW + timedelta(hours=ends)
    told = replace(TOLD, login=LoginFacts("me", ("A1",), at), clock=NOW - timedelta(days=900))
    assert line("login ends", told).state is state


def test_after_a_failed_login_nothing_else_is_said() -> None:
    lines = list(checklist(reading(Told(), {"login": "nobody answers"})))
    assert [(each.subject, each.state) for each in lines] == [("settings", State.GOOD), ("login", State.BLOCKS)]


def test_an_account_that_is_not_behind_the_login_blocks() -> None:
    found = line("accounts", replace(TOLD, login=LoginFacts("me", ("B1",))))
    assert (found.state, "B1" in found.said) == (State.BLOCKS, True)


@pytest.mark.parametrize(
    ("account", "states"),
    [
        (replace(ACCOUNT, cash_by_currency={"HKD": D(1)}), {"currency": State.BLOCKS}),
        (replace(ACCOUNT, balance=None), {"currency": State.NOT_TOLD, "cash": State.NOT_TOLD}),
        (replace(ACCOUNT, balance=EUROS), {"currency": State.CAUTION, "country": State.CAUTION}),
        (replace(ACCOUNT, balance=replace(BALANCE, account_type=None)), {"account type": State.NOT_TOLD}),
        (replace(ACCOUNT, balance=replace(BALANCE, total=D(5000))), {"cash": State.BLOCKS}),
        (replace(ACCOUNT, cash_by_currency={"USD": D(-5)}), {"cash": State.BLOCKS}),
        (replace(ACCOUNT, quantities={"SPY": D("2.5")}), {"position SPY": State.CAUTION}),
        (replace(ACCOUNT, quantities={"TLT": D(2), "BRK.B": D(1)}), {"position TLT": State.GOOD}),
        (replace(ACCOUNT, quantities={"VOD.GBP": D(2)}), {"position VOD.GBP": State.CAUTION}),
        (replace(ACCOUNT, quantities={"700.HK": D(2)}), {"position 700.HK": State.CAUTION}),
        (replace(ACCOUNT, quantities={"SPY": D(-2)}), {"position SPY": State.BLOCKS}),
    ],
)
def test_the_account_its_money_and_its_positions(account: AccountState, states: Mapping[str, State]) -> None:
    told = replace(TOLD, account=account)
    assert {subject: line(subject, told).state for subject in states} == states


def test_a_position_says_its_units_and_its_value() -> None:
    found = line("position SPY", replace(TOLD, account=replace(ACCOUNT, quantities={"SPY": D(2)})))
    assert found.figures == {"quantity": "2", "value": "200.00"}


def test_orders_are_ours_or_foreign() -> None:
    told = replace(
        TOLD,
        orders=tuple(
            ExecutionReport(Order(name, "SPY", Side.BUY, D(1)), OrderState.ACKNOWLEDGED)
            for name in ("q" + "a" * 26, "by-hand")
        ),
    )
    found = [each.state for each in checklist(reading(told)) if each.subject.startswith("order ")]
    assert found == [State.CAUTION, State.BLOCKS]


@pytest.mark.parametrize(
    ("instrument", "state"),
    [
        (None, State.BLOCKS),
        (Instrument("SPY", "HKD", tradable=True), State.BLOCKS),
        (Instrument("SPY", "USD", tradable=False), State.BLOCKS),
        (Instrument("SPY", "USD", tradable=True, lot=D(100)), State.BLOCKS),
        (Instrument("SPY", "USD"), State.NOT_TOLD),
        (Instrument("SPY", "USD", tradable=True), State.GOOD),
    ],
)
def test_an_instrument_may_be_traded_in_single_units(instrument: Instrument | None, state: State) -> None:
    instruments = {} if instrument is None else {"SPY": instrument}
    assert line("SPY instrument", replace(TOLD, instruments=instruments)).state is state


@pytest.mark.parametrize(
    ("quote", "state"),
    [
        (None, State.BLOCKS),
        (Quote("SPY", D(100), NOW - timedelta(seconds=61)), State.BLOCKS),
        (Quote("SPY", D(100), NOW + timedelta(seconds=20)), State.CAUTION),
        (Quote("SPY", D(50), NOW, D(50)), State.BLOCKS),
        (Quote("SPY", D(101), NOW), State.GOOD),
    ],
)
def test_a_quote_is_young_and_fits_the_history(quote: Quote | None, state: State) -> None:
    quotes = {} if quote is None else {"SPY": quote}
    assert line("SPY quote", replace(TOLD, quotes=quotes)).state is state


def test_a_quote_says_price_previous_close_and_age() -> None:
    assert line("SPY quote").said == "100, after a close of 100; it is 3 s old"
    silent = replace(TOLD, quotes={"SPY": Quote("SPY", D("100.50"), NOW)})
    assert line("SPY quote", silent).said == "100.5, no previous close is told; it is 0 s old"


def test_while_the_session_is_closed_the_age_of_quotes_is_not_told() -> None:
    night = NOW + timedelta(hours=12)
    assert line("SPY quote", replace(TOLD, clock=night, quoted_at=night)).state is State.NOT_TOLD


GAP = float("nan")


@pytest.mark.parametrize(
    ("closes", "has_file", "state", "said"),
    [
        (history(), True, State.GOOD, "without a gap"),
        (history(on_30=GAP), True, State.CAUTION, "1 sessions have no close"),
        (history([GAP]), False, State.BLOCKS, "the last of them 2023-06-01"),
        (history([GAP] * len(DAYS)), False, State.BLOCKS, "has none"),
        (history([GAP] * len(DAYS)), True, State.CAUTION, "has none"),
    ],
)
def test_the_history_is_long_and_without_gaps(closes: PriceHistory, has_file: bool, state: State, said: str) -> None:
    found = line("SPY history", replace(TOLD, history=closes), has_file=has_file)
    assert (found.state, said in found.said) == (state, True), found


def test_a_history_that_begins_late_is_too_short() -> None:
    late = np.full((len(DAYS), 1), np.nan)
    late[-10:] = 100.0
    short = PriceHistory(PriceTable(np.array(DAYS, dtype="datetime64[D]"), ["SPY"], {"close": late}))
    found = line("SPY history", replace(TOLD, history=short), has_file=False)
    assert (found.state, found.figures["sessions"]) == (State.BLOCKS, "10")


@pytest.mark.parametrize(
    ("filed", "state", "said"),
    [
        (history(), State.GOOD, "are the broker's"),
        (history([100.1] * 5), State.GOOD, "are the broker's"),
        (history([50.0] * 5), State.BLOCKS, f"across {DAYS[-5]}: a split"),
        (history([99.5] * 5), State.BLOCKS, f"the last on {DAYS[-5]}: dividends"),
        (history([99.0] * 5 + [98.0] * 5), State.BLOCKS, "2 steps"),
        (history(on_20=105.0), State.CAUTION, f"{DAYS[20]} alone"),
        (history([200.0] * len(DAYS)), State.BLOCKS, "every close is 2 of"),
        (history([GAP] * len(DAYS)), State.BLOCKS, "no session in common"),
    ],
)
def test_where_the_file_parts_from_the_broker_is_said_and_why(filed: PriceHistory, state: State, said: str) -> None:
    found = line("SPY price file", replace(TOLD, filed=filed))
    assert (found.state, said in found.said) == (state, True), found


def test_the_calendar_is_the_brokers() -> None:
    half = CALENDAR.hours(UNTIL)
    other: dict[date, SessionHours | None] = {UNTIL: replace(half, close=half.close - timedelta(hours=3))}
    assert line("calendar").state is State.GOOD
    assert line(f"calendar {UNTIL}", replace(TOLD, hours=other)).state is State.BLOCKS
    assert "no session at the broker" in line(f"calendar {UNTIL}", replace(TOLD, hours={UNTIL: None})).said
    assert line("calendar", replace(TOLD, hours={})).state is State.NOT_TOLD
    early = replace(CALENDAR.table, special_hours={UNTIL: (time(9, 30), time(13))})
    asked = replace(ASKED, calendar=ExchangeCalendar(early))
    assert "from 09:30 to 13:00 here" in line(f"calendar {UNTIL}", asked=asked).said


@pytest.mark.parametrize(
    ("apart", "state"),
    [(0, State.GOOD), (5, State.GOOD), (-6, State.CAUTION), (59, State.CAUTION), (60, State.BLOCKS)],
)
def test_two_clocks_agree(apart: int, state: State) -> None:
    assert line("clock", replace(TOLD, now=NOW + timedelta(seconds=apart))).state is state


def test_a_rebalance_takes_as_long_as_its_orders_and_its_waits() -> None:
    found = line("rebalance")
    assert (found.state, found.figures) == (State.GOOD, {"orders": "1", "sending": "1 s", "longest": "301 s"})
    slow = replace(TOLD, limits=Limits("one an hour", 1 / 60))
    assert line("rebalance", slow).state is State.CAUTION
    assert line("rebalance", replace(TOLD, limits=None)).state is State.NOT_TOLD


@dataclass
class Odd:
    """One difference."""

    text: str
    money: bool = False


@dataclass
class Held:
    """What documents were held against."""

    differences: list[Odd]
    misread: list[Odd]
    names: bool = False


def test_documents_are_as_believed_or_each_difference_is_a_line() -> None:
    money, word, new = Odd("cash is text", money=True), Odd("a new word"), Odd("fee is new, and is not read")
    assert not [each for each in checklist(reading()) if each.subject == "documents"]
    found = line("documents", documents=Held([new], []))
    assert (found.state, "fee is new" in found.said) == (State.GOOD, True)
    odd = reading(documents=Held([money, word, new], [money, word]))
    states = [each.state for each in checklist(odd) if each.subject == "documents"]
    assert states == [State.BLOCKS, State.CAUTION]


def test_a_contact_is_kept_once_and_read_back() -> None:
    world = World(prices(DAYS[0], AAA=[100.0] * 3), following({}))
    store = world.store
    first = contact_of(reading(), "schwab-py", "1.5.1")
    second = replace(first, made=NOW + timedelta(days=1), lines=(Line("login", State.BLOCKS, "ended", "log in"),))
    assert last_contact(store, "A1") is None
    assert [keep_contact(store, each) for each in (first, second)] == [
        "contacts/A1/2023-06-02T14-00-00.000000Z",
        contact_key("A1", second.made),
    ]
    assert list(contacts_of(store, "A1")) == [second, first]
    assert (first.blocks, second.blocks, first.calls, first.login) == (False, True, 7, "me")
    assert Contact.from_document(first.document()) == first
    with pytest.raises(Refused, match="kept already"):
        keep_contact(store, first)


def test_a_contact_that_was_changed_is_damaged() -> None:
    store = World(prices(DAYS[0], AAA=[100.0] * 3), following({})).store
    assert isinstance(store, MemoryStore)
    key = keep_contact(store, contact_of(reading(), "schwab-py", "1.5.1"))
    store.objects[key] = store.objects[key]._replace(data=store.objects[key].data.replace(b"1.5.1", b"1.5.2"))
    with pytest.raises(Damaged, match=key):
        last_contact(store, "A1")
