"""What a run does with documents that are other than believed: it says so once, and blocks where it is money.

Monday's decision puts all of 10,000 USD into AAA at 100, bought on Tuesday; Tuesday's and Wednesday's are the same.
"""

from __future__ import annotations

from datetime import date

from quant_platform_kit.domain.beliefs import AMOUNT, Field, Table
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.services.operate.acceptance import accept
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.seen import Seen

from ...exactly_once import ACCOUNT, World, following, prices

MON, TUE, WED, THU = (date(2023, 11, 27 + n) for n in range(4))
ALL_A = {"AAA": 1.0, "BBB": 0.0}
TABLES = (
    Table("account", (Field("cash", AMOUNT, money=True), Field("kind", known=frozenset({"CASH"}))), sizes=True),
    Table("order", (Field("status", known=frozenset({"DONE"})),)),
)
GOOD = ("account", {"cash": 10_000, "kind": "CASH"})


def world(*told: tuple[str, object]) -> World:
    """Return a world whose broker tells documents with its account."""
    table = prices(date(2023, 11, 20), AAA=[100.0] * 20, BBB=[50.0] * 20)
    made = World(table, following({MON: ALL_A, TUE: ALL_A, WED: ALL_A}))
    answer = made.desk.account

    def account() -> AccountState:
        for subject, document in (GOOD, *told):
            made.seen.take(subject, document)
        return answer()

    made.desk.account = account  # pyright: ignore[reportAttributeAccessIssue]
    return made


def run(made: World, session: date, mode: Mode = Mode.PAPER) -> tuple[Outcome, list[tuple[Discrepancy, str]]]:
    """Run in a session of its own."""
    made.seen = Seen(TABLES)
    report = made.run(session, mode=mode)
    return report.outcome, [(finding.kind, finding.text) for finding in report.findings]


def kept(made: World) -> list[str]:
    """Return what is recorded of differences."""
    return list(made.store.keys("misread/"))


def test_documents_as_believed_leave_no_trace() -> None:
    made = world(("order", {"status": "DONE"}))
    assert run(made, TUE) == (Outcome.COMPLETED, [])
    assert kept(made) == []


def test_an_unknown_word_is_a_finding_once() -> None:
    made = world(("order", {"status": "PARKED"}))
    said = (Discrepancy.MISREAD, "status of order is 'PARKED', which is not known")
    assert run(made, TUE) == (Outcome.COMPLETED, [said])
    assert len(kept(made)) == 1
    assert run(made, WED)[1] == []
    assert len(kept(made)) == 1


def test_a_run_that_sends_nothing_says_it_each_time_and_records_nothing() -> None:
    made = world(("order", {}))
    said = (Discrepancy.MISREAD, "status of order is not told any more")
    for mode in (Mode.DRY_RUN, Mode.PROBE, Mode.PROBE):
        assert run(made, TUE, mode)[1] == [said]
    assert kept(made) == []
    assert run(made, TUE)[1] == [said]


def test_what_was_told_of_by_a_run_that_died_before_its_report_is_told_again() -> None:
    made = world(("order", {"status": "PARKED"}))
    made.seen = Seen(TABLES)
    made.die_at(Boundary.EXECUTED_RECORDED, TUE)
    assert kept(made) == []
    made.clock.sleep(120)
    assert [kind for kind, _ in run(made, TUE)[1]] == [Discrepancy.MISREAD]


def test_what_an_account_is_sized_by_blocks_in_every_run_until_it_is_accepted() -> None:
    made = world(("account", {"cash": "10000", "kind": "CASH"}))
    for session in (TUE, WED):
        outcome, findings = run(made, session)
        assert outcome is Outcome.BLOCKED
        (found,) = findings
        assert found[0] is Discrepancy.MISREAD_MONEY
        assert "cash of account is a number as text" in found[1]
    assert made.desk.received == []
    operator = Operator(made.store, made.clock, "kim")
    accept(operator, made.reports, ACCOUNT, made.key(WED).run_id, "the API writes it so now")
    outcome, findings = run(made, THU)
    assert (outcome, [kind for kind, _ in findings]) == (Outcome.COMPLETED, [Discrepancy.MISREAD_MONEY])
    assert len(made.desk.received) == 1


def test_a_word_of_the_account_that_no_money_depends_on_does_not_block() -> None:
    made = world(("account", {"cash": 10_000, "kind": "PENSION"}))
    outcome, findings = run(made, TUE)
    assert (outcome, [kind for kind, _ in findings]) == (Outcome.COMPLETED, [Discrepancy.MISREAD])
