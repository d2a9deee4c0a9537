"""A node that is lost with all that its executors knew: the ledger, and what they had done with on the bus."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from event_trading_app.names import Service
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt

from chaos.events.site import BESIDE
from chaos.restore.trading import Venue, trading_venue

__all__ = ["CASES", "Case", "Found", "lose_nodes", "node_table"]

WINDOW_SECONDS, DEADLINE_SECONDS = 420.0, 15.0
RATE = 25.0
ANSWER_SECONDS = 180.0
STILL_SECONDS = 6.0
"""After the last command was told of, nothing more comes."""


@dataclass(frozen=True, slots=True)
class Case:
    """What else happens while the node is lost.

    Attributes
    ----------
    rotates
        Whether the venue takes another salt, beside the one of before.
    halts
        Whether an operator halts trading before an executor runs again.
    """

    name: str
    rotates: bool = False
    halts: bool = False


CASES = (
    Case("the salt stands"),
    Case("the salt was rotated", rotates=True),
    Case("rotated, and halted before", rotates=True, halts=True),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a case.

    Attributes
    ----------
    open
        Commands whose answer could still be settled when the node was lost.
    again
        Answers that came once more as the same bytes.
    second
        Commands with a second answer of other bytes.
    unsent
        Commands that were told to be REJECTED or EXPIRED after the loss, and not sent again.
    """

    case: str
    open: int
    again: int
    second: int
    unsent: int
    rotates: bool

    @property
    def good(self) -> bool:
        """Whether there is no second answer, or one is possible and was told to be at risk; and all came back."""
        return (
            self.open > 0 and (self.rotates or not self.second) and self.again + self.second + self.unsent >= self.open
        )

    def document(self) -> dict[str, Any]:
        """Return all of it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"good": self.good}


def lose_nodes(case: Case, folder: Path, seed: int, count: int, mutant: str = "") -> Found:
    """Have commands answered, lose the executor with all it knew while they are open, start an empty one."""
    with trading_venue(folder, seed, mutant, window=WINDOW_SECONDS, deadline=DEADLINE_SECONDS) as venue:
        with venue.services(Service.EXECUTOR, *BESIDE) as site:
            venue.ask(count, rate=RATE, waits=False)
            venue.wait_for(lambda: len(venue.near.answers()) >= count, count / RATE + ANSWER_SECONDS)
            name = f"{Service.EXECUTOR.value}-1"
            site.stop(name, signal.SIGKILL)
            before = _digests(venue)
            arrived = len(venue.near.answers())
            venue.lose_database()
            venue.read_again(Service.EXECUTOR)
            if case.rotates:
                venue.near.do("salt", invalidate=False)
            if case.halts:
                operator = Operator(open_store(venue.store), SystemClock(), "drill")
                set_halt(operator, "all", "the node was lost", on=True)
            site.begin(name, Service.EXECUTOR)
            _wait_until_still(venue, count, arrived)
            after = _digests(venue)
            second = sum(len(after[quote] - digests) > 0 for quote, digests in before.items())
            again = len(venue.near.answers()) - arrived - sum(len(after[q] - d) for q, d in before.items())
            unsent = len(open_store(venue.store).keys(f"trades/{venue.near.account}/answers/")) - again - second
            return Found(case.name, len(before), again, second, max(0, unsent), case.rotates and not case.halts)


def _digests(venue: Venue) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for arrival in venue.near.answers():
        found.setdefault(arrival["quote_id"], set()).add(arrival["digest"])
    return found


def _wait_until_still(venue: Venue, count: int, arrived: int) -> None:
    """Wait until each command has come back, or been recorded and not sent, and nothing more comes."""
    store, prefix = open_store(venue.store), f"trades/{venue.near.account}/answers/"
    venue.wait_for(lambda: len(store.keys(prefix)) >= count, ANSWER_SECONDS)
    seen, since = arrived, time.monotonic()
    while time.monotonic() - since < STILL_SECONDS:
        now = len(venue.near.answers())
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(1)


def node_table(found: Sequence[Found]) -> str:
    """Return what came of cases as a table in Markdown."""
    head = (
        "| node lost while | open | again, same bytes | second answers | not sent again |\n|---|---:|---:|---:|---:|\n"
    )
    rows = (f"| {each.case} | {each.open} | {each.again} | {each.second} | {each.unsent} |\n" for each in found)
    risk = (f"at risk, as {each.case}: {each.second} of {each.open} commands\n" for each in found if each.rotates)
    return "".join((head, *rows, *risk))
