"""Where an account stands: told out of the records alone, without changing them.

Monday's decision buys AAA and BBB in Tuesday's session; later sessions hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar
from quant_platform_kit.services.observe.status import AccountStatus, StatusSources, account_status
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.resolving import Resolution, ResolvedAs, resolve
from quant_platform_kit.services.record.report_store import ReportStore

from ... import lossy_account
from ...lossy_account import CLOSE, MON, THU, TUE, WED, Killed, Market, Scripted, Tree

pytestmark = pytest.mark.usefixtures("no_power_cuts")

FRI = date(2023, 12, 1)
MONTH_END = THU


class World(lossy_account.World):
    """An account in the middle of Tuesday's session."""

    def status(self, now: datetime | None = None, *, installed: bool = True) -> AccountStatus:
        """Say where the account stands."""
        manifests = {"scripted": self.strategy.manifest} if installed else {}
        return account_status(StatusSources(self.store, self.reports, self.calendar, manifests, now), self.account_id)


@pytest.fixture
def make(tmp_path: Path, market: Market, calendar: ExchangeCalendar, scripted: Scripted) -> Callable[..., World]:
    """Return a maker of worlds."""

    def world(**manifest: Any) -> World:
        def decide(manifest: Any, ctx: Any) -> Any:
            return manifest.rebalance(ctx, {"AAA": 0.6, "BBB": 0.4}) if ctx.as_of == MON else manifest.hold(ctx, "-")

        return World(tmp_path / "book", market(MON, CLOSE), calendar, scripted(decide, **manifest), lost=())

    return world


@pytest.fixture
def world(make: Callable[..., World]) -> World:
    return make()


def at(session: date, hour: int = 22) -> datetime:
    return datetime(session.year, session.month, session.day, hour, tzinfo=UTC)


def test_an_account_that_has_never_run_is_well(world: World) -> None:
    status = world.status(at(MON))
    assert (status.mode, status.last_run, status.next_decision, status.needs) == (None, None, None, ())
    assert (status.halts, status.open_run, status.uncertain, status.targets) == ((), None, (), ())


def test_an_account_whose_run_completed_is_well_and_near_its_targets(world: World) -> None:
    report = world.run(TUE)
    status = world.status()
    assert status.needs == ()
    assert (status.mode, status.profile, status.service) == (Mode.PAPER, "scripted", "cli")
    last = status.last_run
    assert last is not None
    assert (last.run_id, last.session, last.as_of, last.outcome) == (report.run_id, TUE, MON, Outcome.COMPLETED)
    assert (status.due, status.behind, status.targets_of) == (None, (), MON)
    assert [(line.symbol, round(line.target or 0, 2), line.held) for line in status.targets] == [
        ("AAA", Decimal("58.82"), 58),
        ("BBB", Decimal("80.00"), 80),
    ]
    assert [line.missing for line in status.targets][1] == 0


def test_reading_a_status_changes_nothing(world: World, tree: Tree) -> None:
    world.broker.lost = {"BBB"}
    world.run(TUE)
    set_halt(world.operator, "all", "storm", on=True)
    before = tree(world.folder)
    for now in (None, at(TUE), at(FRI), at(date(2024, 3, 1))):
        world.status(now)
    assert tree(world.folder) == before


def test_targets_are_of_the_last_plan_where_the_last_run_had_none(world: World) -> None:
    world.run(TUE)
    assert world.run(WED).plan is None
    status = world.status()
    assert (status.targets_of, [line.symbol for line in status.targets]) == (MON, ["AAA", "BBB"])


def test_a_holding_without_a_target_is_shown(world: World) -> None:
    world.run(TUE)
    report = world.reports.find(world.run(WED).run_id)
    assert report is not None
    assert report.account is not None
    strange = replace(report.account, quantities={**report.account.quantities, "ZZZ": Decimal(7)})

    class Reports:
        def find(self, run_id: str) -> RunReport:
            assert report is not None
            return replace(report, account=strange)

    sources = StatusSources(world.store, Reports(), world.calendar, {}, None)  # type: ignore[arg-type]
    line = account_status(sources, world.account_id).targets[-1]
    assert (line.symbol, line.target, line.held, line.missing) == ("ZZZ", None, 7, None)


# --- what needs an operator -----------------------------------------------------------------------


def test_an_unknown_order_is_named_until_it_is_settled(world: World) -> None:
    world.broker.lost = {"BBB"}
    report = world.run(TUE)
    (order,) = world.status().uncertain
    lost = report.orders[1]
    assert (order.run_id, order.client_order_id, order.symbol, order.quantity) == (
        report.run_id,
        lost.client_order_id,
        "BBB",
        80,
    )
    assert order.sent_at == at(TUE, 20)
    assert "not known to the broker" in order.note
    status = world.status()
    assert status.uncertain_runs == (report.run_id,)
    assert status.needs == (f"UNKNOWN orders: {lost.client_order_id}; settle them with `quant resolve`",)
    asked = Resolution(report.run_id, lost.client_order_id, ResolvedAs.NOT_SENT, "seen")
    resolve(world.operator, world.account_id, asked)
    status = world.status()
    assert (status.uncertain, status.uncertain_runs, status.needs, status.due) == ((), (), (), MON)


def test_a_run_blocked_for_another_reason_needs_an_operator(world: World, scripted: Scripted) -> None:
    world.strategy = scripted(lambda manifest, ctx: manifest.blocked(ctx, "no idea"))
    report = world.run(TUE)
    assert world.status().needs == (f"the last run {report.run_id} was blocked: no idea",)


def test_a_run_that_was_missed_needs_an_operator_until_a_later_one_ends_well(world: World) -> None:
    world.die(Boundary.CLAIMED)
    world.die(Boundary.RUN_OPENED, WED)
    left, missed = world.status().needs
    assert left.startswith("run 2023-11-29.cli.paper.")
    assert "was failed: it stopped before it had planned" in missed
    world.run(WED)
    assert world.status().needs == ()


def test_halts_are_named_with_who_why_and_since_when_and_only_those_that_apply(world: World) -> None:
    world.run(TUE)
    own = f"account-{world.account_id}"
    for scope in ("all", "service-cli", "service-other", own, "account-OTHER", "release-cli", "release-other"):
        world.clock.instant += timedelta(minutes=1)
        set_halt(world.operator, scope, f"because of {scope}", on=True)
    status = world.status()
    assert [(halt.scope, halt.who, halt.why) for halt in status.halts] == [
        (scope, "mira", f"because of {scope}") for scope in ("all", "service-cli", own, "release-cli")
    ]
    assert status.halts[0].since.replace(microsecond=0) == at(TUE, 20) + timedelta(minutes=1)
    assert len(status.needs) == 4
    assert status.needs[0] == "halted: all; lift it with `quant resume`"
    assert status.needs[3] == "held by a release: release-cli; `release open` lifts it"
    for scope in ("all", "service-cli", own, "release-cli"):
        set_halt(world.operator, scope, "calm", on=False)
    assert world.status().needs == ()


def test_a_run_under_way_is_shown_and_one_that_was_left_needs_an_operator(world: World) -> None:
    class Dead(lossy_account.Store):
        dead = False

        def replace(self, key: str, data: bytes, generation: int) -> int:
            if self.dead:
                raise Killed
            return super().replace(key, data, generation)

    store = Dead(world.folder / "store", world.clock)
    world.store = store

    def power_cut(boundary: Boundary) -> None:
        if boundary is Boundary.PLAN_COMMITTED:
            store.dead = True
            raise Killed

    world.reached = power_cut
    key = RunKey(world.account_id, TUE, "cli", Mode.PAPER)
    with pytest.raises(Killed):
        world.run(TUE, holder="worker 7")
    status = world.status()
    run = status.open_run
    assert run is not None
    assert (run.run_id, run.since, run.holder, run.worked_on) == (key.run_id, at(TUE, 20), "worker 7", True)
    assert run.lease_expires_at == at(TUE, 20) + timedelta(minutes=1)
    assert (status.needs, status.mode) == ((), Mode.PAPER)
    world.clock.instant += timedelta(minutes=1)
    status = world.status()
    assert status.needs == (f"run {key.run_id} is open and nobody works on it: run it again to finish it",)


def test_a_report_that_is_not_there_is_not_taken_for_a_good_one(world: World, tmp_path: Path) -> None:
    report = world.run(TUE)
    elsewhere = ReportStore(FileStore(tmp_path / "elsewhere"))
    sources = StatusSources(world.store, elsewhere, world.calendar, {}, None)
    (need,) = account_status(sources, world.account_id).needs
    assert need == f"the last run {report.run_id} has no report here: check the address of the reports"


# --- what is due ----------------------------------------------------------------------------------


def test_a_decision_stays_due_for_three_sessions_and_then_the_account_is_behind_target(world: World) -> None:
    world.broker.rejected = ["BBB"]
    assert world.run(TUE).outcome is Outcome.INCOMPLETE
    assert (world.status().due, world.status().needs) == (MON, ())
    for now in (at(TUE), at(WED), at(THU)):
        status = world.status(now)
        assert (status.due, status.behind) == (MON, ()), now
    status = world.status(at(FRI))
    assert (status.due, status.behind) == (None, (MON,))
    assert status.needs == (f"behind target: the REBALANCE of {MON} grew too old to be executed",)


def test_a_decision_newer_than_the_present_time_is_not_taken_for_an_old_one(world: World) -> None:
    world.broker.rejected = ["BBB"]
    world.run(TUE)
    status = world.status(at(MON, 15))
    assert (status.due, status.behind) == (MON, ())


def test_a_hold_supersedes_what_was_due_in_a_profile_that_decides_every_session(make: Callable[..., World]) -> None:
    world = make(cadence=Cadence.SESSION)
    world.broker.rejected = ["BBB"]
    world.run(TUE)
    assert world.status().due == MON
    world.run(WED)
    assert (world.status().due, world.status(at(FRI)).behind) == (None, ())


def test_a_dry_run_leaves_nothing_due(world: World) -> None:
    report = world.run(TUE, mode=Mode.DRY_RUN)
    assert report.plan is not None
    status = world.status(at(FRI))
    assert (status.mode, status.due, status.behind, status.needs) == (Mode.DRY_RUN, None, (), ())
    assert [line.held for line in status.targets] == [0, 0]


# --- when the profile decides next ----------------------------------------------------------------


def test_the_next_decision_follows_the_cadence_from_the_session_that_is_not_decided_yet(
    make: Callable[..., World],
) -> None:
    world = make(cadence=Cadence.MONTH_END)
    world.run(TUE)
    for now in (None, at(TUE), at(MONTH_END, 20), at(MONTH_END, 22), at(FRI, 20)):
        decision = world.status(now).next_decision
        assert decision is not None
        assert (decision.session, decision.trades_on) == (MONTH_END, FRI), now
        assert decision.text == "2023-11-30 (last session of a month), trades on 2023-12-01"
    world.run(FRI)
    decision = world.status().next_decision
    assert decision is not None
    assert decision.session == date(2023, 12, 29)


@pytest.mark.parametrize(
    ("cadence", "now", "installed", "words"),
    [
        (Cadence.UNSTATED, at(TUE), True, "any session"),
        (Cadence.SESSION, at(TUE), True, "2023-11-28 (every session), trades on 2023-11-29"),
        (Cadence.MONTH_END, at(TUE), False, "not known: the profile is not installed here"),
        (
            Cadence.MONTH_END,
            at(date(2035, 1, 2)),
            True,
            "last session of a month; the date is outside the XNYS calendar",
        ),
    ],
)
def test_a_next_decision_that_cannot_be_dated_says_why(
    make: Callable[..., World], cadence: Cadence, now: datetime, installed: bool, words: str
) -> None:
    world = make(cadence=cadence)
    world.run(TUE)
    decision = world.status(now, installed=installed).next_decision
    assert decision is not None
    assert decision.text == words


def test_at_the_end_of_the_calendar_the_status_still_answers(make: Callable[..., World]) -> None:
    world = make(cadence=Cadence.MONTH_END)
    world.run(TUE)
    end = world.calendar.sessions[-1]
    decision = world.status(at(end)).next_decision
    assert decision is not None
    assert decision.session is None
    assert "outside the XNYS calendar" in decision.text
