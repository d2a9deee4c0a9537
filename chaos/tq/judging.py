"""What a campaign did to the orders, counted from the venue's book, the database and the dead letters."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import psycopg
from psycopg.rows import dict_row
from tq_broker_app.trading.plans import parent_of

from chaos.tq.orders import Wish

__all__ = ["TERMINAL", "Evidence", "Verdict", "judge", "read_evidence", "read_ledger"]

POLL_SECONDS = 0.5
TERMINAL = ("COMPLETE_FILL", "CANCELLED", "REJECTED")
DAY_OVER = "that day is over"
"""What the ledger says of an order that was on its way when its trading day ended."""
NO_END = "no end of it was told"
LOOK_ALIKE = "may be one of SERVER."
TOO_LITTLE = "仓位不足"
"""What the exchange says where less is held than an order would close."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known at the end.

    Attributes
    ----------
    traded
        Lots by the id that the client gave, over all days, as the venue says.
    inserts
        What reached the venue, and what became of it there.
    refusals
        What the exchange said of orders that it refused.
    history, events
        Rows of the database.
    letters
        Dead letters.
    moved
        Orders that were shown under another id after the gateway had lost its memory, by their own id.
    resting
        Orders that were alive when a trading day ended.
    ledger
        The keys of the store that are about orders.
    """

    traded: Mapping[str, int]
    inserts: Sequence[Mapping[str, Any]]
    refusals: Sequence[str]
    history: Mapping[str, Mapping[str, Any]]
    events: Sequence[Mapping[str, Any]]
    letters: Sequence[Mapping[str, Any]]
    moved: frozenset[str]
    resting: frozenset[str]
    ledger: Sequence[str]


@dataclass(slots=True)
class Verdict:
    """Sums, and an example of each fault."""

    orders: int = 0
    duplicates: int = 0
    lost: int = 0
    contradictions: int = 0
    mismatches: int = 0
    unknown: int = 0
    unexplained_unknown: int = 0
    dead_letters: int = 0
    unexplained_letters: int = 0
    wrong_splits: int = 0
    examples: list[str] = field(default_factory=list[str])

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        faults = (self.duplicates, self.lost, self.contradictions, self.mismatches, self.unexplained_unknown)
        return not any((*faults, self.unexplained_letters, self.wrong_splits))

    def note(self, kind: str, told: str) -> None:
        """Count a fault."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < 20:
            self.examples.append(f"{kind}: {told}")


def read_evidence(url: str, portfolio: str) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows and events of a portfolio; it waits for a server that is being started again."""
    while True:
        with suppress(psycopg.OperationalError):
            return _read(url, portfolio)
        time.sleep(POLL_SECONDS)


def _read(url: str, portfolio: str) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    connecting: Any = psycopg.connect(url.replace("+psycopg", ""), row_factory=cast(Any, dict_row))
    with connecting as connection:
        history = connection.execute("SELECT * FROM order_history WHERE portfolio_id = %s", [portfolio]).fetchall()
        events = connection.execute("SELECT * FROM order_event WHERE portfolio_id = %s", [portfolio]).fetchall()
    return {row["id"]: row for row in history}, events


def read_ledger(url: str) -> list[str]:
    """Return the keys of the store that are about orders."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        rows = connection.execute("SELECT key FROM versioned_objects WHERE key LIKE '%futures/%' ORDER BY key")
        return [str(row[0]) for row in rows]


def judge(wanted: Iterable[Wish], evidence: Evidence) -> Verdict:
    """Count the orders and what went wrong with them."""
    verdict, by_parent = Verdict(), Counter[str]()
    for child, lots in evidence.traded.items():
        by_parent[parent_of(child)] += lots
    events: dict[str, list[Mapping[str, Any]]] = {}
    for event in evidence.events:
        events.setdefault(event["order_id"], []).append(event)
    lettered = {_order_of(letter) for letter in evidence.letters}
    for wish in wanted:
        verdict.orders += 1
        _judge_one(verdict, wish, by_parent[wish.order_id], events.get(wish.order_id, []), evidence, lettered)
    _judge_children(verdict, evidence)
    _judge_the_rest(verdict, evidence)
    for told in evidence.refusals:
        if TOO_LITTLE in told:
            verdict.note("wrong_splits", told)
    return verdict


def _judge_the_rest(verdict: Verdict, evidence: Evidence) -> None:
    """Hold dead letters, inserts and events against what a campaign may leave."""
    for letter in evidence.letters:  # nothing that a campaign sends can never be processed
        verdict.dead_letters += 1
        verdict.note("unexplained_letters", json.dumps(letter)[:200])
    taken = Counter(insert["order_id"] for insert in evidence.inserts if insert["outcome"] == "taken")
    for order_id in (name for name, count in taken.items() if count > 1):
        verdict.note("duplicates", f"{order_id}: the exchange took it {taken[order_id]} times")
    for event in evidence.events:
        if event["status"] == "UNKNOWN" and not _may_be_unknown(
            event["order_id"], event["msg"].get("reason"), evidence
        ):
            verdict.note("unexplained_unknown", f"{event['event_id']}: {event['msg'].get('reason')}")


def _may_be_unknown(order_id: str, reason: str | None, evidence: Evidence) -> bool:
    """Whether a gateway that lost its memory, or the end of a day, is why nobody knows."""
    known = any(words in (reason or "") for words in (DAY_OVER, NO_END, LOOK_ALIKE))
    return known or _explained(order_id, evidence) or _of_an_earlier_day(order_id, evidence)


def _of_an_earlier_day(order_id: str, evidence: Evidence) -> bool:
    """Whether an order's trading day ended before its end was told: no login shows it any more."""
    last = max((row["trading_day"] for row in evidence.history.values() if row["trading_day"]), default="")
    row = evidence.history.get(order_id)
    return row is not None and bool(row["trading_day"]) and row["trading_day"] != last


def _judge_one(
    verdict: Verdict,
    wish: Wish,
    traded: int,
    events: Sequence[Mapping[str, Any]],
    evidence: Evidence,
    lettered: set[str],
) -> None:
    row = evidence.history.get(wish.order_id)
    ends = [event for event in events if event["status"] in TERMINAL]
    if traded > wish.volume:
        verdict.note("duplicates", f"{wish.order_id}: {traded} of {wish.volume} lots traded")
    if row is not None and row["status"] == "UNKNOWN":
        verdict.unknown += 1
        if not _may_be_unknown(wish.order_id, row["reason"], evidence):
            verdict.note("unexplained_unknown", f"{wish.order_id}: {row['reason']}")
        return
    if not ends:
        told = dict(row) if row else None
        if wish.order_id not in lettered:
            keys = [key for key in evidence.ledger if wish.order_id in key]
            verdict.note("lost", f"{wish.order_id}: no end was told; {traded} lots traded, {keys}, {told}")
        return
    if len({event["event_id"] for event in ends}) > 1:
        verdict.note("contradictions", f"{wish.order_id}: {[event['event_id'] for event in ends]}")
    filled = {int(event["msg"].get("filled_quantity", 0)) for event in ends}
    known = 0 if row is None else row["filled_quantity"]
    if filled != {traded} or known != traded or (row is not None and row["status"] != "FINISHED"):
        if _explained(wish.order_id, evidence):
            return
        status = row["status"] if row else None
        verdict.note(
            "mismatches", f"{wish.order_id}: {traded} traded, history {known} {status}, events {sorted(filled)}"
        )


def _judge_children(verdict: Verdict, evidence: Evidence) -> None:
    """Hold the rows of children against the venue, too."""
    for child, row in evidence.history.items():
        if row["parent_order_id"] is None or row["status"] != "FINISHED" or _explained(child, evidence):
            continue
        if (traded := evidence.traded.get(child, 0)) != row["filled_quantity"]:
            verdict.note("mismatches", f"{child}: {traded} traded, history {row['filled_quantity']}")


def _explained(order_id: str, evidence: Evidence) -> bool:
    """Whether a gateway that lost its memory, or the end of a day, is why nobody knows."""
    known = (*evidence.moved, *evidence.resting)
    return any(parent_of(each) == parent_of(order_id) for each in known)


def _order_of(letter: Mapping[str, Any]) -> str:
    try:
        return str(json.loads(letter["original"])["payload"]["order_id"])
    except (KeyError, TypeError, ValueError):
        return ""
