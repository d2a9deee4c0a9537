"""Days of workers, operator, watchdog and venue: what holds in all of them, and that it is seen what does not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.services.run import execution, run_cycle
from quant_platform_kit.testing.simulation.coverage import Coverage
from quant_platform_kit.testing.simulation.generating import scenario
from quant_platform_kit.testing.simulation.loop import Loop
from quant_platform_kit.testing.simulation.scenario import (
    Attempt,
    Behaviour,
    Day,
    Fault,
    FaultKind,
    Habit,
    Scenario,
    Trigger,
    load,
    text,
)
from quant_platform_kit.testing.simulation.shrinking import as_test, shrunk
from quant_platform_kit.testing.simulation.trait_sets import TRAIT_SETS
from quant_platform_kit.testing.simulation.world import play

SCENARIOS = sorted(Path(__file__).with_name("scenarios").glob("*.json"))
RUNS_PER_SET = 300
DIGESTS = """
from quant_platform_kit.testing.simulation.generating import scenario
from quant_platform_kit.testing.simulation.trait_sets import TRAIT_SETS
from quant_platform_kit.testing.simulation.world import play
for traits in TRAIT_SETS:
    for seed in (3, 4):
        print(play(scenario(seed, traits)).digest)
"""


def one_day(*attempts: Attempt, minute: int = 30, **changes: object) -> Scenario:
    return replace(Scenario(7, "paper", (Day((Trigger(minute, attempts),)),)), **changes)


@pytest.mark.parametrize("traits", TRAIT_SETS)
def test_every_invariant_holds_whatever_befalls_workers_of_a_broker(traits: str) -> None:
    runs = 0
    for seed in count(1_000_000):
        played = play(scenario(seed, traits))
        assert played.broken is None, f"{traits} {seed}: {played.broken}; cut it down with `python -m chaos.simulate`"
        runs += played.runs
        if runs >= RUNS_PER_SET:
            return


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_that_once_failed_holds(path: Path) -> None:
    assert play(load(path)).broken is None


def test_the_same_seeds_lead_to_the_same_traces_in_a_process_with_another_hash_seed() -> None:
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    told = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        env={**os.environ, "PYTHONHASHSEED": other},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [play(scenario(seed, traits)).digest for traits in TRAIT_SETS for seed in (3, 4)]
    assert told.stdout.split() == here


def test_a_scenario_is_the_same_when_it_is_read_back() -> None:
    made = scenario(12, "schwab")
    assert load(text(made)) == made


def test_a_day_without_faults_ends_with_a_report_and_everything_filled() -> None:
    played = play(one_day())
    assert (played.broken, played.runs) == (None, 1)
    assert sum("venue fills" in line for line in played.trace) == 3
    assert not played.hits


def test_a_defect_is_caught_and_its_scenario_is_cut_down_to_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(self: execution.Execution, identity: str) -> None:
        self.gateway.broker.cancel(identity)
        self._keep(self.gateway.finish_as(self.records[identity], OrderState.CANCELLED, "cancelled"))

    monkeypatch.setattr(execution.Execution, "_cancel", cancel)
    faults = (Fault(FaultKind.STORE_SLOW, Boundary.CLAIMED.value), Fault(FaultKind.PRICES_MOVE, "start"))
    behaviours = (Behaviour(), Behaviour(Habit.RACE), Behaviour(Habit.FILL_LATE))
    large = one_day(Attempt(0.0, faults), Attempt(3.0), behaviours=behaviours, lends=True)
    broken = play(large).broken
    assert broken is not None
    assert broken.invariant == "report-differs"
    small = shrunk(large)
    assert small == Scenario(7, "paper", (Day((Trigger(30, ()),)),), even=True, behaviours=behaviours[:2])
    assert text(small) in as_test(small)


def test_only_a_scenario_that_fails_can_be_cut_down() -> None:
    with pytest.raises(ValueError, match="breaks no invariant"):
        shrunk(one_day())


def test_without_the_wait_after_a_takeover_an_order_that_a_stopped_worker_sent_last_is_sent_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    straggler = load(next(path for path in SCENARIOS if path.stem == "stopped-with-an-order-in-hand"))
    assert play(straggler).broken is None
    left_open = run_cycle._Run.left_open

    def without_wait(self: run_cycle._Run) -> object:
        with monkeypatch.context() as patch:
            patch.setattr(self.ports.clock.__class__, "sleep", lambda clock, seconds: None)
            return left_open(self)

    monkeypatch.setattr(run_cycle._Run, "left_open", without_wait)
    broken = play(straggler).broken
    assert broken is not None
    assert broken.invariant == "fills-exceed-intent"


@pytest.mark.parametrize(
    ("kind", "trace"),
    [
        (FaultKind.KILLED_BEFORE, "is dead"),
        (FaultKind.STOPPED, "LeaseLost"),
        (FaultKind.TERMINATED, "Interrupted"),
        (FaultKind.STORE_FAILS, "StoreError"),
        (FaultKind.REQUEST_LOST, "meets request lost"),
        (FaultKind.LATE, "venue accepts"),
        (FaultKind.HALT, "halted"),
        (FaultKind.SESSION_ENDS, "EXPIRED"),
    ],
)
def test_a_fault_does_what_its_name_says(kind: FaultKind, trace: str) -> None:
    fault = Fault(kind, Boundary.SENT_RECORDED.value, amount=0.9)
    held = (Behaviour(Habit.HOLD),) if kind is FaultKind.SESSION_ENDS else ()
    after = replace(fault, after=Boundary.ORDER_SENT.value) if held else fault
    played = play(one_day(Attempt(0.0, (after,)), behaviours=held))
    assert played.broken is None
    assert played.hits == {(after.after, kind.value): 1}
    assert any(trace in line for line in played.trace)


def test_what_is_due_first_happens_first_and_tasks_take_turns() -> None:
    loop, said = Loop(0), list[tuple[int, str]]()

    def task(name: str, pause: int) -> None:
        for _ in range(2):
            loop.pause(pause)
            said.append((loop.now, name))

    loop.start(0, lambda: task("slow", 30))
    loop.start(5, lambda: task("quick", 10))
    loop.run()
    assert said == [(15, "quick"), (25, "quick"), (30, "slow"), (60, "slow")]


def test_a_cell_is_empty_where_a_fault_could_have_hit_and_did_not() -> None:
    coverage = Coverage()
    coverage.add({("claimed", "store fails"): 2}, {("claimed", "read"): 5})
    assert coverage.cell("claimed", FaultKind.STORE_FAILS) == 2
    assert coverage.cell("claimed", FaultKind.LATE) is None
    assert ("claimed", "store slow") in coverage.empty
    assert "| claimed | 0 | 0 | 0 | 0 | 2 |" in coverage.table()
