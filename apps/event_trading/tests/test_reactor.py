"""Decisions: pure, within all limits, and the same again from what a command records."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from operator import xor
from typing import Any

import pytest
from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.payloads import ExecuteTrade
from event_trading_app.reactor.commands import Terms, command_id_of, command_of, decided_again
from event_trading_app.reactor.deciding import Amounts, Pass, Quoter
from event_trading_app.reactor.market import Market
from event_trading_app.reactor.quoters import DummyQuoter, SpreadQuoter, quoter_of
from event_trading_app.reactor.stage import Reactor
from hypothesis import given
from hypothesis import strategies as st
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.bus import Received
from quant_platform_kit.events.envelope import Event, decode, encode
from quant_platform_kit.events.errors import Duplicate, Unreadable

from .frame import ACCOUNT, NOW, TOKEN_A, TOKEN_B

TERMS = Terms(ACCOUNT)
LIMITS = {TOKEN_B: "1000000"}
SPREAD = SpreadQuoter(limits=LIMITS, spread_bps=50)


def event(topic: Topic, name: str = "1", **payload: Any) -> Event:
    return Event(f"{topic.value}-{name}", topic.value, NEAR_INTENTS, NOW, NOW, 1, payload)


def demand(name: str = "1", **changes: Any) -> Event:
    asked: dict[str, Any] = {
        "quote_id": f"q{name}",
        "token_in": TOKEN_A,
        "token_out": TOKEN_B,
        "exact_amount_in": "1000",
        "min_deadline_ms": 60_000,
        "max_wait_ms": 3_000,
    }
    asked |= changes
    payload = {key: value for key, value in asked.items() if value is not None}
    return event(Topic.SWAP_DEMAND, name, **payload)


def price(amount_in: str = "100", amount_out: str = "200", age: float = 1.0) -> Event:
    priced_at = (NOW - timedelta(seconds=age)).isoformat()
    pair = {"token_in": TOKEN_A, "token_out": TOKEN_B}
    return event(
        Topic.REFERENCE_PRICE, **pair, amount_in=amount_in, amount_out=amount_out, priced_at=priced_at, source="test"
    )


def inventory(amount: str = "10000", later: float = 0.0) -> Event:
    as_of = (NOW + timedelta(seconds=later)).isoformat()
    return event(Topic.INVENTORY, f"{later}", account=ACCOUNT, token=TOKEN_B, amount=amount, as_of=as_of)


def result(command: Event, state: str, at: float = 1.0) -> Event:
    asked = command.payload
    told = {name: asked[name] for name in ("command_id", "account", "quote_id", "token_in", "token_out", "deadline")}
    amounts = {name: asked[name] for name in ("amount_in", "amount_out")}
    when = (NOW + timedelta(seconds=at)).isoformat()
    return event(Topic.TRADE_RESULT, state, **told, **amounts, state=state, mode="paper", sends=1, at=when)


def market(*events: Event) -> Market:
    made = Market(ACCOUNT)
    for each in events:
        made.note(each)
    return made


def decided(made: Market, asked: Event, quoter: Quoter = SPREAD) -> Event | Pass:
    return command_of(made.used(asked), quoter, TERMS)


def amounts(said: Event | Pass) -> tuple[str, str]:
    assert isinstance(said, Event), said
    return said.payload["amount_in"], said.payload["amount_out"]


def why(said: Event | Pass) -> str:
    assert isinstance(said, Pass), said
    return said.reason


def test_an_exact_amount_in_is_answered_with_the_price_less_the_spread_rounded_down() -> None:
    said = decided(market(price("3", "2"), inventory()), demand(exact_amount_in="1000"))
    assert amounts(said) == ("1000", "663")  # 666.67 less 0.5 %


def test_an_exact_amount_out_is_answered_with_the_price_and_the_spread_rounded_up() -> None:
    asked = demand(exact_amount_in=None, exact_amount_out="1000")
    assert amounts(decided(market(price("3", "2"), inventory()), asked)) == ("1508", "1000")  # 1500 / 0.995


@given(st.integers(1, 10**30), st.integers(1, 10**20), st.integers(1, 10**20), st.integers(0, 9_999))
def test_no_answer_is_better_for_the_taker_than_the_price(amount: int, got: int, gives: int, spread: int) -> None:
    quoter = SpreadQuoter(limits={TOKEN_B: str(2**128 - 1)}, spread_bps=spread)
    known = market(price(str(got), str(gives)), inventory(str(2**128 - 1)))
    for name in ("exact_amount_in", "exact_amount_out"):
        said = decided(known, demand(**{"exact_amount_in": None, name: str(amount)}), quoter)
        if isinstance(said, Event):
            amount_in, amount_out = map(int, amounts(said))
            assert amount_out * got <= amount_in * gives


def test_what_is_sent_after_the_margin_or_stands_shorter_than_asked_for_is_never_promised() -> None:
    said = decided(market(price(), inventory()), demand())
    assert isinstance(said, Event)
    command = ExecuteTrade.model_validate(said.payload)
    assert command.expires_at == NOW + timedelta(seconds=2.8)
    assert command.deadline - command.expires_at == timedelta(minutes=1)
    assert why(decided(market(price(), inventory()), demand(max_wait_ms=200))).startswith("max_wait_ms 200")


@pytest.mark.parametrize(
    ("known", "asked", "reason"),
    [
        ((inventory(),), demand(), "no price of"),
        ((price(age=11), inventory()), demand(), "the price is 11 s old; the oldest may be 10 s"),
        ((price(age=-11), inventory()), demand(), "the price is -11 s old; the oldest may be 10 s"),
        ((price(),), demand(), f"what there is of {TOKEN_B} is not known"),
        ((price(), inventory("1989")), demand(), f"1990 of {TOKEN_B}: there are 1989, and 0 are committed"),
        ((price(), inventory("9" * 30)), demand(exact_amount_in="9" * 9), f"1989999998 of {TOKEN_B}: one answer gives"),
        ((price(), inventory()), demand(token_out="c"), "no price of"),
        ((price("1000000", "1"), inventory()), demand(exact_amount_in="1"), "1 for 0: too little"),
    ],
)
def test_a_demand_is_passed_over_for_one_clear_reason(known: tuple[Event, ...], asked: Event, reason: str) -> None:
    assert why(decided(market(*known), asked)).startswith(reason)


def test_a_token_without_a_limit_is_not_given() -> None:
    quoter = SpreadQuoter(limits={})
    assert (
        why(decided(market(price(), inventory()), demand(), quoter)) == f"{TOKEN_B} has no limit, and so is not given"
    )


def test_open_commands_reserve_inventory_until_their_end_is_told() -> None:
    known = market(price(), inventory("2500"))
    first = decided(known, demand("1"))
    assert isinstance(first, Event)
    known.commit(first)
    assert "and 1990 are committed" in why(decided(known, demand("2")))
    known.note(result(first, "UNKNOWN"))
    assert "and 1990 are committed" in why(decided(known, demand("2")))
    known.note(result(first, "NOT_SELECTED"))
    assert amounts(decided(known, demand("2"))) == ("1000", "1990")


def test_a_settled_command_counts_until_an_inventory_is_told_that_was_taken_later() -> None:
    known = market(price(), inventory("2500"))
    first = decided(known, demand("1"))
    assert isinstance(first, Event)
    known.commit(first)
    known.note(result(first, "SETTLED", at=2.0))
    known.note(inventory("2500", later=1.0))
    assert isinstance(decided(known, demand("2")), Pass)
    known.note(inventory("2500", later=3.0))
    assert isinstance(decided(known, demand("2")), Event)


def test_a_result_that_comes_before_its_command_ends_it_too() -> None:
    known = market(price(), inventory("2500"))
    first = decided(known, demand("1"))
    assert isinstance(first, Event)
    known.note(result(first, "EXPIRED"))
    known.note(first)
    assert isinstance(decided(known, demand("2")), Event)


def test_the_dummy_answers_at_par() -> None:
    quoter = DummyQuoter(limits=LIMITS)
    assert amounts(decided(market(inventory()), demand(), quoter)) == ("1000", "1000")


def test_deciding_again_from_the_recorded_inputs_gives_the_same_amounts() -> None:
    known = market(price("7", "3"), inventory("5000"))
    first = decided(known, demand("0"))
    assert isinstance(first, Event)
    known.commit(first)
    for each in (demand("1"), demand("2", exact_amount_in=None, exact_amount_out="77")):
        said = decided(known, each)
        assert isinstance(said, Event)
        command = ExecuteTrade.model_validate(decode(encode(said)).payload)
        (open_commands,) = [used.values for used in command.inputs if used.event_type == Topic.EXECUTE_TRADE.value]
        assert open_commands == {"commands": 1, "amount": first.payload["amount_out"], "ids": first.event_id}
        again = decided_again(command)
        assert again == Amounts(int(command.amount_in), int(command.amount_out))


def test_hundreds_of_open_commands_are_one_sum_and_the_exclusive_or_of_their_ids() -> None:
    known, before = market(price("1", "1"), inventory("100000000")), list[Event]()
    for number in range(300):
        said = decided(known, demand(str(number)))
        assert isinstance(said, Event)
        assert len(encode(said)) < 12_000
        command = ExecuteTrade.model_validate(said.payload)
        assert decided_again(command) == Amounts(int(command.amount_in), int(command.amount_out))
        known.commit(said)
        before.append(said)
        if number == 200:
            known.note(result(before.pop(0), "EXPIRED"))
    told = next(each.values for each in command.inputs if each.event_type == Topic.EXECUTE_TRADE.value)
    others = before[:-1]
    assert (told["commands"], told["amount"]) == (298, str(sum(int(each.payload["amount_out"]) for each in others)))
    assert told["ids"] == f"xor:{reduce(xor, (int(each.event_id, 16) for each in others)):064x}"


def test_a_command_whose_inputs_were_changed_is_decided_otherwise() -> None:
    said = decided(market(price("7", "3"), inventory("5000")), demand("1"))
    assert isinstance(said, Event)
    command = ExecuteTrade.model_validate(said.payload)
    changed = [
        each.model_copy(update={"values": {**each.values, "amount_out": "4"}}) if "price" in each.event_type else each
        for each in command.inputs
    ]
    assert decided_again(command.model_copy(update={"inputs": tuple(changed)})) != Amounts(
        1000, int(command.amount_out)
    )
    with pytest.raises(InvalidInput, match="does not record what it was decided on"):
        decided_again(command.model_copy(update={"inputs": ()}))


def test_the_same_demand_leads_to_the_same_command_id_whatever_else_is_known() -> None:
    one = decided(market(price(), inventory()), demand())
    other = decided(market(price("1", "3"), inventory()), demand())
    assert isinstance(one, Event)
    assert isinstance(other, Event)
    assert one.event_id == other.event_id == one.payload["command_id"] == command_id_of(demand(), ACCOUNT)


def received(each: Event, offset: int = 0) -> Received:
    return Received(each.event_type, 0, offset, None, encode(each))


def test_a_demand_that_is_seen_again_after_an_aborted_transaction_is_decided_again() -> None:
    reactor = Reactor(market(price(), inventory()), SPREAD, TERMS)
    (first,) = reactor.react(received(demand()))
    (again,) = reactor.react(received(demand()))
    assert decode(first.value).event_id == decode(again.value).event_id


def test_a_demand_whose_command_is_on_the_bus_is_passed_over() -> None:
    reactor = Reactor(market(price(), inventory()), SPREAD, TERMS)
    (first,) = reactor.react(received(demand()))
    reactor.market.note(decode(first.value))
    with pytest.raises(Duplicate):
        reactor.react(received(demand()))


def test_commands_are_keyed_by_account_and_the_token_that_is_got() -> None:
    reactor = Reactor(market(price(), inventory()), SPREAD, TERMS)
    (made,) = reactor.react(received(demand()))
    assert made.key == f"{ACCOUNT}|{TOKEN_A}".encode()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"exact_amount_in": "-1"}, "exact_amount_in"),
        ({"exact_amount_in": 1.5}, "exact_amount_in"),
        ({"exact_amount_out": "5"}, "exact_amount_in and exact_amount_out"),
        ({"exact_amount_in": None}, "none"),
        ({"token_out": TOKEN_A}, "a swap is of two tokens"),
        ({"max_wait_ms": -5}, "max_wait_ms"),
    ],
)
def test_a_demand_that_makes_no_sense_is_unreadable(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        Reactor(market(), SPREAD, TERMS).react(received(demand(**changes)))


def test_a_quoter_that_cannot_be_made_says_why() -> None:
    with pytest.raises(InvalidInput, match="quoter 'magic' is not known; known are dummy, spread"):
        quoter_of("magic", {})
    with pytest.raises(InvalidInput, match="spread_bps"):
        quoter_of("spread", {"spread_bps": 10_000})
