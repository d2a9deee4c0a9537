"""The campaign: sessions one after another, each with a process that is killed, frozen or cut off, and successors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from quant_platform_kit.domain.errors import LeaseLost, StoreError
from trading_playbook.testing.live.world import Killed

from chaos.playbook_live.judging import Judge
from chaos.playbook_live.scenarios import Scenario, scenario

__all__ = ["BOUNDARIES", "Outcome", "campaign"]

BOUNDARIES = (
    *("lease-taken", "terms-recorded", "connected", "gap-filled", "bar-recorded", "slot-ended", "decision-recorded"),
    *("entry-recorded", "entry-sent-recorded", "entry-sent", "entry-filled", "entry-cancel-sent"),
    *("stop-recorded", "stop-sent-recorded", "stop-sent", "stop-acknowledged", "stop-filled"),
    *("leaving-noted", "stop-cancel-sent", "stop-cancelled"),
    *("exit-recorded", "exit-sent-recorded", "exit-sent", "exit-filled", "flat-noted", "closed-noted", "run-closed"),
)
"""Where a process is killed, in the order of a session."""
AFTER = timedelta(minutes=40)
"""After the close nobody is started any more."""
MOST_STARTS = 40


@dataclass(slots=True)
class Outcome:
    """What was done and found."""

    sessions: int = 0
    entries: int = 0
    kills: Counter[str] = field(default_factory=Counter[str])
    troubles: Counter[str] = field(default_factory=Counter[str])
    alerts: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    faulty: list[int] = field(default_factory=list[int])


def campaign(sessions: int, seed: int, boundaries: tuple[str, ...] = BOUNDARIES, first: int = 0) -> Outcome:
    """Run sessions from a number on, the kills spread over the boundaries so that none is left out."""
    outcome = Outcome()
    for number in range(first, first + sessions):
        wanted = min(boundaries, key=lambda name: outcome.kills[name] + outcome.troubles[f"towards {name}"] / 4)
        outcome.troubles[f"towards {wanted}"] += 1
        one = scenario(seed, number, wanted)
        judge = _play(one, outcome)
        found = judge.conclude()
        outcome.sessions += 1
        outcome.entries += any(each.fills for each in one.world.exchange.orders.values())
        outcome.troubles[one.trouble.kind] += 1
        outcome.alerts.update(noted.what.value for noted in one.world.told)
        outcome.faults += found
        outcome.faulty += [number] if found else []
    for name in [name for name in outcome.troubles if name.startswith("towards ")]:
        del outcome.troubles[name]
    return outcome


def _play(one: Scenario, outcome: Outcome) -> Judge:
    """Run processes of one session until it is over, or nobody would be started any more."""
    world, judge = one.world, Judge(one.world)
    doom = _doom(one, judge, outcome)

    def over() -> bool:
        return _is_late(one)

    for start in range(MOST_STARTS):
        if over():
            break
        judge.process = world.process(doom)
        judge.restarted = start > 0
        try:
            if (session := judge.process.run(f"worker-{start}", over)) is not None and session.is_over:
                break
        except Killed:
            judge.process = None
            world.clock.sleep(one.trouble.down.total_seconds())
        except (LeaseLost, StoreError):
            judge.process = None
            world.clock.sleep(1)
    judge.process = None
    return judge


def _doom(one: Scenario, judge: Judge, outcome: Outcome) -> Callable[[str], bool]:
    """Return what happens at the boundaries of a session: a kill, another instance that looks in, or a freeze."""
    trouble, world = one.trouble, one.world
    visits: Counter[str] = Counter()

    def reached(boundary: str) -> bool:
        visits[boundary] += 1
        if boundary != trouble.boundary or visits[boundary] != trouble.visit:
            return False
        outcome.kills[boundary] += 1
        if trouble.kind == "twice":
            _look_in(one)
        if trouble.kind == "frozen" and world.clock.now() < world.exchange.closes:
            _freeze(one, judge)
            return False
        return True

    return reached


def _look_in(one: Scenario) -> None:
    """Start another instance while the first one has the account: it waits, and does nothing."""
    before = dict(one.world.exchange.orders)
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    other = one.world.process()
    other.run("another", stopped)
    assert one.world.exchange.orders.keys() == before.keys(), "an instance without the account sent an order"


def _freeze(one: Scenario, judge: Judge) -> None:
    """Stop the process for longer than its lease; another one takes over and ends the session before it goes on."""
    first = judge.process
    judge.process = None
    one.world.clock.sleep(60)
    judge.process, judge.restarted = one.world.process(), True
    judge.process.run("successor", lambda: _is_late(one))
    judge.process = first


def _is_late(one: Scenario) -> bool:
    return one.world.clock.now() > one.world.exchange.closes + AFTER
