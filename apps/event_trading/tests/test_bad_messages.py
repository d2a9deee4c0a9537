"""Bad messages at every stage: each becomes what it has to, nothing is raised beyond that, and the next one goes on.

The functions are those that the services hand to the loops of the kit; what they raise is told apart as these loops do
it, but for one thing: any other exception fails the test here, and would be one more dead letter there.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from event_trading_app.archive.archiver import Archiver
from event_trading_app.archive.writing import Files
from event_trading_app.executor.executing import Executor
from event_trading_app.monitor.monitor import Monitor
from event_trading_app.names import NEAR_INTENTS, Service, Topic
from event_trading_app.payloads import SwapDemand
from event_trading_app.reactor import market as market_module
from event_trading_app.reactor.commands import Terms
from event_trading_app.reactor.market import Market
from event_trading_app.reactor.quoters import quoter_of
from event_trading_app.reactor.stage import Reactor
from event_trading_app.services.executor import command_in
from event_trading_app.services.inventory import inventory_event
from event_trading_app.services.prices import price_events
from event_trading_app.topics import outgoing
from event_trading_app.venues.near_intents.ingest.events import raw_event
from event_trading_app.venues.near_intents.ingest.frames import Kind, read_frame
from event_trading_app.venues.near_intents.normalize.demand import normalize
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.bus import Outgoing, Place, Received
from quant_platform_kit.events.dead_letters import DeadLetter
from quant_platform_kit.events.envelope import Event, decode, encode
from quant_platform_kit.events.errors import Duplicate, Unreadable
from quant_platform_kit.events.schemas import Schema, Schemas
from quant_platform_kit.ports.notifier import Notification

from .bad_messages import ANY, Bad, Document, payload, written
from .bad_messages import field as bad_field
from .frame import ACCOUNT, NOW, TOKEN_A, TOKEN_B, Desk, MemoryStore, at_once, run, trade

TOO_MUCH = str(2**128)

Stage = Callable[[Received], Awaitable[str]]
"""Deals with a message; returns what became of it."""


def event_of(topic: Topic, number: int, content: Mapping[str, Any], name: str = "") -> Event:
    return Event(name or f"{topic.value}-{number}", topic.value, NEAR_INTENTS, NOW, NOW, 1, content)


def document_of(event: Event) -> Document:
    return json.loads(encode(event))


async def became(stage: Stage, message: Received) -> str:
    """Return what becomes of a message, as the loops of the kit do it."""
    try:
        return await stage(message)
    except Duplicate:
        return "duplicate"
    except Unreadable as error:
        return f"dead: {error}"


# --- the stages --------------------------------------------------------------------------------


def quote_event(number: int) -> Event:
    content = {
        "quote_id": f"q{number}",
        "defuse_asset_identifier_in": TOKEN_A,
        "defuse_asset_identifier_out": TOKEN_B,
        "exact_amount_in": "1000",
        "min_deadline_ms": 60_000,
        "max_wait_ms": 3_000,
    }
    return event_of(Topic.RAW_QUOTE, number, content)


def demand_event(number: int) -> Event:
    (demand,) = normalize(quote_event(number))
    return demand


def command_event(number: int) -> Event:
    asked = trade(str(number))
    return event_of(Topic.EXECUTE_TRADE, number, asked.model_dump(mode="json"), asked.command_id)


def normalizer() -> Stage:
    async def stage(message: Received) -> str:
        (made,) = [outgoing(event) for event in normalize(message.event())]
        return f"made {made.topic}"

    return stage


def reactor() -> Stage:
    market = Market(ACCOUNT)
    price = {
        "token_in": TOKEN_A,
        "token_out": TOKEN_B,
        "amount_in": "100",
        "amount_out": "99",
        "priced_at": NOW.isoformat(),
        "source": "test",
    }
    market.note(event_of(Topic.REFERENCE_PRICE, 0, price))
    market.note(inventory_event(ACCOUNT, TOKEN_B, 10**30, NOW))
    settings = {"limits": {TOKEN_B: str(10**29)}, "max_price_age_seconds": 60}
    deciding = Reactor(market, quoter_of("spread", settings), Terms(ACCOUNT))

    async def stage(message: Received) -> str:
        made: Sequence[Outgoing] = deciding.react(message)
        for each in made:
            market.note(decode(each.value))
        return f"made {made[0].topic}" if made else "passed"

    return stage


def executor() -> Stage:
    desk = Desk()
    working = Executor(desk.parts())
    taken: list[int] = []

    async def stage(message: Received) -> str:
        command = command_in(message)
        if not taken:
            await working.assigned(message.partition)
            taken.append(message.partition)
        before = len(desk.venue.arrived)
        await working.handle(command)
        assert len(desk.venue.arrived) - before == (desk.told.states()[-1] == "ACKNOWLEDGED" and fresh(desk))
        return desk.told.states()[-1]

    def fresh(desk: Desk) -> bool:
        """Whether the newest result is told for the first time."""
        return desk.told.events.count(desk.told.events[-1]) == 1

    return stage


def monitor() -> Stage:
    desk = Desk()
    watching = Monitor(desk.parts(), _nobody_is_told, timedelta(minutes=1))
    working = Executor(desk.parts("executor"))
    taken: list[int] = []

    async def stage(message: Received) -> str:
        if not taken:
            await working.assigned(0)
            await watching.assigned(0)
            for number in range(2):  # what the good messages are about
                asked = command_event(number)
                await working.handle(command_in(Received(asked.event_type, 0, number, None, encode(asked))))
            taken.append(0)
        before = watching.open
        await watching.handle(message.event(), message.partition)
        return "watched" if watching.open > before else "passed"

    return stage


def _nobody_is_told(notification: Notification) -> None:
    raise AssertionError(notification)


def result_event(number: int) -> Event:
    asked = trade(str(number))
    names = ("command_id", "account", "quote_id", "token_in", "token_out", "amount_in", "amount_out", "deadline")
    content = {name: asked.model_dump(mode="json")[name] for name in names}
    told = {
        "state": "ACKNOWLEDGED",
        "mode": "paper",
        "sends": 1,
        "at": NOW.isoformat(),
        "intent_hash": f"hash-{number}",
    }
    return event_of(Topic.TRADE_RESULT, number, {**content, **told})


def archiver() -> Stage:
    working = Archiver(Files(MemoryStore()), Desk().clock, 1, 60.0, at_once)
    taken: list[Place] = []

    async def stage(message: Received) -> str:
        if message.place not in taken:
            await working.assigned(message.place)
            taken.append(message.place)
        await working.handle(message)
        return "archived"

    return stage


# --- what is bad at one of them ----------------------------------------------------------------


def amounts(name: str) -> dict[str, Bad]:
    """Return bad values of an amount."""
    values: dict[str, object] = {
        "a negative": "-1000",
        "a float": 1000.5,
        "an integer that is no text": 1000,
        "a float in a text": "1000.0",
        "a leading zero in an": "01000",
        "too large an": TOO_MUCH,
    }
    return {f"{what} {name}": payload({name: value}, f"{name}: ") for what, value in values.items()}


BOTH = payload({"exact_amount_in": "1", "exact_amount_out": "1"}, "exactly one")
NEITHER = payload({"exact_amount_in": None}, "exactly one")
SAME = "a swap is of two tokens"

NORMALIZER: dict[str, Bad] = {
    **ANY,
    **amounts("exact_amount_in"),
    "both amounts": BOTH,
    "no amount": NEITHER,
    "an amount of 0": payload({"exact_amount_in": "0"}, "nothing is asked for"),
    "the same token twice": payload({"defuse_asset_identifier_in": TOKEN_B}, SAME),
    "no quote_id": payload({"quote_id": None}, "quote_id"),
    "a quote_id of 1,000 characters": payload({"quote_id": "q" * 1_000}, "quote_id"),
    "a deadline in the past": payload({"min_deadline_ms": -1}, "min_deadline_ms"),
    "more to wait than there is": payload({"min_wait_ms": 4_000}, "over max_wait_ms"),
    "another venue": bad_field("venue", "elsewhere", "this normalizer reads"),
    "another topic's event": bad_field("event_type", "norm.swap_demand", "this normalizer reads"),
    "a token that nobody knows": payload({"defuse_asset_identifier_out": "nep141:x"}, becomes="made norm.swap_demand"),
    "a field that newer code has added": payload({"partner": "x"}, becomes="made norm.swap_demand"),
    "the same quote again": Bad(written, "made norm.swap_demand"),
}
REACTOR: dict[str, Bad] = {
    **ANY,
    **amounts("exact_amount_in"),
    "both amounts": BOTH,
    "no amount": NEITHER,
    "the same token twice": payload({"token_in": TOKEN_B}, SAME),
    "no token": payload({"token_out": None}, "token_out"),
    "a price and no demand": bad_field("event_type", "norm.reference_price", "amount_in"),
    "a token that nobody knows": payload({"token_out": "nep141:x", "quote_id": "other"}, becomes="passed"),
    "a window shorter than the margin": payload({"max_wait_ms": 100, "quote_id": "other"}, becomes="passed"),
    "more than there is": payload({"exact_amount_in": str(2**128 - 1), "quote_id": "other"}, becomes="passed"),
    "older than the one before": Bad(
        lambda event: written({**event, "observed_at": "2026-03-02T11:59:00+00:00"}), "duplicate"
    ),
    "the same demand again": Bad(written, "duplicate"),
}
EXECUTOR: dict[str, Bad] = {
    **ANY,
    **amounts("amount_out"),
    "no token": payload({"token_in": None}, "token_in"),
    "a deadline before its time": payload({"deadline": "2026-03-02T12:00:30+00:00"}, "is before expires_at"),
    "a deadline without its offset": payload({"deadline": "2026-03-02T12:02:00"}, "deadline"),
    "a command_id that is no digest": payload({"command_id": "1"}, "command_id"),
    "another command_id than event_id": bad_field("event_id", "0" * 64, "a command has one id"),
    "neither amount exact": payload({"exact": "exact_amount_none"}, "exact"),
    "a result and no command": bad_field("event_type", "exec.trade_result", "state"),
    "no inputs": payload({"inputs": None}, "inputs"),
    "too late": Bad(lambda event: _another(event, expires_at="2026-03-02T11:59:00+00:00"), "EXPIRED"),
    "of another account": Bad(lambda event: _another(event, account="other.near"), "REJECTED"),
    "to be sent next year": Bad(
        lambda event: _another(event, expires_at="2027-03-02T12:00:00+00:00", deadline="2027-03-02T12:00:00+00:00"),
        "REJECTED",
    ),
    "another command for the quote": Bad(
        lambda event: _another(event, quote_id=event["payload"]["quote_id"]), "REJECTED"
    ),
    "the same command again": Bad(written, "ACKNOWLEDGED"),
}
MONITOR: dict[str, Bad] = {
    **ANY,
    **amounts("amount_out"),
    "a state that nobody knows": payload({"state": "PERHAPS"}, "state"),
    "no state": payload({"state": None}, "state"),
    "sent less than never": payload({"sends": -1}, "sends"),
    "a command and no result": bad_field("event_type", "cmd.execute_trade", "expires_at"),
    "a demand and no result": Bad(lambda event: encode(demand_event(1)), told="is no result of a trade"),
    "of a command that nobody recorded": payload({"quote_id": "never"}, becomes="watched"),
    "open, and nothing was signed": payload({"intent_hash": None}, becomes="passed"),
    "of another account": payload({"account": "other.near"}, becomes="passed"),
    "an end before the beginning": payload({"state": "SETTLED"}, becomes="passed"),
    "the same result again": Bad(written, "passed"),
}
ARCHIVER: dict[str, Bad] = {
    **{name: bad for name, bad in ANY.items() if bad.told and "version" not in name},
    "a future version": bad_field("schema_version", 999, "", "archived"),
    "version 0": ANY["version 0"],
    "a version in words": ANY["a version in words"],
    "a type that is reserved": bad_field("event_type", "signal.news", "", "archived"),
    "an id of 300 characters": bad_field("event_id", "e" * 300, "event_id has to be"),
    "raw that is no text": bad_field("raw", {}, "raw has to be text"),
    "a payload that no schema allows": payload({"exact_amount_in": -0.5}, becomes="archived"),
    "the same event at a new offset": Bad(written, "archived"),
}


def _another(event: Document, **changes: str) -> bytes:
    """Return another command, for another quote unless one is named."""
    identity = "ab" * 32
    content = {**event["payload"], "command_id": identity, "quote_id": "another", **changes}
    return written({**event, "event_id": identity, "payload": content})


@dataclass(frozen=True, slots=True)
class Case:
    """A stage, good events for it, and what a good one becomes."""

    stage: Callable[[], Stage]
    good: Callable[[int], Event]
    becomes: str
    bad: Mapping[str, Bad] = field(repr=False)


CASES: dict[Service, Case] = {
    Service.NORMALIZER: Case(normalizer, quote_event, "made norm.swap_demand", NORMALIZER),
    Service.REACTOR: Case(reactor, demand_event, "made cmd.execute_trade", REACTOR),
    Service.EXECUTOR: Case(executor, command_event, "ACKNOWLEDGED", EXECUTOR),
    Service.MONITOR: Case(monitor, result_event, "watched", MONITOR),
    Service.ARCHIVER: Case(archiver, quote_event, "archived", ARCHIVER),
}
EACH = [(service, name) for service, case in CASES.items() for name in case.bad]


@pytest.mark.parametrize(("service", "name"), EACH, ids=[f"{service.value}: {name}" for service, name in EACH])
def test_a_bad_message_becomes_what_it_has_to_and_the_next_one_goes_on(service: Service, name: str) -> None:
    case, bad = CASES[service], CASES[service].bad[name]
    first, last = case.good(0), case.good(1)
    values = [encode(first), bad.made(document_of(first)), encode(last)]

    async def all_of_them() -> list[str]:
        stage = case.stage()
        return [await became(stage, received(first, offset, value)) for offset, value in enumerate(values)]

    before, found, after = run(all_of_them())
    assert (before, found.partition(": ")[0], after) == (case.becomes, bad.becomes, case.becomes)
    assert bad.told in found


@pytest.mark.parametrize("service", CASES)
def test_every_stage_has_20_bad_messages_and_more(service: Service) -> None:
    assert len(CASES[service].bad) >= 20


@pytest.mark.parametrize("name", [name for name, bad in NORMALIZER.items() if bad.becomes == "dead"])
def test_a_dead_letter_gives_the_message_back_byte_for_byte(name: str) -> None:
    message = received(quote_event(0), 3, NORMALIZER[name].made(document_of(quote_event(0))))
    with pytest.raises(Unreadable) as raised:
        run(normalizer()(message))
    letter = DeadLetter.of("normalizer", message, str(raised.value), NOW)
    assert DeadLetter.model_validate_json(letter.outgoing.value).original == Outgoing(*message[:1], *message[3:])


def received(event: Event, offset: int, value: bytes) -> Received:
    return Received(event.event_type, 0, offset, b"key", value)


def test_an_offset_that_is_archived_is_a_duplicate_and_later_ones_go_on() -> None:
    async def offsets() -> list[str]:
        stage = archiver()
        return [await became(stage, received(quote_event(0), each, encode(quote_event(0)))) for each in (5, 4, 5, 6)]

    assert run(offsets()) == ["archived", "duplicate", "duplicate", "archived"]


# --- an older version --------------------------------------------------------------------------


class Demand2(SwapDemand):
    """A demand as a later version could have it: its amounts in a field each, and who asks."""

    asked_by: str


def _upcast(fields: Document) -> Document:
    return {**fields, "asked_by": "nobody"}


def test_an_event_of_an_older_version_is_upcast_and_one_of_the_newest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    own = (Schema(Topic.SWAP_DEMAND.value, 1, SwapDemand), Schema(Topic.SWAP_DEMAND.value, 2, Demand2, _upcast))
    known = market_module.SCHEMAS
    others = (
        schema
        for event_type in known.event_types
        if event_type != Topic.SWAP_DEMAND.value
        for schema in known.versions(event_type)
    )
    monkeypatch.setattr(market_module, "SCHEMAS", Schemas((*own, *others)))
    old, new = document_of(demand_event(0)), document_of(demand_event(1))
    new = {**new, "schema_version": 2, "payload": {**new["payload"], "asked_by": "somebody"}}
    untold = {**deepcopy(new), "payload": demand_event(2).payload}

    async def all_of_them() -> list[str]:
        stage = reactor()
        return [await became(stage, received(demand_event(0), 0, written(each))) for each in (old, untold, new)]

    first, second, third = run(all_of_them())
    assert (first, third) == ("made cmd.execute_trade",) * 2
    assert "dead" in second
    assert "asked_by" in second


# --- where events come from --------------------------------------------------------------------

QUOTE = dict(quote_event(7).payload)
GOOD_FRAME = {"jsonrpc": "2.0", "method": "event", "params": {"subscription": "s", "data": QUOTE}}


def frame(**data: object) -> str:
    return json.dumps({**GOOD_FRAME, "params": {"data": {**QUOTE, **data}}})


FRAMES: dict[str, str] = {
    "nothing at all": "",
    "no JSON": "hello",
    "cut off half way": json.dumps(GOOD_FRAME)[:80],
    "a list": json.dumps([GOOD_FRAME]),
    "a number": "1",
    "null": "null",
    "another method": json.dumps({**GOOD_FRAME, "method": "ping"}),
    "no params": json.dumps({"method": "event"}),
    "params that are a list": json.dumps({"method": "event", "params": []}),
    "data that are a list": json.dumps({"method": "event", "params": {"data": []}}),
    "2 MB": frame(comment="x" * 2_000_000),
    "5,000 lists in each other": "[" * 5_000 + "]" * 5_000,
    "half of a pair of characters": '{"method": "event", "params": {"data": {"quote_id": "\\ud800"}}}',
    "a number that JSON has not": '{"method": "event", "params": {"data": {"quote_id": "q", "amount": NaN}}}',
    "a number that no float is": '{"method": "event", "params": {"data": {"quote_id": "q", "amount": 1e999}}}',
    "a quote_id that is a number": frame(quote_id=7),
    "an empty quote_id": frame(quote_id=""),
    "a negative amount": frame(exact_amount_in="-1"),
    "a float amount": frame(exact_amount_in=0.5),
    "both amounts": frame(exact_amount_out="1"),
    "no token": frame(defuse_asset_identifier_in=None),
    "a subscription that nobody has": json.dumps({"method": "event", "params": {"subscription": "x", "more": 1}}),
}


@pytest.mark.parametrize("name", FRAMES)
def test_whatever_the_venue_sends_is_an_event_that_nobody_takes_for_a_quote(name: str) -> None:
    kinds = {"s": Kind.QUOTE}
    event = raw_event(read_frame(FRAMES[name], kinds), FRAMES[name], NOW, NOW)
    assert decode(encode(event)) == event
    assert event.raw is not None
    assert FRAMES[name].startswith(event.raw)
    with pytest.raises(Unreadable):
        normalize(event)
    text = json.dumps(GOOD_FRAME)
    (demand,) = normalize(raw_event(read_frame(text, kinds), text, NOW, NOW))
    assert demand.payload["quote_id"] == "q7"


PRICE: Document = {"token_in": TOKEN_A, "token_out": TOKEN_B, "amount_in": "100", "amount_out": "99"}
LINES: dict[str, str] = {
    "no JSON": "hello",
    "cut off half way": json.dumps(PRICE)[:30],
    "a list": json.dumps([PRICE]),
    "a number": "1",
    "null": "null",
    "nothing in it": "{}",
    "2 MB of a name": json.dumps({**PRICE, "source": "x" * 2_000_000}),
    "5,000 lists in each other": "[" * 5_000 + "]" * 5_000,
    "a negative amount": json.dumps({**PRICE, "amount_in": "-100"}),
    "a float amount": json.dumps({**PRICE, "amount_out": 99.5}),
    "an integer amount": json.dumps({**PRICE, "amount_out": 99}),
    "a float in a text": json.dumps({**PRICE, "amount_out": "99.0"}),
    "a leading zero": json.dumps({**PRICE, "amount_out": "099"}),
    "an amount of 0": json.dumps({**PRICE, "amount_in": "0"}),
    "too large an amount": json.dumps({**PRICE, "amount_in": TOO_MUCH}),
    "NaN": '{"token_in": "a", "token_out": "b", "amount_in": NaN, "amount_out": "1"}',
    "no token": json.dumps({**PRICE, "token_in": None}),
    "an empty token": json.dumps({**PRICE, "token_in": ""}),
    "a time without its offset": json.dumps({**PRICE, "priced_at": "2026-03-02T12:00:00"}),
    "a time that is none": json.dumps({**PRICE, "priced_at": "noon"}),
    "a source that is a list": json.dumps({**PRICE, "source": []}),
}


@pytest.mark.parametrize("name", LINES)
def test_a_bad_line_of_prices_is_named_and_the_mended_file_is_told(name: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.jsonl"
    file.write_text(f"{json.dumps(PRICE)}\n{LINES[name]}\n")
    with pytest.raises(InvalidInput, match="line 2: "):
        price_events(file, NOW)
    file.write_text(f"{json.dumps(PRICE)}\n")
    assert [event.payload["amount_out"] for event in price_events(file, NOW)] == ["99"]


def test_the_services_that_read_from_outside_have_20_bad_inputs_each() -> None:
    assert min(len(FRAMES), len(LINES)) >= 20
