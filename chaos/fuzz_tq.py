"""Requests in any state of disrepair, at the submitter and the canceller of the China futures app.

``python -m chaos.fuzz_tq --messages 10000 --seed 1`` starts a DIFF venue, logs in with tqsdk as it is, keeps the ledger
in files, and hands changed requests to the services one after another. It prints one JSON
line. Each request has to end as an answer with a reason, as the record of an order that is known, or as a dead letter;
the venue may see valid orders only, each once and as it was asked for; memory must not grow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from loguru import logger
from quant_platform_kit.adapters.stores import open_store
from tq_broker_app.bus.ports import Active, Handle, Queue, Unprocessable
from tq_broker_app.roles.order_canceller import OrderCanceller
from tq_broker_app.roles.order_submitter import OrderSubmitter
from tq_broker_app.roles.parts import Parts
from tq_broker_app.running import calendar_of, clock_of
from tq_broker_app.tq.session import TqSession
from venue_sandbox.stands.futures import FuturesSite
from venue_sandbox.stands.tqsdk import TqStand

from chaos.arguments import positive
from chaos.mutating import NASTY, Verdict, changed, damaged, megabytes

__all__ = ["Verdict", "fuzz", "main"]

CLOCK = "2025-03-11T01:00:00+00:00"
"""Nine o'clock of a Tuesday in Shanghai: what is asked for trades for hours."""
FIRST = 1_000
"""Memory is compared with what it was after so many messages."""
CANCELS, AGAIN, GOOD, NEARLY = 0.1, 0.05, 0.1, 0.15
"""Shares of cancels, of requests that come again, of those that are not changed, and of those that hardly are."""
REMEMBERED = 200
FRESH = 0.3
"""Share of the requests that have an id of their own; others use one of these."""
IDS = 40
TICKS = {"SHFE.rb2510": 1.0, "DCE.m2509": 1.0, "CZCE.CF509": 5.0, "GFEX.si2506": 5.0, "INE.sc2506": 0.1}
WRONG: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2.7, 1e300, -1e300, float("nan"), float("inf"), 10**18, 10**400, "", " ", "x", "3",
    "NaN", [], {}, [None], {"a": {}}, [[[]]], "x" * 65, "x" * 300, "x_close", "x_closetoday", "SERVER.1.2.3", "PYSDK_1",
    "SHFE.rb2405", "SHFE.RB2510", "LME.cu", ".", "SELL", "CLOSE", "CLOSETODAY", "OPEN", "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59-23:59", "2025-02-30T00:00:00Z", "2025-03-11", 1741658400, *NASTY,
)  # fmt: skip


@dataclass(slots=True)
class Heard:
    """A bus that keeps what was told since it was asked last, and nothing else."""

    told: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def publish(self, queue: Queue, body: bytes) -> None:
        """Take note of a message."""
        self.told.append(json.loads(body))

    async def consume(self, queue: Queue, handle: Handle, *, at_once: int = 1, active: Active | None = None) -> None:
        """Nobody sends anything."""

    async def close(self) -> None:
        """Nothing is open."""

    def since(self) -> list[dict[str, Any]]:
        """Return what was told since the last time."""
        told, self.told = self.told, []
        return told


class Requests:
    """Requests, most of them changed, drawn from a seed."""

    def __init__(self, seed: int, portfolio: str, quotes: Mapping[str, Mapping[str, Any]]) -> None:
        self._chance = random.Random(f"requests {seed}")
        self._portfolio, self._quotes = portfolio, quotes
        self._drawn: deque[tuple[bytes, bool]] = deque(maxlen=REMEMBERED)

    def draw(self, number: int, now: datetime) -> tuple[bytes, bool]:
        """Return a request, and whether it is a cancel; some come a second time."""
        if self._drawn and self._chance.random() < AGAIN:
            return self._chance.choice(self._drawn)
        cancels = self._chance.random() < CANCELS
        self._drawn.append(drawn := (self._body(self._cancel(now) if cancels else self._order(number, now)), cancels))
        return drawn

    def _body(self, document: Any) -> bytes:
        chance = self._chance
        draw = chance.random()
        if draw < GOOD:
            return _encoded(document)
        if draw < GOOD + NEARLY and document["type"] == "SUBMIT":
            return _encoded({**document, "payload": {**document["payload"], **self._nearly(document["payload"])}})
        for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
            document = changed(chance, document, WRONG)
        body = _encoded(document)
        return damaged(chance, body) if draw > 0.75 else body

    def _order(self, number: int, now: datetime) -> Any:
        chance = self._chance
        symbol = chance.choice(sorted(TICKS))
        direction = chance.choice(("BUY", "SELL"))
        price = self._quotes[symbol]["ask" if direction == "BUY" else "bid"]
        order_id = f"new-{number}" if chance.random() < FRESH else f"id-{chance.randrange(IDS)}"
        payload = {
            "symbol": symbol,
            "direction": direction,
            "offset": chance.choice(("OPEN", "OPEN", "CLOSE", "CLOSETODAY")),
            "volume": chance.randint(1, 3),
            "limit_price": price,
            "order_id": order_id,
            "portfolio_id": self._portfolio,
        }
        return _message("SUBMIT", now, payload)

    def _cancel(self, now: datetime) -> Any:
        payload = {"order_id": f"id-{self._chance.randrange(2 * IDS)}", "portfolio_id": self._portfolio}
        return _message("CANCEL", now, payload)

    def _nearly(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return changes of an order that leave it an order, which no exchange would take."""
        price, volume = payload["limit_price"], payload["volume"]
        return self._chance.choice(
            (
                {"limit_price": price + 0.03},
                {"limit_price": price * 10},
                {"limit_price": price / 10},
                {"limit_price": None},
                {"volume": volume * 1000},
                {"symbol": "rb2510"},
                {"symbol": "SHFE.rb2405"},
                {"order_id": "y" * 65},
            )
        )


def _message(kind: str, now: datetime, payload: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "request_id": "r", "timestamp": now.isoformat(), "payload": payload}


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


async def _run(folder: Path, venue: TqStand, messages: int, seed: int) -> Verdict:
    site = FuturesSite(folder, venue, changes={"database": {"store_url": (folder / "ledger").as_uri()}})
    settings = site.settings()
    clock, bus, store = clock_of(settings), Heard(), open_store(settings.database.ledger_url)
    parts = Parts(settings=settings, clock=clock, calendar=calendar_of(settings), store=store, bus=bus)
    session = TqSession(settings.tq, lists_symbols=True)
    await session.start(clock.now())
    submitter, canceller = OrderSubmitter(parts, session, "fuzz"), OrderCanceller(parts, session)
    verdict, requests = Verdict("inserted"), Requests(seed, parts.portfolio, venue.look("quotes"))
    begun = time.monotonic()
    keeping = asyncio.create_task(submitter.right.keep())
    try:
        await submitter.activate()
        bus.since()
        for number in range(messages):
            body, cancels = requests.draw(number, clock.now())
            handle = canceller.handle if cancels else submitter.handle
            await _give(verdict, handle, body, bus, must_answer=not cancels)
            if number + 1 == FIRST:
                verdict.first_mb = megabytes()
        verdict.last_mb = megabytes()
        _judge_venue(verdict, venue, session.account_id)
        if submitter.planner.unsent:
            verdict.wrong.append(f"lots stay reserved for {sorted(submitter.planner.unsent)}")
    finally:
        verdict.seconds = time.monotonic() - begun
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await submitter.stand_down()
        await session.close()
    return verdict


async def _give(verdict: Verdict, handle: Handle, body: bytes, bus: Heard, *, must_answer: bool) -> None:
    """Hand a message to a service, and judge what is told of it."""
    verdict.messages += 1
    try:
        await handle(body)
    except Unprocessable as error:
        verdict.outcomes["dead letters"] += 1
        if not str(error) or bus.since():
            verdict.wrong.append(f"a dead letter {str(error)!r} that is answered too: {body!r:.300}")
        return
    except Exception as error:  # noqa: BLE001 - it is what is looked for
        verdict.crashes += 1
        verdict.wrong.append(f"{type(error).__name__}: {error}; {body!r:.600}")
        bus.since()
        return
    told = bus.since()
    if not told:
        verdict.outcomes["cancels without an answer"] += 1
        if must_answer:
            verdict.wrong.append(f"nothing was told of {body!r:.600}")
    for message in told:
        if not _printable(message):
            verdict.wrong.append(f"no database takes {message!r:.600}")
    if told:
        verdict.outcomes[str(told[0].get("event_type", told[0]["status"])).lower().replace("_", " ")] += 1


def _printable(message: Mapping[str, Any]) -> bool:
    return all(value.isprintable() for value in message.values() if isinstance(value, str))


def _judge_venue(verdict: Verdict, venue: TqStand, user: str) -> None:
    """Hold every order that came to the venue against what an order may be."""
    quotes, seen = venue.look("quotes"), Counter[str]()
    for row in venue.look("inserts", user):
        verdict.arrived += 1
        seen[row["order_id"]] += 1
        if problem := _problem(row, quotes):
            verdict.wrong.append(f"the venue saw {row}: {problem}")
    verdict.wrong += [f"the venue saw {name} {times} times" for name, times in seen.items() if times > 1]


def _problem(row: Mapping[str, Any], quotes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return what is wrong with an order at the venue, by rules that are not the app's own code."""
    symbol = row["symbol"]
    if symbol not in TICKS:
        return "nobody asked for this symbol"
    if re.fullmatch(r"(id|new)-[0-9]+(_close|_closetoday)?|[A-Za-z0-9_-]{1,64}", row["order_id"]) is None:
        return "no id of the engine's"
    if row["direction"] not in ("BUY", "SELL") or row["offset"] not in ("OPEN", "CLOSE", "CLOSETODAY"):
        return "no order"
    if type(row["volume"]) is not int or not 1 <= row["volume"] <= 100:
        return "volume"
    if row["price_type"] == "ANY":
        return None if symbol.partition(".")[0] in ("DCE", "CZCE") else "a market order"
    quote, steps = quotes[symbol], row["price"] / TICKS[symbol]
    within = quote["lower_limit"] <= row["price"] <= quote["upper_limit"]
    return None if within and abs(steps - round(steps)) < 1e-6 else "price"


def fuzz(messages: int, seed: int) -> Verdict:
    """Hand so many requests to the services; the environment of this process changes, tqsdk finds the venue there."""
    with tempfile.TemporaryDirectory(prefix="fuzz-tq-") as temporary:
        folder = Path(temporary)
        with TqStand(folder, ("--clock", CLOCK)) as venue:
            os.environ.update(venue.environment)  # noqa: TID251 - tqsdk reads it when it is imported
            logger.remove()
            with redirect_stdout(sys.stderr):  # the client library says hello
                return asyncio.run(_run(folder / "site", venue, messages, seed))


def main() -> int:
    """Print one JSON line; return 1 when something was wrong, with examples."""
    parser = argparse.ArgumentParser(prog="python -m chaos.fuzz_tq", description=__doc__)
    parser.add_argument("--messages", type=positive, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    verdict = fuzz(arguments.messages, arguments.seed)
    for said in verdict.wrong[:10]:
        sys.stderr.write(f"{said}\n")
    sys.stdout.write(json.dumps(verdict.line()) + "\n")
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
