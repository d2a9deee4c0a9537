"""Takers over HTTP, view calls of the chain, and the driver that makes auctions."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from venue_sandbox.venues.near.driver import TAKER, Plan
from venue_sandbox.venues.near.nonces import Nonce
from venue_sandbox.venues.near.settings import Settings
from venue_sandbox.venues.near.signatures import instant_text, sign

from .frame import FUNDS, KEYS, OTHER, SOLVER, A, B, Connection, Wire, answer, play

ASKED = {"defuse_asset_identifier_in": A, "defuse_asset_identifier_out": B, "exact_amount_in": "1000"}


async def answer_all(wire: Wire, solver: Connection, count: int, amount: int = 300, **more: Any) -> None:
    for number in range(1, count + 1):
        quote = await solver.quote(number)
        await solver.send("quote_response", answer(wire.venue, quote, amount, **more))


def test_a_taker_gets_the_answers_the_best_first_when_the_window_ends(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            loop = asyncio.get_running_loop()
            began = loop.time()
            asking = asyncio.create_task(wire.rpc("quote", {**ASKED, "min_wait_ms": 200, "max_wait_ms": 5_000}))
            quote = await solver.quote()
            for amount, signer in ((300, SOLVER), (301, OTHER)):
                await solver.ask("quote_response", answer(wire.venue, quote, amount, signer=signer))
            answers = (await asking)["result"]
            assert 0.2 <= loop.time() - began < 2.0
            assert [it["amount_out"] for it in answers] == ["301", "300"]
            assert set(answers[0]) == {"quote_hash", *ASKED, "amount_in", "amount_out", "expiration_time"} - {
                "exact_amount_in"
            }

    play(tmp_path, scene)


def test_an_auction_waits_for_its_first_answer_beyond_the_shortest_wait(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            asking = asyncio.create_task(wire.rpc("quote", {**ASKED, "min_wait_ms": 0, "max_wait_ms": 5_000}))
            quote = await solver.quote()
            await asyncio.sleep(0.15)
            assert not asking.done()
            await solver.ask("quote_response", answer(wire.venue, quote))
            assert len((await asking)["result"]) == 1

    play(tmp_path, scene)


def test_an_auction_without_an_answer_ends_at_the_longest_wait(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        said = await wire.rpc("quote", {**ASKED, "min_wait_ms": 0, "max_wait_ms": 150})
        assert said["result"] is None
        assert 0.15 <= loop.time() - began < 2.0

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"exact_amount_out": "5"}, "exactly one of"),
        ({"exact_amount_in": None}, "exactly one of"),
        ({"exact_amount_in": 1000}, "exact_amount_in is 1000, not a text of digits"),
        ({"exact_amount_in": "-5"}, "exact_amount_in is '-5'"),
        ({"exact_amount_in": "0"}, "exact_amount_in is zero"),
        ({"defuse_asset_identifier_out": A}, "two tokens"),
        ({"defuse_asset_identifier_in": ""}, "two tokens"),
        ({"min_wait_ms": 10, "max_wait_ms": 5}, "min_wait_ms 10 is over max_wait_ms 5"),
        ({"max_wait_ms": "10"}, "max_wait_ms is '10'"),
    ],
)
def test_a_quote_that_makes_no_sense_opens_no_auction(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    async def scene(wire: Wire) -> None:
        assert reason in (await wire.rpc("quote", {**ASKED, **change}))["error"]["message"]
        assert reason in await wire.do("quote", 400, quote={**ASKED, **change})
        assert not wire.venue.auctions

    play(tmp_path, scene)


def test_a_taker_publishes_its_own_intent(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            await solver.ask("quote_response", answer(wire.venue, await solver.quote()))
            (quote_hash,) = wire.venue.answers
            until = wire.venue.clock.now() + timedelta(seconds=60)

            def signed(diff: dict[str, str]) -> dict[str, Any]:
                message = {
                    "signer_id": OTHER,
                    "deadline": instant_text(until),
                    "intents": [{"intent": "token_diff", "diff": diff}],
                }
                nonce = Nonce.make(wire.venue.contract.salts.current, until, b"t" * 15).bytes
                return {"quote_hashes": [quote_hash], "signed_data": sign(KEYS[OTHER], message, nonce)}

            said = (await wire.rpc("publish_intent", signed({A: "-1000", B: "299"})))["result"]
            assert (said["status"], said["reason"]) == ("FAILED", f"token_diff not balanced: {{'{B}': -1}}")
            said = (await wire.rpc("publish_intent", signed({A: "-1000", B: "300"})))["result"]
            assert said["status"] == "OK"
            status = (await wire.rpc("get_status", {"intent_hash": said["intent_hash"]}))["result"]
            assert status["status"] == "SETTLED"
            assert wire.venue.contract.balances[OTHER] == {A: FUNDS - 1000, B: FUNDS + 300}

    play(tmp_path, scene)


def test_calls_of_takers_that_make_no_sense_are_told_so(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        assert await wire.rpc("quote", ASKED, token="none") == 401
        assert (await wire.rpc("withdraw", {}))["error"]["code"] == -32601
        unknown = (await wire.rpc("get_status", {"intent_hash": "none"}))["result"]
        assert unknown == {"intent_hash": "none", "status": "NOT_FOUND_OR_NOT_VALID"}
        failed = (await wire.rpc("publish_intent", {"quote_hashes": ["none"], "signed_data": {}}))["result"]
        assert failed["status"] == "FAILED"
        async with wire.client.post("http://venue/near", data="{") as said:
            assert (await said.json())["error"]["code"] == -32700

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("ft_balance_of", {}),
        ("is_nonce_used", {"account_id": SOLVER}),
        ("is_nonce_used", {"account_id": 1, "nonce": "!"}),
    ],
)
def test_a_view_call_that_fails_is_told_as_a_node_tells_it(
    tmp_path: Path, method: str, arguments: dict[str, Any]
) -> None:
    async def scene(wire: Wire) -> None:
        said = (await wire.query(method, **arguments))["result"]
        assert said["error"].startswith("wasm execution failed")
        assert "result" not in said

    play(tmp_path, scene)


def test_the_node_knows_one_contract(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        call = {"id": 1, "method": "query", "params": {"request_type": "view_account", "account_id": SOLVER}}
        async with wire.client.post("http://venue/near", json=call) as said:
            assert "call_function" in (await said.json())["error"]["message"]
        async with wire.client.post("http://venue/near", json={**call, "method": "block"}) as said:
            assert (await said.json())["error"]["code"] == -32601

    play(tmp_path, scene)


def test_view_calls_fail_and_hang_as_they_are_told_to(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        await wire.fault("refuse", operation="is_nonce_used", message="node is syncing")
        nonce = base64.b64encode(bytes(32)).decode()
        said = await wire.query("is_nonce_used", account_id=SOLVER, nonce=nonce)
        assert said["error"]["message"] == "node is syncing"
        assert not await wire.view("is_nonce_used", account_id=SOLVER, nonce=nonce)
        await wire.fault("lose_acknowledgement", operation="current_salt")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.view("current_salt"), 0.1)

    play(tmp_path, scene)


# --- the driver ----------------------------------------------------------------------------------


async def driven(wire: Wire) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (progress := await wire.look("drive"))["running"]:
            await asyncio.sleep(0.01)
    return progress


def test_the_driver_opens_auctions_and_takes_the_answers(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.do("drive", rate=200, count=20, out_share=0.5, min_wait_ms=0, max_wait_ms=5_000)
            await answer_all(wire, solver, 20)
            progress = await driven(wire)
            assert progress == {
                **{"running": False, "opened": 20, "ended": 20, "answered": 20, "taken": 20, "failed": 0},
                "reasons": {},
            }
            assert len({row["quote_id"] for row in await wire.look("settled")}) == 20
            kinds = {
                next(k for k in ("exact_amount_in", "exact_amount_out") if k in it)
                for it in await wire.look("auctions")
            }
            assert len(kinds) == 2

    play(tmp_path, scene)


def test_the_driver_takes_the_best_answer_and_whatever_else_its_signer_has_answered(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.do("drive", rate=10, count=1, min_wait_ms=300, max_wait_ms=300)
            quote = await solver.quote()
            for amount, chance in ((300, b"1" * 15), (301, b"2" * 15)):
                await solver.ask("quote_response", answer(wire.venue, quote, amount, chance=chance))
            await solver.ask("quote_response", answer(wire.venue, quote, 299, signer=OTHER))
            assert (await driven(wire))["taken"] == 2
            assert {row["signer_id"] for row in await wire.look("settled")} == {SOLVER}

    play(tmp_path, scene)


def test_the_driver_leaves_a_share_of_the_answers(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.do("drive", rate=500, count=20, take_share=0.5, min_wait_ms=0, max_wait_ms=5_000)
            await answer_all(wire, solver, 20)
            progress = await driven(wire)
            assert progress["answered"] == 20
            assert 0 < progress["taken"] < 20
            assert progress["taken"] == sum(taken for _, taken in Plan(count=20, take_share=0.5).requests())

    play(tmp_path, scene)


def test_a_plan_is_the_same_for_the_same_seed() -> None:
    plan = Plan(count=50, out_share=0.3, pairs=(("a", "b"), ("b", "c")))
    assert list(plan.requests()) == list(plan.requests())
    assert list(plan.requests()) != list(plan.model_copy(update={"seed": 2}).requests())


def test_a_driver_that_is_stopped_opens_no_more(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        await wire.do("drive", rate=100, min_wait_ms=0, max_wait_ms=10)
        await asyncio.sleep(0.1)
        await wire.do("stop")
        opened = (await driven(wire))["opened"]
        await asyncio.sleep(0.1)
        assert (await wire.look("drive"))["opened"] == opened > 0
        assert TAKER in await wire.look("balances")

    play(tmp_path, scene, Settings())


@pytest.mark.parametrize(
    "change",
    [{"rate": 0}, {"count": 0}, {"least": 5, "most": 4}, {"min_wait_ms": 9, "max_wait_ms": 8}, {"pairs": [["a", "a"]]}],
)
def test_a_plan_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Plan.model_validate(change)
