"""What solvers are told and what goes wrong on their connections."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError
from venue_sandbox.venues.near.settings import Settings
from venue_sandbox.venues.near.tokens import account_of, token_of

from .frame import OTHER, SOLVER, A, B, Wire, answer, play


def test_a_connection_needs_a_token_of_the_venue(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        good = token_of(SOLVER)
        assert account_of(good) == SOLVER
        for token in ("", "Bearer ", f"Bearer {good}x", good, f"Bearer {good[:-1]}"):
            with pytest.raises(WSServerHandshakeError) as refused:
                await wire.client.ws_connect("http://venue/ws", headers={"Authorization": token})
            assert refused.value.status == 401

    play(tmp_path, scene)


def test_events_have_the_shape_that_deployed_solvers_read(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.connected() as solver:
            name = await solver.subscribe()
            quote = await wire.asked(min_deadline_ms=61_000)
            event = await solver.event()
            assert (event["method"], event["params"]["subscription"]) == ("event", name)
            assert event["params"]["data"] == {
                "quote_id": quote["quote_id"],
                "defuse_asset_identifier_in": A,
                "defuse_asset_identifier_out": B,
                "exact_amount_in": "1000",
                "min_deadline_ms": 61_000,
                "min_wait_ms": 60_000,
                "max_wait_ms": 60_000,
                "protocol_fee_included": False,
            }

    play(tmp_path, scene)


def test_events_have_the_flat_shape_of_the_documents(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.connected() as solver:
            name = await solver.subscribe()
            quote = await wire.asked(exact_amount_out="7")
            event = await solver.event()
            assert event["method"] == "subscribe"
            assert event["params"]["subscription"] == name
            assert (event["params"]["quote_id"], event["params"]["exact_amount_out"]) == (quote["quote_id"], "7")
            assert "data" not in event["params"]

    play(tmp_path, scene, Settings(shape="subscribe"))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("shape", ["event", "subscribe"])
def test_a_status_event_may_name_no_subscription(tmp_path: Path, named: bool, shape: Any) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.connected() as solver:
            await solver.subscribe()
            name = await solver.subscribe("quote_status")
            await wire.asked()
            await solver.ask("quote_response", answer(wire.venue, await solver.quote()))
            await wire.do("take", quote_hash=next(iter(wire.venue.answers)))
            params = (await solver.event(2))["params"]
            assert params.get("subscription") == (name if named else None)
            assert "quote_hash" in params.get("data", params)

    play(tmp_path, scene, Settings(shape=shape, status_subscription=named))


def test_a_subscription_hears_of_its_tokens_until_it_ends(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.connected() as solver:
            name = await solver.subscribe(tokens_in=[B], tokens_out=[])
            await wire.asked()
            quote = await wire.asked(defuse_asset_identifier_in=B, defuse_asset_identifier_out=A)
            assert (await solver.quote())["quote_id"] == quote["quote_id"]
            assert (await solver.ask("unsubscribe", name))["result"] == "OK"
            assert (await solver.ask("unsubscribe", name))["error"]["message"] == "subscription not found"
            await wire.asked(defuse_asset_identifier_in=B, defuse_asset_identifier_out=A)
            assert await solver.hears_nothing()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("text", "number", "code"),
    [
        ("{", None, -32700),
        ("[]", None, -32700),
        ('{"id": 3}', None, -32700),
        ('{"id": 3, "method": "trade", "params": []}', 3, -32601),
        ('{"id": 3, "method": "subscribe", "params": ["trades"]}', 3, -32000),
        ('{"id": 3, "method": "quote_response", "params": []}', 3, -32000),
    ],
)
def test_what_makes_no_sense_is_answered_with_an_error(tmp_path: Path, text: str, number: Any, code: int) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.connected() as solver:
            await solver.wire.send_str(text)
            said = (await solver.wire.receive()).json()
            assert (said["id"], said["error"]["code"]) == (number, code)

    play(tmp_path, scene)


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome", "said"),
    [
        ({"kind": "lose_request"}, "lost", None),
        ({"kind": "lose_acknowledgement"}, "taken", None),
        ({"kind": "refuse", "message": "no"}, "refused", {"code": -32000, "message": "no"}),
        ({"kind": "error_after"}, "taken", {"code": -32603, "message": "internal error"}),
        ({"kind": "late_answer", "seconds": 0.05}, "taken", "OK"),
        ({"kind": "delay_arrival", "seconds": 0.05}, "taken", "OK"),
        ({"kind": "hang", "operation": "quote_response"}, "taken", None),
    ],
)
def test_what_an_answer_meets(tmp_path: Path, fault: dict[str, Any], outcome: str, said: Any) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            document = answer(wire.venue, await solver.quote())
            await wire.do("faults", **fault)
            number = await solver.send("quote_response", document)
            if said is None:
                assert await solver.hears_nothing()
            else:
                await solver.until(lambda: number in solver.answers)
                heard = solver.answers[number]
                assert (heard.get("error") or heard["result"]) == said
            (row,) = await wire.look("answers")
            assert row["outcome"] == outcome
            assert row["acknowledged"] is (said == "OK")

    play(tmp_path, scene)


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("kind", ["drop_abrupt", "drop_graceful"])
def test_a_connection_ends_instead_of_an_answer(tmp_path: Path, kind: str, applied: bool) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            document = answer(wire.venue, await solver.quote())
            await wire.fault(kind, operation="quote_response", applied=applied)
            await solver.send("quote_response", document)
            assert await solver.end() == (1000 if kind == "drop_graceful" else 1006)
            (row,) = await wire.look("answers")
            assert (row["outcome"], row["acknowledged"]) == ("taken" if applied else "lost", False)
        async with wire.connected() as again:
            assert (await again.ask("quote_response", document))["result"] == "OK"
            assert (await wire.look("answers"))[-1]["outcome"] == ("duplicate" if applied else "taken")

    play(tmp_path, scene)


def test_connections_end_at_once_and_only_those_of_an_account(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver, wire.subscribed(account=OTHER) as other:
            await wire.fault("drop_graceful", account=SOLVER)
            assert await solver.end() == 1000
            await wire.asked()
            assert (await other.quote())["exact_amount_in"] == "1000"

    play(tmp_path, scene)


def test_a_login_is_refused_so_often(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        await wire.fault("refuse_login", times=1)
        with pytest.raises(WSServerHandshakeError):
            async with wire.connected():
                pass
        async with wire.connected() as solver:
            assert await solver.subscribe()

    play(tmp_path, scene)


def test_events_are_told_twice_late_or_not_at_all(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.fault("duplicate_event", copies=1)
            first = await wire.asked()
            assert [(await solver.quote(n))["quote_id"] for n in (1, 2)] == [first["quote_id"]] * 2
            await wire.fault("hold_event", seconds=0.1)
            held, quick = await wire.asked(), await wire.asked()
            assert [(await solver.quote(n))["quote_id"] for n in (3, 4)] == [quick["quote_id"], held["quote_id"]]
            await wire.fault("lose_event", operation="quote")
            await wire.asked()
            assert await solver.hears_nothing()

    play(tmp_path, scene)


def test_a_connection_that_hangs_stays_open_and_tells_nothing(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.fault("hang")
            await wire.asked()
            await solver.send("subscribe", "quote", {})
            assert await solver.hears_nothing()
            assert not solver.wire.closed
            assert (await wire.look("requests"))["subscribe"] == 1

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "nothing"}, "nothing"),
        ({"kind": "refuse", "operation": "now"}, "Refuse hits a request; name its operation"),
        ({"kind": "hold_event", "operation": "quote_response"}, "operation of HoldEvent is quote or quote_status"),
        ({"kind": "late_answer", "seconds": -1}, "greater than or equal to 0"),
    ],
)
def test_a_fault_that_makes_no_sense_is_not_armed(tmp_path: Path, fault: dict[str, Any], reason: str) -> None:
    async def scene(wire: Wire) -> None:
        assert reason in await wire.do("faults", 400, **fault)

    play(tmp_path, scene)


def test_faults_choose_a_quote_and_skip_some(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            for _ in range(3):
                await wire.asked()
            quotes = [await solver.quote(n) for n in (1, 2, 3)]
            await wire.fault("refuse", quote=quotes[1]["quote_id"])
            said = [await solver.ask("quote_response", answer(wire.venue, it)) for it in quotes]
            assert ["result" in it for it in said] == [True, False, True]
            await wire.fault("refuse", skip=1)
            again = [await solver.ask("quote_response", answer(wire.venue, quotes[0])) for _ in range(2)]
            assert ["result" in it for it in again] == [True, False]

    play(tmp_path, scene)


def test_binary_messages_end_a_connection(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.connected() as solver:
            await solver.wire.send_bytes(b"{}")
            async with asyncio.timeout(5):
                assert (await solver.wire.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)

    play(tmp_path, scene)
