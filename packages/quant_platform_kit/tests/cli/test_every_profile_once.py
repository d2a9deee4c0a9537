"""Every profile that reads prices on an invented market: what a run sent, no second run of the session sends again.

Each example is a new account that enters in some session of two years; then the session is asked for again, in other
slots and under the same key, while prices move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from quant_platform_kit.adapters.price_files import price_table
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import InProgress
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.testing.synthetic import synthetic_prices

from ..exactly_once import CALENDAR, Way, World

pytestmark = pytest.mark.services

PROFILES = (
    "global_etf_rotation",
    "tqqq_growth_income",
    "soxl_soxx_trend_income",
    "dual_momentum",
    "tactical_asset_allocation",
    "nasdaq_sp500_smart_dca",
)
SESSIONS = CALENDAR.between(date(2022, 1, 3), date(2023, 12, 28))
EXAMPLES = settings(max_examples=25)
sessions = st.sampled_from(SESSIONS)
moves = st.sampled_from([Decimal("0.8"), Decimal("0.97"), Decimal(1), Decimal("1.03"), Decimal("1.25")])


@cache
def invented(profile: str) -> PriceTable:
    """Return a market for a profile, long enough before the first session for every rule."""
    symbols = catalog()[profile].manifest.symbols
    market = synthetic_prices(symbols, CALENDAR, date(2020, 1, 2), date(2023, 12, 29))
    return price_table(market, symbols, "close", CALENDAR)


def account(profile: str, session: date) -> World:
    """Return a new account with 100,000 USD, an hour after the opening of a session."""
    world = World(invented(profile), bind(catalog()[profile]), Decimal(100_000), ExecutionPolicy())
    world.clock.instant = CALENDAR.hours(session).open + timedelta(hours=1)
    return world


def decided_sessions(profile: str) -> list[date]:
    """Return the sessions that trade what the profile decides in the ordinary course."""
    cadence = catalog()[profile].manifest.cadence
    return [session for session in SESSIONS if cadence.decides(CALENDAR.session(CALENDAR.before(session)))]


def shift_prices(world: World, factor: Decimal) -> None:
    """Let every quote change by a factor from now on."""
    quotes = world.market.quotes

    def moved(symbols: Any) -> Mapping[str, Any]:
        return {symbol: replace(quote, price=quote.price * factor) for symbol, quote in quotes(symbols).items()}

    world.market.quotes = moved


def enter(world: World, session: date) -> RunReport:
    return world.run_now(session, "first", enter_now=True)


def ask_again(world: World, session: date, first: RunReport) -> None:
    """Ask for the session in two other slots, and for the first one again; nothing may reach the broker."""
    sent = list(world.desk.received)
    for slot in ("second", "first", "third"):
        report = world.run_now(session, slot, enter_now=True)
        assert world.desk.received == sent, f"slot {slot} sent orders"
        assert slot != "first" or report == first
        world.clock.sleep(60)


def test_these_are_all_the_profiles_of_the_catalog_that_read_prices() -> None:
    assert set(PROFILES) == {name for name, strategy in catalog().items() if strategy.manifest.input_mode == "direct"}


@pytest.mark.parametrize("profile", PROFILES)
def test_entering_sends_orders_so_that_the_tests_below_have_something_to_find(profile: str) -> None:
    sending = [session for session in SESSIONS[::25] if enter(account(profile, session), session).orders]
    assert len(sending) >= 0.9 * len(SESSIONS[::25])


@pytest.mark.parametrize("profile", PROFILES)
@EXAMPLES
@given(session=sessions, factor=moves)
def test_filled_orders_are_not_sent_again(profile: str, session: date, factor: Decimal) -> None:
    world = account(profile, session)
    first = enter(world, session)
    assume(first.orders)
    assert first.outcome is Outcome.COMPLETED
    shift_prices(world, factor)
    ask_again(world, session, first)


@pytest.mark.parametrize("profile", PROFILES)
@EXAMPLES
@given(session=sessions, factor=moves)
def test_orders_whose_answers_were_lost_are_not_sent_again(profile: str, session: date, factor: Decimal) -> None:
    """The broker does not know repeated ids: whatever is sent again is filled again."""
    world = account(profile, session)
    world.desk.dedupe = False
    world.desk.traits = BrokerTraits(AfterSilence.BLOCK, timedelta(seconds=2), timedelta(seconds=1))
    world.desk.ways = {symbol: [Way.LOST] for symbol in world.strategy.manifest.managed}
    first = enter(world, session)
    assume(first.orders)
    assert first.outcome is Outcome.COMPLETED
    shift_prices(world, factor)
    ask_again(world, session, first)
    assert set(world.desk.sent.values()) == {1}


@pytest.mark.parametrize("profile", PROFILES)
@EXAMPLES
@given(session=sessions, factor=moves)
def test_nothing_is_sent_beside_orders_that_are_working(profile: str, session: date, factor: Decimal) -> None:
    """They work until the run cancels them; every other run is told to wait until then."""
    world = account(profile, session)
    world.desk.ways = {symbol: [Way.WORK] for symbol in world.strategy.manifest.managed}
    find, busy = world.desk.find, list[InProgress]()

    def others_come(client_order_id: str) -> Any:
        if world.desk.open_orders() and len(busy) < 4:
            sent = list(world.desk.received)
            for slot in ("second", "first"):
                with pytest.raises(InProgress) as told:
                    world.run_now(session, slot, enter_now=True)
                busy.append(told.value)
            assert world.desk.received == sent
        return find(client_order_id)

    world.desk.find = others_come  # type: ignore[method-assign]
    first = enter(world, session)
    assume(first.orders)
    assert len(busy) >= 2
    assert {o.state for o in first.orders} <= {OrderState.CANCELLED, OrderState.FILLED}
    assert world.desk.open_orders() == ()
    shift_prices(world, factor)
    sent = list(world.desk.received)
    assert world.run_now(session, "first", enter_now=True) == first
    assert world.desk.received == sent
    assert set(world.desk.sent.values()) == {1}


@pytest.mark.parametrize("profile", PROFILES)
@EXAMPLES
@given(data=st.data())
def test_a_session_whose_worker_died_over_working_orders_ends_where_it_would_have(
    profile: str, data: st.DataObject
) -> None:
    """What worked is cancelled first; only then does a later slot go on with the decision: nothing is doubled."""
    session = data.draw(st.sampled_from(decided_sessions(profile)))
    undisturbed = account(profile, session)
    assume(undisturbed.run_now(session, "first").orders)
    world = account(profile, session)
    world.desk.dedupe = False
    world.desk.ways = {symbol: [Way.WORK] for symbol in world.strategy.manifest.managed}
    with world.dying(Boundary.ANSWER_RECORDED):
        world.run_now(session, "first")
    sent = list(world.desk.received)
    for slot in ("second", "first"):
        with pytest.raises(InProgress):
            world.run_now(session, slot)
    assert world.desk.received == sent
    world.clock.sleep(300)
    for slot in ("second", "third", "fourth"):
        world.run_now(session, slot)
        assert world.desk.open_orders() == ()
    assert len({order.client_order_id for order in world.desk.received}) == len(world.desk.received)
    assert world.held == undisturbed.held


@pytest.mark.parametrize("profile", PROFILES)
@EXAMPLES
@given(session=sessions, factor=moves)
def test_nothing_is_sent_beside_orders_of_unknown_fate(profile: str, session: date, factor: Decimal) -> None:
    """They were lost on the way to a broker that may not be sent an order twice."""
    world = account(profile, session)
    world.desk.dedupe = False
    world.desk.traits = BrokerTraits(AfterSilence.BLOCK, timedelta(seconds=2), timedelta(seconds=1))
    world.desk.ways = {symbol: [Way.DROP] for symbol in world.strategy.manifest.managed}
    first = enter(world, session)
    assume(first.orders)
    assert first.outcome is Outcome.BLOCKED
    assert {o.state for o in first.orders} == {OrderState.UNKNOWN}
    shift_prices(world, factor)
    ask_again(world, session, first)
    sent = list(world.desk.received)
    after = CALENDAR.after(session)
    world.clock.instant = CALENDAR.hours(after).open + timedelta(hours=1)
    assert world.run_now(after, "first").orders == ()
    assert world.desk.received == sent
