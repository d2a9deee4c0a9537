"""What becomes of answers: taken, a second one, a duplicate, late, refused; and how they are settled."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.nonces import Nonce
from venue_sandbox.venues.near.settings import Settings
from venue_sandbox.venues.near.signatures import read_signed

from .frame import FUNDS, OTHER, SOLVER, A, B, Connection, Wire, answer, at, play


async def respond(solver: Connection, document: dict[str, Any]) -> str:
    """Send an answer; return what was said to it."""
    said = await solver.ask("quote_response", document)
    return said["result"] if "result" in said else said["error"]["message"]


async def take_all(wire: Wire) -> list[str]:
    """Have the taker publish for every answer that is known; return what the relay said."""
    return [(await wire.do("take", quote_hash=one))["status"] for one in list(wire.venue.answers)]


@pytest.mark.parametrize("standard", ["nep413", "raw_ed25519"])
def test_an_answer_is_taken_and_settles(tmp_path: Path, standard: Any) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed("quote", "quote_status") as solver:
            quote = await wire.asked()
            assert await respond(solver, answer(wire.venue, await solver.quote(), standard=standard)) == "OK"
            (taken,) = await wire.look("answers")
            assert (taken["outcome"], taken["quote_id"], taken["acknowledged"]) == ("taken", quote["quote_id"], True)
            assert await take_all(wire) == ["OK"]
            status = await solver.quote(2)
            assert status["quote_hash"] == taken["quote_hash"]
            assert set(status) == {"quote_hash", "intent_hash", "tx_hash"}
            assert await wire.view("mt_batch_balance_of", account_id=SOLVER, token_ids=[A, B, "c"]) == [
                str(FUNDS + 1000),
                str(FUNDS - 300),
                "0",
            ]
            assert (await wire.look("settled"))[0]["quote_id"] == quote["quote_id"]

    play(tmp_path, scene)


def test_an_answer_to_an_exact_amount_out_says_the_amount_in(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked(exact_amount_out="500")
            document = answer(wire.venue, await solver.quote(), 700)
            assert document["quote_output"] == {"amount_in": "700"}
            assert await respond(solver, document) == "OK"
            assert await take_all(wire) == ["OK"]
            assert (await wire.look("balances"))[SOLVER] == {A: str(FUNDS + 700), B: str(FUNDS - 500)}

    play(tmp_path, scene)


def test_the_same_bytes_sent_twice_settle_once(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            quote = await wire.asked()
            document = answer(wire.venue, await solver.quote())
            assert [await respond(solver, document) for _ in range(3)] == ["OK"] * 3
            rows = await wire.look("answers")
            assert [row["outcome"] for row in rows] == ["taken", "duplicate", "duplicate"]
            assert len({row["digest"] for row in rows}) == 1
            assert len({row["frame_digest"] for row in rows}) == 3
            assert len((await wire.look("summary"))[quote["quote_id"]]["taken"]) == 1
            assert await take_all(wire) == ["OK"]
            (one,) = wire.venue.answers
            said = await wire.do("take", quote_hash=one)
            assert said["status"] == "FAILED"
            assert "nonce already used" in said["reason"]

    play(tmp_path, scene)


def test_an_answer_signed_again_with_another_nonce_settles_as_well(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            quote = await wire.asked()
            told = await solver.quote()
            for chance in (b"1" * 15, b"2" * 15):
                assert await respond(solver, answer(wire.venue, told, chance=chance)) == "OK"
            assert [row["outcome"] for row in await wire.look("answers")] == ["taken", "second"]
            assert len((await wire.look("summary"))[quote["quote_id"]]["taken"]) == 2
            assert await take_all(wire) == ["OK", "OK"]
            assert (await wire.look("balances"))[SOLVER] == {A: str(FUNDS + 2000), B: str(FUNDS - 600)}

    play(tmp_path, scene)


def test_a_second_answer_can_be_refused(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            told = await solver.quote()
            assert await respond(solver, answer(wire.venue, told)) == "OK"
            assert "has answered already" in await respond(solver, answer(wire.venue, told, 299))
            assert await respond(solver, answer(wire.venue, told, signer=OTHER)) == "OK"
            assert [row["outcome"] for row in await wire.look("answers")] == ["taken", "refused", "taken"]

    play(tmp_path, scene, Settings(second_answer="refuse"))


def test_a_second_answer_can_take_the_place_of_the_first(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            told = await solver.quote()
            assert await respond(solver, answer(wire.venue, told)) == "OK"
            assert await respond(solver, answer(wire.venue, told, 299)) == "OK"
            (auction,) = await wire.look("auctions")
            assert auction["answers"] == [(await wire.look("answers"))[1]["quote_hash"]]

    play(tmp_path, scene, Settings(second_answer="replace"))


def test_answers_that_share_a_nonce_settle_once(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            told = await solver.quote()
            for amount in (300, 299):
                assert await respond(solver, answer(wire.venue, told, amount)) == "OK"
            assert sorted(await take_all(wire)) == ["FAILED", "OK"]

    clock = VenueClock(real=lambda: at("2026-11-30T12:00").timestamp())
    play(tmp_path, scene, clock=clock)


@pytest.mark.parametrize(
    ("rule", "said"),
    [("any", ["OK", "OK", "OK"]), ("account", ["OK", "OK", "no"]), ("socket", ["OK", "no", "no"])],
)
def test_whose_socket_may_answer_is_a_setting(tmp_path: Path, rule: Any, said: list[str]) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as told, wire.connected() as same, wire.connected(OTHER) as other:
            await wire.asked()
            quote = await told.quote()
            heard = [
                await respond(solver, answer(wire.venue, quote, chance=bytes([number]) * 15))
                for number, solver in enumerate((told, same, other))
            ]
            assert [one if one == "OK" else "no" for one in heard] == said
            assert all(f"not told to this {rule}" in one for one in heard if one != "OK")

    play(tmp_path, scene, Settings(answers_from=rule))


def test_an_answer_after_the_auction_is_late_and_so_are_its_bytes_again(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked(min_wait_ms=0)
            document = answer(wire.venue, await solver.quote())
            assert await respond(solver, document) == "OK"
            await asyncio.sleep(0.05)
            assert await respond(solver, document) == "quote not found or already finished"
            assert await respond(solver, {**document, "quote_id": "none"}) == "quote not found or already finished"
            assert [row["outcome"] for row in await wire.look("answers")] == ["taken", "late", "refused"]
            await wire.do("settings", late_duplicate="acknowledge")
            assert await respond(solver, document) == "OK"
            assert (await wire.look("answers"))[-1]["outcome"] == "duplicate"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"diff": {A: "1000"}}, "it changes"),
        ({"diff": {A: "1000", B: "-300", "c": "-1"}}, "it changes"),
        ({"diff": {A: "999", B: "-300"}}, "999, not 1000"),
        ({"diff": {A: "-1000", B: "300"}}, "it gives what it should take"),
        ({"diff": {A: "1000", B: "-301"}}, "quote_output.amount_out 300 is not what is signed: 301"),
        ({"quote_output": {"amount_out": 300}}, "quote_output.amount_out is 300, not a text of digits"),
        ({"quote_output": {"amount_in": "300"}}, "quote_output.amount_out is None"),
        ({"deadline": at("2026-11-30T12:00:30")}, "deadline is too short"),
        ({"deadline": at("2026-11-30T11:59:59")}, "deadline has expired"),
        ({"nonce": Nonce.make(b"salt", at("2026-11-30T13:00"), b"c" * 15).bytes}, "invalid salt 73616c74"),
        ({"nonce": b"x" * 32}, "nonce is not versioned"),
        ({"other_quote_hashes": ["none"]}, "none is not known"),
        ({"other_quote_hashes": "none"}, "other_quote_hashes is a list"),
    ],
)
def test_an_answer_that_is_none_to_the_quote_is_refused(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            assert reason in await respond(solver, answer(wire.venue, await solver.quote(), **change))
            (row,) = await wire.look("answers")
            assert (row["outcome"], row["acknowledged"]) == ("refused", False)
            assert reason in row["reason"]

    clock = VenueClock(real=lambda: at("2026-11-30T12:00").timestamp())
    play(tmp_path, scene, clock=clock)


def test_a_nonce_is_good_for_nothing_after_its_own_deadline(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            early = Nonce.make(wire.venue.contract.salts.current, wire.venue.clock.now(), b"c" * 15).bytes
            said = await respond(solver, answer(wire.venue, await solver.quote(), nonce=early))
            assert said == "deadline of the intent is after that of its nonce"

    play(tmp_path, scene)


def test_a_key_that_is_not_registered_signs_for_nobody(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            wire.venue.contract.keys[SOLVER].clear()
            assert "is not registered" in await respond(solver, answer(wire.venue, await solver.quote()))

    play(tmp_path, scene)


def test_what_was_signed_once_is_one_answer_however_it_is_written(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            document = answer(wire.venue, await solver.quote())
            assert await respond(solver, document) == "OK"
            assert await respond(solver, dict(reversed(document.items()))) == "OK"
            assert [row["outcome"] for row in await wire.look("answers")] == ["taken", "duplicate"]
            assert len({row["digest"] for row in await wire.look("answers")}) == 2

    play(tmp_path, scene)


def test_answers_that_share_a_nonce_do_not_settle_together(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            told = await solver.quote()
            until = wire.venue.clock.now() + timedelta(seconds=120)
            signed = [read_signed(answer(wire.venue, told, 300, deadline=until)["signed_data"])]
            signed.append(
                read_signed(answer(wire.venue, told, diff={A: "-1000", B: "300"}, deadline=until)["signed_data"])
            )
            with pytest.raises(Rejected, match="of the same settlement"):
                wire.venue.contract.execute(signed, wire.venue.clock.now())
            assert not wire.venue.contract.used

    play(tmp_path, scene)


def test_answers_that_build_on_others_settle_with_them(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            await wire.asked(defuse_asset_identifier_out="c")
            whole, part = await solver.quote(1), await solver.quote(2)
            assert await respond(solver, answer(wire.venue, part, 700, signer=OTHER)) == "OK"
            (first,) = await wire.look("answers")
            built = answer(wire.venue, whole, diff={"c": "700", B: "-300"}, other_quote_hashes=[first["quote_hash"]])
            assert await respond(solver, built) == "OK"
            wire.venue.contract.register(OTHER, balances={"c": 1_000})
            last = (await wire.look("answers"))[-1]["quote_hash"]
            assert (await wire.do("take", quote_hash=last))["status"] == "OK"
            balances = await wire.look("balances")
            assert [balances[name]["c"] for name in (SOLVER, OTHER)] == ["700", "300"]
            assert balances[OTHER][A] == str(FUNDS + 1000)

    play(tmp_path, scene)


def test_what_an_account_has_not_got_is_not_settled(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            assert await respond(solver, answer(wire.venue, await solver.quote(), FUNDS + 1)) == "OK"
            (one,) = wire.venue.answers
            said = await wire.do("take", quote_hash=one)
            assert said == {"status": "FAILED", "reason": f"insufficient balance: {SOLVER} of {B}"}
            assert not wire.venue.contract.used
            assert (await wire.look("balances"))[SOLVER] == {A: str(FUNDS), B: str(FUNDS)}

    play(tmp_path, scene)


def test_an_answer_expires_with_its_deadline(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            assert await respond(solver, answer(wire.venue, await solver.quote())) == "OK"
            await wire.do("clock", forward=120)
            (one,) = wire.venue.answers
            said = await wire.do("take", quote_hash=one)
            assert said["reason"].startswith("quote deadline has expired")

    play(tmp_path, scene)


def test_a_salt_that_was_rotated_out_lets_nothing_settle(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            before = await wire.view("current_salt")
            await wire.asked()
            told = await solver.quote()
            document = answer(wire.venue, told)
            assert await respond(solver, document) == "OK"
            assert (await wire.do("salt", invalidate=False))["salt"] != before
            assert await wire.view("is_valid_salt", salt=before)
            await wire.do("salt")
            assert not await wire.view("is_valid_salt", salt=before)
            (one,) = wire.venue.answers
            assert "invalid salt" in (await wire.do("take", quote_hash=one))["reason"]
            fresh = answer(wire.venue, told)
            assert fresh["signed_data"]["payload"]["nonce"] != document["signed_data"]["payload"]["nonce"]
            assert await respond(solver, fresh) == "OK"

    play(tmp_path, scene)


def test_a_look_up_shows_a_used_nonce_once_it_is_final(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        await wire.do("settings", finality=2.0)
        async with wire.subscribed() as solver:
            await wire.asked()
            document = answer(wire.venue, await solver.quote())
            nonce = document["signed_data"]["payload"]["nonce"]
            assert await respond(solver, document) == "OK"
            assert not await wire.view("is_nonce_used", account_id=SOLVER, nonce=nonce)
            assert await take_all(wire) == ["OK"]
            assert not await wire.view("is_nonce_used", account_id=SOLVER, nonce=nonce)
            await wire.do("clock", forward=2)
            assert await wire.view("is_nonce_used", account_id=SOLVER, nonce=nonce)
            assert not await wire.view("is_nonce_used", account_id=OTHER, nonce=nonce)

    play(tmp_path, scene)


def test_a_settlement_that_takes_time_is_pending_first(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed("quote", "quote_status") as solver:
            await wire.asked()
            assert await respond(solver, answer(wire.venue, await solver.quote())) == "OK"
            assert await take_all(wire) == ["OK"]
            (publication,) = wire.venue.publications
            seen = {(await wire.rpc("get_status", {"intent_hash": publication}))["result"]["status"]}
            await solver.event(2)
            said = (await wire.rpc("get_status", {"intent_hash": publication}))["result"]
            assert seen <= {"PENDING", "TX_BROADCASTED"}
            assert (said["status"], said["data"]["hash"]) == ("SETTLED", (await solver.quote(2))["tx_hash"])

    play(tmp_path, scene, Settings(settle_delay=0.2))


def test_of_two_settlements_on_their_way_with_one_answer_one_is_executed(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            assert await respond(solver, answer(wire.venue, await solver.quote())) == "OK"
            assert await take_all(wire) == ["OK"]
            await wire.do("clock", forward=0.01)
            assert await take_all(wire) == ["OK"]
            await asyncio.sleep(0.3)
            ends = {it["status"] for it in await wire.look("publications")}
            assert ends == {"NOT_FOUND_OR_NOT_VALID", "SETTLED"}
            assert (await wire.look("balances"))[SOLVER] == {A: str(FUNDS + 1000), B: str(FUNDS - 300)}

    play(tmp_path, scene, Settings(settle_delay=0.1))


def test_the_journal_has_the_bytes_of_an_answer_as_they_were_sent(tmp_path: Path) -> None:
    async def scene(wire: Wire) -> None:
        async with wire.subscribed() as solver:
            await wire.asked()
            text = json.dumps(answer(wire.venue, await solver.quote()), indent=1)
            frame = f'{{"method":"quote_response", "id": 5, "jsonrpc": "2.0","params":[ {text} ]}}'
            await solver.wire.send_str(frame)
            await solver.until(lambda: 5 in solver.answers)
            (row,) = await wire.look("answers")
            assert row["bytes"] == text
            assert row["digest"] == hashlib.sha256(text.encode()).hexdigest()
            assert row["frame_digest"] == hashlib.sha256(frame.encode()).hexdigest()
            assert row["at"] <= (wire.venue.clock.now() + timedelta(seconds=1)).isoformat()

    play(tmp_path, scene)
