"""An account is met before it is traded live: by a contact, by a completed live run, or a person does without.

The market and the decision are those of `test_carry`: due on Friday, 1 December, to be carried into three sessions.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from quant_platform_kit.domain.beliefs import Difference, How
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.reconciliation import Discrepancy, Finding
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.services.operate.assumptions import Mark, Verdict, keep_mark
from quant_platform_kit.services.operate.audit import Operator, audit_entries
from quant_platform_kit.services.operate.contact.result import Contact, Line, State, keep_contact
from quant_platform_kit.services.operate.going_live.standing import standing_of
from quant_platform_kit.services.operate.going_live.steps import facts_of, steps
from quant_platform_kit.services.operate.going_live.waiving import waive
from quant_platform_kit.services.record.seen import Misread

from ...exactly_once import ACCOUNT, World, switch
from .test_carry import DEC1, DEC4, DEC5, DEC7, FULL, NOV30, market, monthly

OLD, NEW = Client("ibkr", "ib_async", "2.0.1"), Client("ibkr", "ib_async", "2.1.0")
TYPE = "type `quant contact --platform ibkr` with the settings of its service"
UNMET = f"account {ACCOUNT} was never met with ib-async 2.1.0 without something that blocks: {TYPE}"
LEDGER = Path(__file__).with_name("ledgers") / "traded_live.json"
"""Store and reports of an account that traded live, as the version before this rule wrote them."""


@pytest.fixture
def world() -> World:
    made = World(market(), monthly())
    switch(made.store, ACCOUNT, allow=True)
    made.run(NOV30, mode=Mode.LIVE, client=NEW)
    return made


def live(world: World, day: date = DEC1, slot: str = "cli", client: Client | None = NEW) -> RunReport:
    return world.run(day, slot, Mode.LIVE, client=client)


def meet(
    world: World, client: Client = NEW, state: State = State.GOOD, account: str = ACCOUNT, login: str = ""
) -> None:
    lines = (Line("quotes", state, "as seen"),)
    made = world.clock.now()
    keep_contact(world.store, Contact(account, client.platform, client.library, client.version, made, login, lines, 1))


def refute(world: World, verdict: Verdict = Verdict.REFUTED) -> None:
    world.clock.sleep(1)
    keep_mark(world.store, ACCOUNT, Mark("ibkr-id-once", verdict, NEW.text, world.clock.now(), "as seen"))


def operator(world: World) -> Operator:
    return Operator(world.store, world.clock, "mira")


def test_a_live_run_of_an_account_that_was_never_met_is_blocked_and_its_decision_stays_due(world: World) -> None:
    blocked = live(world)
    assert (blocked.outcome, blocked.orders) == (Outcome.BLOCKED, ())
    assert blocked.reasons[-1] == UNMET
    assert UNMET in blocked.todo
    meet(world)
    later = live(world, DEC4)
    assert (later.outcome, later.executes) == (Outcome.COMPLETED, NOV30)
    assert world.held == {symbol: Decimal(units) for symbol, units in FULL.items()}


def test_a_contact_is_needed_once_and_a_new_version_needs_another(world: World) -> None:
    meet(world)
    assert live(world).outcome is Outcome.COMPLETED
    listed: list[str] = []
    world.store.fault = lambda operation, key, done: listed.append(key) if key.startswith("contacts") else None
    assert live(world, DEC4).outcome is Outcome.NO_ACTION
    assert not listed, "the last report says so"
    newer = Client("ibkr", "ib_async", "2.2.0")
    assert live(world, DEC5, client=newer).outcome is Outcome.BLOCKED
    meet(world, newer)
    assert live(world, DEC5, "again", client=newer).outcome is Outcome.NO_ACTION
    assert live(world, DEC7).outcome is Outcome.NO_ACTION, "back to a version that was met"


def test_a_new_login_needs_another_contact(world: World) -> None:
    world.login = "mira"
    meet(world, login="mira")
    first = live(world)
    assert (first.outcome, first.contacted) == (Outcome.COMPLETED, ("ib-async 2.1.0 as mira",))
    world.login = "jun"
    blocked = live(world, DEC4)
    assert blocked.outcome is Outcome.BLOCKED
    assert "was never met with ib-async 2.1.0 as jun without" in blocked.reasons[-1]
    meet(world, login="jun")
    assert live(world, DEC4, "again").contacted == ("ib-async 2.1.0 as jun", "ib-async 2.1.0 as mira")


def test_what_was_recorded_without_a_login_holds_for_the_next_one_only(world: World) -> None:
    meet(world)
    assert live(world).contacted == ("ib-async 2.1.0",)
    world.login = "mira"
    assert live(world, DEC4).contacted == ("ib-async 2.1.0 as mira",)


@pytest.mark.parametrize("case", ["another version", "another account", "it blocks", "an older one that was good"])
def test_a_contact_that_is_none_of_this_account_and_library_does_not_count(world: World, case: str) -> None:
    if case == "another version":
        meet(world, OLD)
    elif case == "another account":
        meet(world, account="DU2")
    else:
        if case == "an older one that was good":
            meet(world)
            world.clock.sleep(1)
        meet(world, state=State.BLOCKS)
    assert live(world).reasons[-1] == UNMET


def test_probes_and_dry_runs_say_so_and_look_all_the_same(world: World) -> None:
    probed = world.run(DEC1, "look", Mode.PROBE, ahead_of=Mode.LIVE, client=NEW)
    assert (probed.outcome, probed.reasons[-1]) == (Outcome.BLOCKED, UNMET)
    dry = Mode.DRY_RUN
    for report in (
        world.run(DEC1, "look", Mode.PROBE, ahead_of=dry, client=NEW),
        world.run(DEC1, "dry", dry, client=NEW),
    ):
        assert report.outcome in (Outcome.COMPLETED, Outcome.NO_ACTION)
        assert report.reasons[-1] == f"before live: {UNMET}"


def test_a_paper_account_needs_no_contact() -> None:
    world = World(market(), monthly())
    world.run(NOV30, client=NEW)
    report = world.run(DEC1, client=NEW)
    assert (report.outcome, report.contacted) == (Outcome.COMPLETED, None)


def test_what_a_test_refuted_blocks_until_a_later_test_or_a_person_lifts_it(world: World) -> None:
    meet(world)
    refute(world)
    assert live(world).reasons[-1].startswith(f"a test refuted ibkr-id-once on account {ACCOUNT}")
    refute(world, Verdict.HELD)
    assert live(world, DEC4).outcome is Outcome.COMPLETED
    refute(world)
    assert live(world, DEC5).outcome is Outcome.BLOCKED
    waive(operator(world), ACCOUNT, NEW, ("ibkr-id-once",), "seen by hand")
    assert live(world, DEC5, "again").outcome is Outcome.NO_ACTION


def test_what_documents_said_is_listed_and_what_a_run_was_blocked_by_blocks(world: World) -> None:
    meet(world)
    told = Difference("order", "orders[].status", How.UNKNOWN_VALUE, "'PARKED'")
    Misread(world.store, ACCOUNT).told([told])
    done = live(world)
    standing = standing_of(world.store, ACCOUNT, NEW, done.contacted)
    facts = facts_of(world.store, standing)
    (line,) = (each for each in steps(facts, done) if each.subject == "documents")
    assert (line.state, line.said) == (State.CAUTION, "orders[].status of order is 'PARKED', which is not known")
    assert "findings" not in {each.subject for each in steps(facts, done)}
    found = (Finding(Discrepancy.MISREAD_MONEY, "cash is not told any more"), Finding(Discrepancy.SPLIT, "SPY"))
    blocked = replace(done, outcome=Outcome.BLOCKED, findings=found, todo=("quant accept",))
    (line,) = (each for each in steps(facts, blocked) if each.subject == "findings")
    assert (line.state, line.said, line.todo) == (State.BLOCKS, "cash is not told any more", "quant accept")


def test_a_person_does_without_for_one_version_and_it_is_audited(world: World) -> None:
    waive(operator(world), ACCOUNT, NEW, (), "the venue is closed to contacts")
    assert live(world).outcome is Outcome.COMPLETED
    assert live(world, DEC4, client=Client("ibkr", "ib_async", "2.2.0")).outcome is Outcome.BLOCKED
    entry = audit_entries(world.store)[-1]
    assert (entry.command, entry.who, entry.why) == ("unready", "mira", "the venue is closed to contacts")
    assert dict(entry.arguments) == {"account": ACCOUNT, "client": "ib-async 2.1.0"}


def test_a_run_that_was_killed_goes_on_as_it_was_met(world: World) -> None:
    meet(world)
    with world.dying(Boundary.ORDER_SENT):
        live(world)
    world.clock.sleep(600)
    recovered = world.run_now(DEC1, mode=Mode.LIVE, client=NEW)
    assert (recovered.outcome, recovered.contacted) == (Outcome.COMPLETED, ("ib-async 2.1.0",))


@pytest.mark.parametrize("first", ["a live run", "a dry run"])
def test_an_account_that_traded_live_under_the_version_before_goes_on_without_a_command(first: str) -> None:
    world = World(market(), monthly())
    written = json.loads(LEDGER.read_text("utf-8"))
    for store, objects in ((world.store, written["store"]), (world.report_store, written["reports"])):
        for key, text in objects.items():
            store.create(key, text.encode("latin-1"))
    world.desk.book.quantities.update({symbol: Decimal(units) for symbol, units in FULL.items()})
    world.desk.book.cash = Decimal(0)
    world.clock.instant = datetime(2023, 12, 1, 20, 30, tzinfo=UTC)
    if first == "a dry run":
        assert not any("before live" in reason for reason in world.run(DEC4, "d", Mode.DRY_RUN, client=NEW).reasons)
    report = live(world, DEC4)
    assert (report.outcome, report.contacted) == (Outcome.NO_ACTION, ("ib-async 2.1.0",))
    assert live(world, DEC5, client=Client("ibkr", "ib_async", "2.2.0")).outcome is Outcome.BLOCKED
