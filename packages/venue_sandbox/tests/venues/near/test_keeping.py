"""What the venue keeps over a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from venue_sandbox.exchange.clock import VenueClock
from venue_sandbox.venues.near.contract import Contract, Salts
from venue_sandbox.venues.near.driver import Taker
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.keeping import Keeping, KeepingError
from venue_sandbox.venues.near.relay import Relay
from venue_sandbox.venues.near.requests import QuoteRequest
from venue_sandbox.venues.near.settings import Settings
from venue_sandbox.venues.near.signatures import public_key_of

from .frame import FUNDS, KEYS, SOLVER, A, B, answer


def venue() -> Relay:
    return Relay(Contract(Salts(1)), Settings(), VenueClock())


def answered(relay: Relay, amount: int) -> str:
    """Open an auction and answer it; return the answer's hash."""
    auction = relay.open(QuoteRequest(A, B, exact_amount_in=1000))
    document = answer(relay, auction.document, amount)
    arrival = relay.arrivals.came("{}", document, relay.clock.now().isoformat(), 1, SOLVER)
    relay.received(arrival, document)
    return arrival.quote_hash


def take(relay: Relay, quote_hash: str) -> None:
    taker = Taker(relay, 1)
    taker.fund({A, B})
    taker.take(relay.answers[quote_hash])


def test_the_chain_and_the_journal_come_back(tmp_path: Path) -> None:
    path, before = tmp_path / "near.jsonl", venue()
    keeping = Keeping.open(path, before)
    before.contract.register(SOLVER, [public_key_of(KEYS[SOLVER])], {A: FUNDS, B: FUNDS})
    before.contract.rotate_salt(invalidate=False)
    settled, open_answer = answered(before, 300), answered(before, 301)
    take(before, settled)
    keeping.close()

    after = venue()
    kept = Keeping.open(path, after)
    assert after.contract.balances == before.contract.balances
    assert after.contract.keys == before.contract.keys
    assert after.contract.used == before.contract.used
    assert after.contract.salts == before.contract.salts
    assert after.arrivals.all == before.arrivals.all
    assert after.publications == before.publications
    assert after.opened == before.opened == 2
    with pytest.raises(Rejected, match="nonce already used"):
        take(after, settled)
    take(after, open_answer)
    assert after.contract.balance(SOLVER, B) == FUNDS - 601
    kept.close()


def test_ids_of_quotes_are_used_once_over_restarts(tmp_path: Path) -> None:
    path, ids = tmp_path / "near.jsonl", set[str]()
    for _ in range(3):
        relay = venue()
        keeping = Keeping.open(path, relay)
        ids.add(relay.open(QuoteRequest(A, B, exact_amount_in=1)).quote_id)
        keeping.close()
    assert len(ids) == 3


def test_a_line_that_was_cut_off_never_happened(tmp_path: Path) -> None:
    path, relay = tmp_path / "near.jsonl", venue()
    keeping = Keeping.open(path, relay)
    relay.contract.register(SOLVER, balances={A: 7})
    keeping.close()
    path.write_bytes(path.read_bytes() + b'["account", ["x"')
    again = venue()
    kept = Keeping.open(path, again)
    again.contract.register(SOLVER, balances={B: 8})
    kept.close()
    last = venue()
    Keeping.open(path, last).close()
    assert last.contract.balances == {SOLVER: {A: 7, B: 8}}


def test_a_file_of_something_else_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / "near.jsonl"
    path.write_text('["weather", 5, 0]\n')
    with pytest.raises(KeepingError, match="no state of this venue"):
        Keeping.open(path, venue())


def test_a_salt_that_was_rotated_out_stays_out(tmp_path: Path) -> None:
    path, relay = tmp_path / "near.jsonl", venue()
    keeping = Keeping.open(path, relay)
    first = relay.contract.salts.current
    relay.contract.rotate_salt(invalidate=True)
    keeping.close()
    again = venue()
    Keeping.open(path, again).close()
    assert first not in again.contract.salts.good
    assert again.contract.salts.current == relay.contract.salts.current
    assert again.clock.now() - relay.clock.now() < timedelta(seconds=5)
