"""Answers on their way: sent as they are, sent again as the same bytes, looked up; and what is told apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector, web
from event_trading_app.errors import Unanswered, VenueDown
from event_trading_app.ports import Sent, Venue
from event_trading_app.venues.near_intents.execute.keys import Key
from event_trading_app.venues.near_intents.execute.looking import Node
from event_trading_app.venues.near_intents.execute.sending import AnswerBus
from event_trading_app.venues.near_intents.execute.signing import Standard
from event_trading_app.venues.near_intents.execute.venue import NearVenue
from quant_platform_kit.domain.errors import InvalidInput
from websockets.asyncio.server import ServerConnection

from .near_frame import ACCOUNT, CLOCK, FUNDS, SECONDS, SECRET, A, B, Scene, command, opener, play, scripted, until

OK = Sent(acknowledged=True)

pytest.importorskip("venue_sandbox")


def frames(count: int) -> list[bytes]:
    """Return messages with numbers of their own."""
    return [json.dumps({"id": number, "method": "quote_response"}).encode() for number in range(1, count + 1)]


# --- against the relay -----------------------------------------------------------------------------


@pytest.mark.parametrize("standard", list(Standard))
def test_an_answer_is_taken_settles_and_is_found_settled(tmp_path: Path, standard: Standard) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue(standard=standard) as venue:
            executor: Venue = venue
            answer = await executor.prepare(command(await at.quote()), CLOCK.now())
            assert await executor.send(answer.data) == OK
            assert not await executor.used(answer)
            assert await at.take() == "OK"
            assert await executor.used(answer)
            assert await executor.balances(ACCOUNT, [A, B, "nep141:none"]) == {
                A: FUNDS + 1000,
                B: FUNDS - 300,
                "nep141:none": 0,
            }
            (settled,) = await at.look("settled")
            assert settled["quote_hash"] == answer.intent_hash

    play(tmp_path, scene)


def test_an_exact_amount_out_is_answered(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            answer = await venue.prepare(command(await at.quote(exact_amount_out="700")), CLOCK.now())
            assert await venue.send(answer.data) == OK
            assert await at.take() == "OK"
            assert await venue.balances(ACCOUNT, [B]) == {B: FUNDS - 700}

    play(tmp_path, scene)


def test_the_bytes_that_arrive_are_the_bytes_that_were_signed_however_often(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue, at.venue() as after_a_crash:
            asked = command(await at.quote())
            answer = await venue.prepare(asked, CLOCK.now())
            again = await after_a_crash.prepare(asked, CLOCK.now() + timedelta(seconds=1))
            assert again == answer
            for one in (venue, venue, after_a_crash):
                assert await one.send(answer.data) == OK
            rows = await at.look("answers")
            assert [row["outcome"] for row in rows] == ["taken", "duplicate", "duplicate"]
            assert {row["bytes"].encode() in answer.data for row in rows} == {True}
            assert len({row["frame_digest"] for row in rows}) == 1
            assert await at.take() == "OK"
            assert await at.take() == "FAILED"
            assert await venue.balances(ACCOUNT, [B]) == {B: FUNDS - 300}

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "lose_request"}, "lost"),
        ({"kind": "lose_acknowledgement"}, "taken"),
        ({"kind": "late_answer", "seconds": 1.0}, "taken"),
        ({"kind": "error_after"}, "taken"),
        ({"kind": "hang", "operation": "quote_response"}, "taken"),
        ({"kind": "drop_abrupt", "operation": "quote_response", "applied": True}, "taken"),
        ({"kind": "drop_abrupt", "operation": "quote_response", "applied": False}, "lost"),
        ({"kind": "drop_graceful", "operation": "quote_response", "applied": True}, "taken"),
    ],
)
def test_whatever_happens_to_an_answer_the_same_bytes_again_make_it_one(
    tmp_path: Path, fault: dict[str, Any], outcome: str
) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue(seconds=0.2) as venue:
            answer = await venue.prepare(command(await at.quote()), CLOCK.now())
            await at.do("faults", **fault)
            with pytest.raises(Unanswered):
                await venue.send(answer.data)
            assert await venue.send(answer.data) == OK
            assert await at.outcomes() == [outcome, "taken" if outcome == "lost" else "duplicate"]
            assert await at.take() == "OK"
            assert await venue.used(answer)

    play(tmp_path, scene)


def test_a_refusal_is_told_in_the_words_of_the_venue(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            quote = await at.quote()
            await at.fault("refuse", message="not now")
            answer = await venue.prepare(command(quote), CLOCK.now())
            assert await venue.send(answer.data) == Sent(acknowledged=False, reason="not now")
            gone = await venue.prepare(command({**quote, "quote_id": "none"}), CLOCK.now())
            assert (await venue.send(gone.data)).reason == "quote not found or already finished"

    play(tmp_path, scene)


def test_a_salt_that_was_rotated_out_is_refused_and_then_asked_for_again(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            first = command(await at.quote())
            before = await venue.prepare(first, CLOCK.now())
            await at.do("salt", invalidate=True)
            assert await venue.prepare(first, CLOCK.now()) == before
            assert "invalid salt" in (await venue.send(before.data)).reason
            after = await venue.prepare(first, CLOCK.now())
            assert after.salt != before.salt
            assert after.nonce != before.nonce
            assert await venue.send(after.data) == OK

    play(tmp_path, scene)


def test_a_venue_that_is_ready_has_its_connection_and_its_salt(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            await venue.ready()
            assert len((await at.look("state"))["sockets"]) == 1
            asked = command(await at.quote())
            await asyncio.gather(*(venue.prepare(asked, CLOCK.now()) for _ in range(5)))
            assert (await at.look("requests"))["current_salt"] == 1

    play(tmp_path, scene)


def test_many_who_need_the_salt_ask_for_it_once(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            asked = command(await at.quote())
            await asyncio.gather(*(venue.prepare(asked, CLOCK.now()) for _ in range(20)))
            assert (await at.look("requests"))["current_salt"] == 1

    play(tmp_path, scene)


def test_a_salt_is_remembered_for_a_while_only(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue(salt_seconds=0.05) as venue:
            asked = command(await at.quote())
            for _ in range(5):
                await venue.prepare(asked, CLOCK.now())
            assert (await at.look("requests"))["current_salt"] == 1
            await asyncio.sleep(0.06)
            await venue.prepare(asked, CLOCK.now())
            assert (await at.look("requests"))["current_salt"] == 2

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"account": "dusbx000002.near"}, "this key signs for dusbx000001.near"),
        ({"expires_at": CLOCK.now(), "deadline": CLOCK.now()}, "is over"),
        ({"amount_out": "0"}, "amount_out of command"),
    ],
)
def test_a_command_that_cannot_be_an_answer_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            with pytest.raises(InvalidInput, match=reason):
                await venue.prepare(command(await at.quote(), **change), CLOCK.now())

    play(tmp_path, scene)


def test_many_answers_share_a_connection_and_each_gets_its_own_word(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue(seconds=SECONDS) as venue:
            quotes = [await at.quote() for _ in range(40)]
            answers = [
                await venue.prepare(command(quote, number=(number + 1) << 208), CLOCK.now())
                for number, quote in enumerate(quotes)
            ]
            await at.fault("refuse", quote=quotes[7]["quote_id"], message="seven")
            said = await asyncio.gather(*(venue.send(answer.data) for answer in answers))
            assert [it.reason for it in said] == ["seven" if number == 7 else "" for number in range(40)]
            assert len({row["socket"] for row in await at.look("answers")}) == 1

    play(tmp_path, scene)


def test_one_word_that_does_not_come_leaves_the_others_alone(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue(seconds=0.3) as venue:
            quotes = [await at.quote() for _ in range(3)]
            answers = [
                await venue.prepare(command(quote, number=(number + 1) << 208), CLOCK.now())
                for number, quote in enumerate(quotes)
            ]
            await at.fault("lose_acknowledgement")
            lost = asyncio.create_task(venue.send(answers[0].data))
            await asyncio.sleep(0.05)
            assert await venue.send(answers[1].data) == OK
            with pytest.raises(Unanswered, match=r"within 0\.3 s"):
                await lost
            assert await venue.send(answers[2].data) == OK
            assert len({row["socket"] for row in await at.look("answers")}) == 1

    play(tmp_path, scene)


def test_a_node_that_does_not_say_is_down(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            answer = await venue.prepare(command(await at.quote()), CLOCK.now())
            for operation, ask in (
                ("is_nonce_used", lambda: venue.used(answer)),
                ("current_salt", venue.salt),
                ("mt_batch_balance_of", lambda: venue.balances(ACCOUNT, [A])),
            ):
                await at.fault("refuse", operation=operation, message="node is syncing")
                with pytest.raises(VenueDown, match=f"{operation}.*node is syncing"):
                    await ask()
            await at.fault("drop_abrupt", operation="is_nonce_used")
            with pytest.raises(VenueDown, match="gave no answer"):
                await venue.used(answer)
            assert not await venue.used(answer)

    play(tmp_path, scene)


def test_a_node_that_hangs_is_down_in_time(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.fault("lose_acknowledgement", operation="current_salt")
        node = at.node(0.1)
        with pytest.raises(VenueDown, match="current_salt: the node gave no answer"):
            await node.salt()
        await node.close()

    play(tmp_path, scene)


def test_nobody_at_the_other_end_means_that_nothing_has_left(tmp_path: Path) -> None:
    async def scene() -> None:
        bus = AnswerBus(opener(str(tmp_path / "nobody")))
        with pytest.raises(VenueDown, match="nothing was sent"):
            await bus.send(frames(1)[0])
        await bus.close()

    asyncio.run(scene())


def test_a_login_that_is_refused_means_that_nothing_has_left_and_tells_no_token(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        bus = AnswerBus(opener(str(tmp_path / "venue"), "a-secret-token"))
        with pytest.raises(VenueDown, match="401") as refused:
            await bus.send(frames(1)[0])
        assert "a-secret-token" not in repr(refused.value)
        assert not await at.look("answers")
        await bus.close()

    play(tmp_path, scene)


# --- against a bus that says what a test wants -----------------------------------------------------


def said_by(tmp_path: Path, *replies: str | bytes, data: bytes | None = None) -> Sent:
    """Return what a bus that says this to every message is taken to have said."""

    async def speak(wire: ServerConnection) -> None:
        async for _ in wire:
            for reply in replies:
                await wire.send(reply)

    async def scene() -> Sent:
        async with scripted(tmp_path, speak) as path:
            bus = AnswerBus(opener(path), 0.2)
            try:
                return await bus.send(data or frames(1)[0])
            finally:
                await bus.close()

    return asyncio.run(scene())


@pytest.mark.parametrize(
    "reply",
    [
        '{"id": 1}',
        '{"id": 1, "result": null}',
        '{"id": 1, "result": "PENDING"}',
        '{"id": 1, "error": null}',
        '{"id": 1, "error": {"code": -32603, "message": "boom"}}',
        '{"id": 1, "error": {"code": -32000, "message": "Internal server error"}}',
        '{"id": 1, "error": {"code": -32000, "message": "upstream timed out"}}',
    ],
)
def test_what_does_not_say_that_an_answer_was_refused_leaves_it_open(tmp_path: Path, reply: str) -> None:
    with pytest.raises(Unanswered, match="does not say whether it took the answer"):
        said_by(tmp_path, reply)


def test_what_is_no_reply_to_an_answer_says_nothing_of_it(tmp_path: Path) -> None:
    replies = (
        "{",
        "[]",
        '{"id": 2, "result": "OK"}',
        '{"id": null, "error": {"message": "Parse error"}}',
        '{"id": [1], "result": "OK"}',
        '{"method": "event", "params": {"data": {"quote_id": "q"}}}',
    )
    with pytest.raises(Unanswered, match=r"did not answer within 0\.2 s"):
        said_by(tmp_path, *replies)


def test_words_for_others_are_passed_over(tmp_path: Path) -> None:
    assert said_by(tmp_path, "{", b"\xff", '{"id": 9, "result": "OK"}', '{"id": 1, "result": "OK"}') == OK


def test_a_connection_that_says_nothing_is_given_up_and_another_one_is_opened(tmp_path: Path) -> None:
    opened: list[int] = []

    async def speak(wire: ServerConnection) -> None:
        opened.append(1)
        async for message in wire:
            if len(opened) > 1:
                await wire.send(json.dumps({"id": json.loads(message)["id"], "result": "OK"}))

    async def scene() -> None:
        async with scripted(tmp_path, speak) as path:
            bus = AnswerBus(opener(path), 0.1)
            with pytest.raises(Unanswered, match="did not answer"):
                await bus.send(frames(1)[0])
            assert await bus.send(frames(1)[0]) == OK
            assert len(opened) == 2
            await bus.close()

    asyncio.run(scene())


def test_the_bytes_go_out_as_they_are(tmp_path: Path) -> None:
    heard: list[str | bytes] = []

    async def speak(wire: ServerConnection) -> None:
        async for message in wire:
            heard.append(message)
            await wire.send('{"id": 7, "result": "OK"}')

    async def scene() -> None:
        async with scripted(tmp_path, speak) as path:
            bus = AnswerBus(opener(path), 1.0)
            data = '{ "id" : 7,\n "x": "é" }'.encode()
            await bus.send(data)
            assert heard == [data.decode()]
            await bus.close()

    asyncio.run(scene())


def test_answers_under_way_when_the_bus_is_closed_are_unanswered(tmp_path: Path) -> None:
    async def speak(wire: ServerConnection) -> None:
        async for _ in wire:
            pass

    async def scene() -> None:
        async with scripted(tmp_path, speak) as path:
            bus = AnswerBus(opener(path), SECONDS)
            sending = [asyncio.create_task(bus.send(data)) for data in frames(3)]
            await until(lambda: bus._line is not None and len(bus._line.waiting) == 3)
            await bus.close()
            assert [type(it) for it in await asyncio.gather(*sending, return_exceptions=True)] == [Unanswered] * 3

    asyncio.run(scene())


def test_an_answer_whose_sending_is_given_up_disturbs_no_other(tmp_path: Path) -> None:
    opened: list[int] = []

    async def slowly(connection: ServerConnection, request: Any) -> None:
        opened.append(1)
        await asyncio.sleep(0.1)

    async def speak(wire: ServerConnection) -> None:
        async for message in wire:
            await wire.send(json.dumps({"id": json.loads(message)["id"], "result": "OK"}))

    async def scene() -> None:
        async with scripted(tmp_path, speak, process_request=slowly) as path:
            bus = AnswerBus(opener(path), SECONDS)
            given_up = asyncio.create_task(bus.send(frames(1)[0]))
            await until(lambda: opened)
            given_up.cancel()
            await asyncio.sleep(0.15)
            assert await asyncio.gather(*(bus.send(data) for data in frames(3))) == [OK] * 3
            assert len(opened) == 1
            await bus.close()

    asyncio.run(scene())


def test_bytes_that_may_not_leave_any_more_do_not(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async with at.venue() as venue:
            answer = await venue.prepare(command(await at.quote()), CLOCK.now())
            with pytest.raises(VenueDown, match="nothing was sent"):
                await venue.send(answer.data, lambda: False)
            assert not await at.look("answers")
            assert await venue.send(answer.data, lambda: True) == OK

    play(tmp_path, scene)


def test_whether_bytes_may_leave_is_asked_when_a_connection_is_there(tmp_path: Path) -> None:
    connected: list[int] = []
    asked: list[int] = []

    async def speak(wire: ServerConnection) -> None:
        async for _ in wire:
            await wire.send('{"id": 1, "result": "OK"}')

    async def hold(connection: ServerConnection, request: Any) -> None:
        await asyncio.sleep(0.1)
        connected.append(1)

    def may_leave() -> bool:
        asked.append(len(connected))
        return True

    async def scene() -> None:
        async with scripted(tmp_path, speak, process_request=hold) as path:
            bus = AnswerBus(opener(path), 1.0)
            assert await bus.send(frames(1)[0], may_leave) == OK
            assert asked == [1]
            await bus.close()

    asyncio.run(scene())


def test_of_equal_messages_the_first_gets_the_first_word(tmp_path: Path) -> None:
    async def speak(wire: ServerConnection) -> None:
        for _ in range(2):
            await wire.recv()
        await wire.send('{"id": 1, "result": "OK"}')
        await wire.send('{"id": 1, "error": {"code": -32000, "message": "nonce already used"}}')
        await wire.wait_closed()

    async def scene() -> None:
        async with scripted(tmp_path, speak) as path:
            bus = AnswerBus(opener(path), SECONDS)
            said = await asyncio.gather(*(bus.send(frames(1)[0]) for _ in range(2)))
            assert [it.acknowledged for it in said] == [True, False]
            await bus.close()

    asyncio.run(scene())


def test_a_connection_that_ends_while_bytes_leave_leaves_it_open_whether_they_arrived(tmp_path: Path) -> None:
    async def speak(wire: ServerConnection) -> None:
        await wire.wait_closed()

    async def scene() -> None:
        async with scripted(tmp_path, speak) as path:
            bus = AnswerBus(opener(path), SECONDS)
            await bus.ready()
            assert bus._line is not None

            async def fail(_: str) -> None:
                raise ConnectionResetError("reset by peer")

            bus._line.wire.send = fail  # type: ignore[method-assign]
            with pytest.raises(Unanswered, match="ended while an answer was sent: ConnectionResetError"):
                await bus.send(frames(1)[0])
            await bus.close()

    asyncio.run(scene())


# --- against a node that says what a test wants ----------------------------------------------------


def asked_of(tmp_path: Path, bodies: list[tuple[str | bytes, int]], ask: Callable[[Node], Awaitable[Any]]) -> list[Any]:
    """Return what is read of a node that says one thing after another, each with a status."""
    waiting = list(bodies)

    async def say(_: web.Request) -> web.Response:
        body, status = waiting.pop(0)
        return web.Response(status=status, body=body)

    async def scene() -> list[Any]:
        application = web.Application()
        application.add_routes([web.post("/near", say)])
        runner, path = web.AppRunner(application), str(tmp_path / "node")
        await runner.setup()
        await web.UnixSite(runner, path).start()
        node = Node("http://node/near", 1.0, lambda: ClientSession(connector=UnixConnector(path)))
        try:
            return [await _or_error(ask(node)) for _ in bodies]
        finally:
            await node.close()
            await runner.cleanup()

    return asyncio.run(scene())


async def _or_error(answer: Awaitable[Any]) -> Any:
    try:
        return await answer
    except VenueDown as error:
        return error


def result(value: Any) -> str:
    return json.dumps({"result": {"result": list(json.dumps(value).encode())}})


ASKED: dict[str, Callable[[Node], Awaitable[Any]]] = {
    "salt": lambda node: node.salt(),
    "used": lambda node: node.used(ACCOUNT, "nonce"),
    "balances": lambda node: node.balances(ACCOUNT, [A, B]),
}


NO_ANSWERS: list[tuple[str | bytes, int]] = [
    ("", 200),
    ("<html>", 200),
    ("[]", 200),
    ("{}", 200),
    (b"\xff\xfe", 200),
    (json.dumps({"result": {"result": None}}), 200),
    (json.dumps({"result": {"result": [999]}}), 200),
    (json.dumps({"result": {"error": "wasm execution failed"}}), 200),
    (json.dumps({"error": {"message": "UNKNOWN_BLOCK"}}), 200),
    (result(None), 200),
    (result(1), 200),
    (result("true"), 200),
    (result(["1"]), 200),
    (result(["1", "-2"]), 200),
    (result(["1", 2]), 200),
    (result("0102"), 200),
    (result("0102030g"), 200),
    (result(True), 503),
    (result(["5", "0"]), 500),
    (result("01020304"), 404),
]


@pytest.mark.parametrize("ask", ASKED)
def test_what_a_node_says_that_is_no_answer_is_none(tmp_path: Path, ask: str) -> None:
    read = asked_of(tmp_path, NO_ANSWERS, ASKED[ask])
    taken = [body for (body, _), said in zip(NO_ANSWERS, read, strict=True) if not isinstance(said, VenueDown)]
    assert not taken


@pytest.mark.parametrize(
    ("ask", "said", "read"),
    [
        ("salt", "01020304", b"\x01\x02\x03\x04"),
        ("used", True, True),
        ("used", False, False),
        ("balances", ["5", "0"], {A: 5, B: 0}),
    ],
)
def test_what_a_node_says_is_read(tmp_path: Path, ask: str, said: Any, read: Any) -> None:
    assert asked_of(tmp_path, [(result(said), 200)], ASKED[ask]) == [read]


def test_a_node_is_not_asked_for_nothing() -> None:
    assert asyncio.run(Node("http://nowhere").balances(ACCOUNT, [])) == {}


def test_nothing_that_is_shown_of_a_venue_holds_its_secrets() -> None:
    async def scene() -> str:
        bus = AnswerBus(opener("nowhere", "a-secret-token"))
        return repr(NearVenue(ACCOUNT, Key.read(SECRET), bus, Node("http://nowhere"), CLOCK))

    shown = asyncio.run(scene())
    assert SECRET.removeprefix("ed25519:") not in shown
    assert "a-secret-token" not in shown
