"""Who acts in the simulation: workers, the scheduler that repeats a trigger, an operator, a watchdog."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.errors import (
    BrokerError,
    InProgress,
    Interrupted,
    LeaseLost,
    QuantError,
    Refused,
    StoreError,
)
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.runs import OrderRecord, Outcome, RunReport
from quant_platform_kit.services.observe.status import StatusSources
from quant_platform_kit.services.observe.watchdog import Kind, Schedule, Watch, watch
from quant_platform_kit.services.operate.acceptance import accept
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.rerunning import rerun
from quant_platform_kit.services.operate.resolving import Resolution, ResolvedAs, resolve
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.recorded_run import recorded_run
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.run.execution import ExecutionTimes
from quant_platform_kit.services.run.request import RunPorts, RunRequest, RunTerms
from quant_platform_kit.services.run.run_cycle import run_cycle
from quant_platform_kit.testing.simulation.actor import Actor, ActorClock, Killed
from quant_platform_kit.testing.simulation.broker import SimulatedBroker, SimulatedFeatures, SimulatedMarket
from quant_platform_kit.testing.simulation.loop import instant
from quant_platform_kit.testing.simulation.parts import Surroundings
from quant_platform_kit.testing.simulation.scenario import Fault
from quant_platform_kit.testing.simulation.store import ActorStore
from quant_platform_kit.testing.simulation.strategy import bound

__all__ = ["SERVICE", "keep_watch", "look_after", "work"]

SERVICE = "simulated"
TERMS = RunTerms(ExecutionTimes(poll=timedelta(seconds=20)))
POLICY = ExecutionPolicy()
TRIES, PAUSE = 6, 150.0
"""How often an operator who is hindered tries again, and after how many seconds."""


def work(world: Surroundings, name: str, key: RunKey, due: int, faults: tuple[Fault, ...] = ()) -> None:
    """Run once for a key, as one process of the service would."""
    actor = Actor(world, name, faults)
    store = ActorStore(actor)

    def published(report: RunReport) -> None:
        actor.call("tell", f"tell {report.run_id}", lambda: None, QuantError)

    scenario = world.scenario
    strategy = bound(scenario.seed, monthly=scenario.monthly, backed=scenario.backed)
    ports = RunPorts(
        SimulatedBroker(actor),
        SimulatedMarket(actor),
        store,
        ReportStore(store),
        ActorClock(actor),
        world.calendar,
        reached=actor.reached,
        published=published,
        features=SimulatedFeatures(actor) if scenario.backed else None,
    )
    request = RunRequest(strategy, key, SERVICE, holder=name, scheduled_at=instant(due))
    _guarded(world, actor, lambda: run_cycle(request, ports, POLICY, TERMS))


def _guarded(world: Surroundings, actor: Actor, body: Callable[[], object]) -> bool:
    """Let a process do something; return whether it came to its end. What it may meet is traced, all else a defect."""
    try:
        body()
    except Killed:
        return False
    except (InProgress, BrokerError, StoreError, LeaseLost, Interrupted) as error:
        world.trace(f"{actor.name} {type(error).__name__}: {error}")
        world.judge.check_words(str(error))
        return False
    except Exception as error:  # noqa: BLE001 - whatever it is, the platform should not have raised it
        world.judge.fail("defect", f"{actor.name} {type(error).__name__}: {error}")
        return False
    return True


def look_after(world: Surroundings, name: str, faults: tuple[Fault, ...], *, reruns: bool) -> None:
    """Do what an operator does after the runs of a day: settle, accept, lift halts, maybe let a run be run again.

    Everything is done by the venue's true state. A command that a fault stopped is given again.
    """
    actor = Actor(world, name, faults)
    for attempt in range(TRIES):
        if _guarded(world, actor, lambda each=actor: _look_after(world, each, reruns=reruns)):
            return
        world.loop.pause(int(PAUSE * 1_000_000))
        actor = Actor(world, f"{name}.{attempt + 1}")


def _look_after(world: Surroundings, actor: Actor, *, reruns: bool) -> None:
    store = ActorStore(actor)
    operator = Operator(store, ActorClock(actor), actor.name)
    for scope in ("all", f"account-{world.account}"):
        set_halt(operator, scope, "it is over", on=False)
    lease = read_lease(store, world.account)
    for run_id in lease.uncertain_runs if lease else ():
        _settle(world, operator, run_id)
    if lease is None or lease.last_run is None or lease.open_run:
        return
    report = ReportStore(store).find(lease.last_run)
    found = () if report is None else tuple(finding for finding in report.findings if finding.kind.outside)
    if report is not None and report.outcome is Outcome.BLOCKED and found:
        world.venue.cancel_by_hand()
        accept(operator, ReportStore(store), world.account, report.run_id, "seen")
    if reruns and report is not None:
        try:
            again = rerun(operator, world.account, report.run_id, "once more")
        except Refused as error:
            world.trace(f"{actor.name} is refused: {error}")
            return
        world.retry(again.key, world.loop.now + 1)


def _settle(world: Surroundings, operator: Operator, run_id: str) -> None:
    """Settle every UNKNOWN order of a run by what became of it at the venue."""
    run = recorded_run(operator.store, world.account, run_id)
    assert run is not None, "a run with UNKNOWN orders was planned"
    for record in run.unknown:
        resolve(operator, world.account, _truth(world, run_id, record))
    if not run.unknown:
        for record in run.records.values():
            if record.transitions[-1].note and " by " in record.transitions[-1].note:
                resolve(operator, world.account, _truth(world, run_id, record))
                return


def _truth(world: Surroundings, run_id: str, record: OrderRecord) -> Resolution:
    identity = record.order.client_order_id
    filled = world.venue.settle_by_hand(identity)
    price = next((f.price for o in world.venue.orders if o.asked.client_order_id == identity for f in o.fills), None)
    if filled:
        return Resolution(run_id, identity, ResolvedAs.FILLED, "the venue's book", filled, price)
    return Resolution(run_id, identity, ResolvedAs.NOT_SENT, "the venue's book")


def keep_watch(world: Surroundings, name: str) -> None:
    """Look as the watchdog does, and hold it to what is wrong."""
    actor = Actor(world, name)
    store = ActorStore(actor)

    def look() -> None:
        scenario = world.scenario
        strategy = bound(scenario.seed, monthly=scenario.monthly, backed=scenario.backed)
        manifests = {strategy.manifest.profile: strategy.manifest}
        sources = StatusSources(store, ReportStore(store), world.calendar, manifests, world.now)
        schedule = Schedule("0 10 * * 1-5", world.calendar)
        alerts = watch(Watch(schedule, world.now, hold_age=timedelta(0)), sources, world.account).alerts
        kinds = sorted({alert.kind for alert in alerts})
        for alert in alerts:
            world.trace(f"{name} {alert.kind.value}: {alert.text}")
            world.judge.check_words(alert.text)
        world.judge.watched(kinds=[kind.value for kind in kinds], store_answers=Kind.STORE not in kinds)

    _guarded(world, actor, look)
