"""An operator accepts what blocked a run: the next run goes on, and whatever happens later is found again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.operate.acceptance import accept
from quant_platform_kit.services.operate.audit import Operator, audit_entries

from ...exactly_once import ACCOUNT, World, following, prices
from ..run.test_reconciliation import FRI, MON, THU, TUE, WED, liquidate, market


def operator(world: World) -> Operator:
    return Operator(world.store, world.clock, "ana")


def liquidated() -> World:
    """Return an account whose Wednesday run was blocked by a liquidation."""
    weights = {"AAA": 0.5, "BBB": 0.5}
    world = World(market(), following(dict.fromkeys((MON, TUE, WED, THU), weights)))
    assert world.run(TUE).outcome is Outcome.COMPLETED
    liquidate(world)
    assert world.run(WED).outcome is Outcome.BLOCKED
    return world


def test_without_it_an_account_stays_blocked_and_the_report_says_what_to_type() -> None:
    world = liquidated()
    report = world.run(THU)
    assert report.outcome is Outcome.BLOCKED
    assert report.todo[-1].startswith(f"quant accept {report.run_id} --reason TEXT --account {ACCOUNT}")


def test_after_it_the_next_run_goes_on_and_it_is_audited() -> None:
    world = liquidated()
    run_id = world.key(WED).run_id
    (finding,) = accept(operator(world), world.reports, ACCOUNT, run_id, "the broker called")
    assert finding.kind is Discrepancy.LIQUIDATION
    report = world.run(THU)
    assert (report.outcome, report.todo) == (Outcome.COMPLETED, ())
    assert [found.kind for found in report.findings] == [Discrepancy.LIQUIDATION], "it is still named"
    (entry,) = audit_entries(world.store)
    assert (entry.command, entry.why, entry.arguments["run"]) == ("accept", "the broker called", run_id)


def test_it_holds_for_nothing_that_happens_later() -> None:
    world = liquidated()
    accept(operator(world), world.reports, ACCOUNT, world.key(WED).run_id, "the broker called")
    assert world.run(THU).outcome is Outcome.COMPLETED
    world.desk.book.quantities.clear()
    world.desk.book.cash += Decimal(10_000)
    assert world.run(FRI).outcome is Outcome.BLOCKED


def test_asked_again_it_does_nothing_more() -> None:
    world = liquidated()
    run_id = world.key(WED).run_id
    first = accept(operator(world), world.reports, ACCOUNT, run_id, "the broker called")
    assert accept(operator(world), world.reports, ACCOUNT, run_id, "again") == first


def test_only_the_last_run_can_be_accepted() -> None:
    world = liquidated()
    for run_id in (world.key(TUE).run_id, "2023-11-01.cli.paper.aaaaaaaa"):
        with pytest.raises(Refused, match=world.key(WED).run_id):
            accept(operator(world), world.reports, ACCOUNT, run_id, "why")


def test_what_a_broker_does_not_tell_is_nothing_to_accept() -> None:
    """Accepted, it would let the next run go on whatever happened until then."""
    world = World(prices(MON, AAA=[100.0] * 5, BBB=[50.0] * 5), following({MON: {"AAA": 0.6, "BBB": 0.4}}))
    account = world.desk.account
    world.desk.account = lambda: replace(account(), balance=None)  # type: ignore[method-assign]
    report = world.run(TUE)
    assert [finding.kind for finding in report.findings] == [Discrepancy.NO_TOTAL]
    with pytest.raises(Refused, match="nothing to accept"):
        accept(operator(world), world.reports, ACCOUNT, report.run_id, "why")


def test_a_run_that_found_nothing_has_nothing_to_accept() -> None:
    world = World(prices(MON, AAA=[100.0] * 5, BBB=[50.0] * 5), following({MON: {"AAA": 0.6, "BBB": 0.4}}))
    report = world.run(TUE)
    with pytest.raises(Refused, match="nothing to accept"):
        accept(operator(world), world.reports, ACCOUNT, report.run_id, "why")
    assert audit_entries(world.store) == []
