"""The order ledger: what is recorded first is what counts, and nothing recorded can be unrecorded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.carry import Evaluated
from quant_platform_kit.domain.errors import Conflict, Damaged, LeaseLost, Refused, StoreError
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side
from quant_platform_kit.domain.planning import OrderPlan, PlanLine, Residual
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.reconciliation import Discrepancy, Finding
from quant_platform_kit.domain.runs import BuyRevision, OrderRecord, RecordedDecision, RunClaim, RunPlan, Transition
from quant_platform_kit.domain.strategy import Action, AllocationIntent, StrategyDecision, TargetMode
from quant_platform_kit.services.record.ledger import DecisionLedger, RunLedger

from ...exactly_once import ACCOUNT, MemoryStore, World, following, moment, prices

AT = moment("2023-11-28 15:00")
NOV30, DEC1, DEC4 = date(2023, 11, 30), date(2023, 12, 1), date(2023, 12, 4)
KEY = RunKey(ACCOUNT, DEC1, "cli", Mode.PAPER)
BUY = Order(client_order_id(KEY, "AAA", "BUY", 0), "AAA", Side.BUY, Decimal(7))
SELL = Order(client_order_id(KEY, "BBB", "SELL", 0), "BBB", Side.SELL, Decimal("2.5"))
S = OrderState
CLAIM = RunClaim(KEY, "scripted", "Scripted", "direct", {"share": "0.5", "symbols": ["AAA"]}, NOV30, "cli", AT)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(FrozenClock(AT))


@pytest.fixture
def ledger(store: MemoryStore) -> RunLedger:
    return RunLedger(store, ACCOUNT, KEY.run_id)


def plan(*orders: Order, price: str = "100.123456") -> RunPlan:
    lines = tuple(
        PlanLine(o.symbol, Decimal(0), o.quantity, Decimal(price), o, Decimal("-0.004"), Residual.LOTS) for o in orders
    )
    return RunPlan(
        executes=NOV30,
        as_of=NOV30,
        action=Action.REBALANCE,
        digest="d" * 64,
        plan=OrderPlan((*lines, PlanLine("IDLE", Decimal(0), Decimal(0), None, None, Decimal(0), Residual.NONE))),
        base=Decimal("10000.01"),
        account=AccountState(ACCOUNT, {"USD": Decimal("10000.01"), "HKD": Decimal(-3)}, {"BBB": Decimal("2.5")}),
        prices={o.symbol: Decimal(price) for o in orders},
        buffer=Decimal("50.00005"),
        reasons=("because — “quoted”",),
        behind=(date(2023, 10, 31),),
        findings=(Finding(Discrepancy.CASH_MOVEMENT, "cash moved"),),
        bought_by={"BBB": "earlier"},
        committed_at=AT,
    )


def step(state: OrderState, epoch: int = 1, seconds: float = 0, note: str = "") -> Transition:
    return Transition(state, epoch, AT + timedelta(seconds=seconds), None, note)


def lose_answer(store: MemoryStore, error: type[StoreError]) -> None:
    """Let the next write take effect, and fail all the same."""

    def lose(operation: str, key: str, done: bool) -> None:
        if operation == "create" and done:
            store.fault = lambda operation, key, done: None
            raise error("no answer")

    store.fault = lose


# --- claims ---------------------------------------------------------------------------------------


def test_a_run_belongs_to_whoever_claimed_it_first(ledger: RunLedger, store: MemoryStore) -> None:
    assert ledger.known_claim() is None
    assert ledger.claim(CLAIM) == CLAIM
    later = replace(CLAIM, claimed_at=AT + timedelta(minutes=5), service="another")
    assert ledger.claim(later) == CLAIM
    assert ledger.known_claim() == CLAIM
    assert store.writes == [f"accounts/{ACCOUNT}/runs/{KEY.run_id}/claim"]


@pytest.mark.parametrize(
    "other",
    [{"profile": "other"}, {"config": {"share": "0.6", "symbols": ["AAA"]}}, {"config": {}}, {"as_of": DEC1}],
    ids=["profile", "config", "no config", "session"],
)
def test_a_claim_for_something_else_is_refused_and_changes_nothing(ledger: RunLedger, other: dict[str, Any]) -> None:
    ledger.claim(CLAIM)
    with pytest.raises(Refused, match=r"was started for scripted .* on 2023-11-30; asked was .*use another account"):
        ledger.claim(replace(CLAIM, **other))
    assert ledger.known_claim() == CLAIM


def test_a_claim_whose_answer_was_lost_is_ones_own(ledger: RunLedger, store: MemoryStore) -> None:
    lose_answer(store, Conflict)
    assert ledger.claim(CLAIM) == CLAIM


# --- plans and revisions --------------------------------------------------------------------------


def test_a_plan_is_one_object_and_comes_back_as_it_was(ledger: RunLedger, store: MemoryStore) -> None:
    assert ledger.plan() is None
    committed = plan(BUY, SELL)
    assert ledger.commit_plan(committed) == committed
    assert store.writes == [f"accounts/{ACCOUNT}/runs/{KEY.run_id}/plan"]
    assert ledger.plan() == committed


def test_the_first_plan_counts_whoever_comes_later(ledger: RunLedger, store: MemoryStore) -> None:
    first = ledger.commit_plan(plan(BUY))
    assert ledger.commit_plan(plan(BUY, SELL, price="99")) == first
    assert ledger.plan() == first
    assert len(store.writes) == 1


def test_the_buys_of_a_run_are_revised_once(ledger: RunLedger, store: MemoryStore) -> None:
    assert ledger.revision() is None
    first = BuyRevision({BUY.client_order_id: Decimal("3.5"), "q2": Decimal(0)})
    assert ledger.commit_revision(first) == first
    assert ledger.commit_revision(BuyRevision({BUY.client_order_id: Decimal(9)})) == first
    assert ledger.revision() == first
    assert len(store.writes) == 1


@pytest.mark.parametrize("name", ["plan", "revision"])
def test_what_was_written_without_an_answer_is_what_counts(ledger: RunLedger, store: MemoryStore, name: str) -> None:
    """A conflict with one's own content is success; a store that gave up is asked again by the next worker."""
    mine: Any = plan(BUY) if name == "plan" else BuyRevision({BUY.client_order_id: Decimal(3)})
    other: Any = plan(SELL) if name == "plan" else BuyRevision({BUY.client_order_id: Decimal(4)})
    commit: Any = ledger.commit_plan if name == "plan" else ledger.commit_revision
    lose_answer(store, Conflict)
    assert commit(mine) == mine
    lose_answer(store, StoreError)
    assert commit(other) == mine, "nothing was written: it was there"
    store.fault = lambda operation, key, done: None
    assert (ledger.plan() if name == "plan" else ledger.revision()) == mine


def test_a_plan_written_by_a_store_that_then_failed_is_found_by_the_next_worker(
    ledger: RunLedger, store: MemoryStore
) -> None:
    lose_answer(store, StoreError)
    with pytest.raises(StoreError):
        ledger.commit_plan(plan(BUY))
    assert ledger.commit_plan(plan(SELL)) == plan(BUY)


def test_of_twenty_plans_at_once_one_is_kept_and_all_are_told_which(ledger: RunLedger) -> None:
    start = Barrier(20)

    def commit(number: int) -> RunPlan:
        start.wait()
        return ledger.commit_plan(plan(BUY, price=str(100 + number)))

    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(commit, range(20)))
    assert told == [ledger.plan()] * 20


# --- steps of an order ----------------------------------------------------------------------------


def test_every_step_of_an_order_is_an_object_of_its_own(ledger: RunLedger, store: MemoryStore) -> None:
    fill = Fill(BUY.client_order_id, "AAA", Side.BUY, Decimal(7), Decimal("100.02"), Decimal("0.07"), AT, "x1")
    filled = replace(step(S.FILLED, 2, 3), execution=ExecutionReport(BUY, S.FILLED, (fill,), "done"))
    record = OrderRecord(BUY)
    for transition in (step(S.SENT), filled):
        record = ledger.record(record, transition)
    root = f"accounts/{ACCOUNT}/runs/{KEY.run_id}/orders/{BUY.client_order_id}"
    assert store.writes == [f"{root}.001", f"{root}.002"]
    assert record.transitions == (step(S.SENT), filled)
    assert ledger.orders([BUY, SELL]) == {BUY.client_order_id: record, SELL.client_order_id: OrderRecord(SELL)}
    assert ledger.steps.reread(OrderRecord(BUY)) == record


def test_steps_come_back_in_order_when_there_are_many(ledger: RunLedger) -> None:
    record = ledger.record(OrderRecord(BUY), step(S.SENT))
    for number in range(1, 130):
        record = ledger.record(record, step(S.SENT, seconds=number))
    (known,) = ledger.orders([BUY]).values()
    assert known == record
    assert [t.at for t in known.transitions] == [AT + timedelta(seconds=n) for n in range(130)]


def test_reading_again_keeps_the_quantity_of_a_revision(ledger: RunLedger) -> None:
    revised = OrderRecord(replace(BUY, quantity=Decimal(3)))
    ledger.record(revised, step(S.SENT))
    assert ledger.steps.reread(revised).order.quantity == 3


def test_a_step_that_another_worker_recorded_stops_the_one_that_comes_later(
    ledger: RunLedger, store: MemoryStore
) -> None:
    record = OrderRecord(BUY)
    ledger.record(record, step(S.SENT, epoch=2))
    with pytest.raises(LeaseLost, match=f"another worker recorded step 1 of {BUY.client_order_id}"):
        ledger.record(record, step(S.SENT, epoch=1))
    assert ledger.steps.reread(record).transitions == (step(S.SENT, epoch=2),)
    assert len(store.writes) == 1


def test_a_step_that_turns_out_to_be_ones_own_counts(ledger: RunLedger, store: MemoryStore) -> None:
    lose_answer(store, Conflict)
    record = ledger.record(OrderRecord(BUY), step(S.SENT))
    assert record.transitions == (step(S.SENT),)
    assert ledger.record(OrderRecord(BUY), step(S.SENT)) == record
    assert len(store.writes) == 1


def test_a_conflict_that_cannot_be_read_back_is_no_success(ledger: RunLedger, store: MemoryStore) -> None:
    ledger.record(OrderRecord(BUY), step(S.SENT))

    def deaf(operation: str, key: str, done: bool) -> None:
        if operation == "get":
            raise StoreError("the store is down")

    store.fault = deaf
    with pytest.raises(StoreError):
        ledger.record(OrderRecord(BUY), step(S.SENT))


def test_a_step_written_by_a_store_that_then_failed_is_found_by_the_next_worker(
    ledger: RunLedger, store: MemoryStore
) -> None:
    lose_answer(store, StoreError)
    with pytest.raises(StoreError):
        ledger.record(OrderRecord(BUY), step(S.SENT))
    assert ledger.steps.reread(OrderRecord(BUY)).state is S.SENT


def test_of_twenty_that_record_a_step_at_once_one_goes_on(ledger: RunLedger) -> None:
    start = Barrier(20)

    def record(number: int) -> int | None:
        start.wait()
        try:
            ledger.record(OrderRecord(BUY), step(S.SENT, epoch=number))
        except LeaseLost:
            return None
        return number

    with ThreadPoolExecutor(20) as pool:
        winners = [number for number in pool.map(record, range(1, 21)) if number is not None]
    assert [t.epoch for t in ledger.steps.reread(OrderRecord(BUY)).transitions] == winners
    assert len(winners) == 1


TERMINAL = ("FILLED", "CANCELLED", "REJECTED", "EXPIRED")
MAY_FOLLOW = {
    "RECORDED": {"SENT", "CANCELLED", "UNKNOWN"},
    "SENT": {"SENT", "UNKNOWN", "ACKNOWLEDGED", "PARTIALLY_FILLED", *TERMINAL},
    "UNKNOWN": {"SENT", "ACKNOWLEDGED", "PARTIALLY_FILLED", *TERMINAL},
    "ACKNOWLEDGED": {"UNKNOWN", "ACKNOWLEDGED", "PARTIALLY_FILLED", *TERMINAL},
    "PARTIALLY_FILLED": {"UNKNOWN", "PARTIALLY_FILLED", *TERMINAL},
    **{state: set[str]() for state in TERMINAL},
}
WAYS = {
    "RECORDED": [],
    "SENT": ["SENT"],
    "UNKNOWN": ["SENT", "UNKNOWN"],
    "ACKNOWLEDGED": ["SENT", "ACKNOWLEDGED"],
    "PARTIALLY_FILLED": ["SENT", "PARTIALLY_FILLED"],
    **{state: ["SENT", state] for state in TERMINAL},
}


@pytest.mark.parametrize("after", [state.value for state in S])
@pytest.mark.parametrize("before", [state.value for state in S])
def test_an_order_takes_the_steps_of_the_execution_model_and_no_others(
    ledger: RunLedger, store: MemoryStore, before: str, after: str
) -> None:
    record = OrderRecord(BUY)
    for number, state in enumerate(WAYS[before]):
        record = ledger.record(record, step(S(state), seconds=number))
    written = len(store.writes)
    if after in MAY_FOLLOW[before]:
        assert ledger.record(record, step(S(after), seconds=9)).state is S(after)
        assert len(store.writes) == written + 1
    else:
        with pytest.raises(Refused, match=f"order {BUY.client_order_id} is {before}; it cannot become {after}"):
            ledger.record(record, step(S(after), seconds=9))
        assert len(store.writes) == written


# --- decisions ------------------------------------------------------------------------------------


def decided(as_of: date, action: Action = Action.REBALANCE, target: str = "6000", run: str = "run-1") -> Any:
    intent = AllocationIntent(TargetMode.VALUE, {"AAA": Decimal(target), "BBB": Decimal(0)}, buy_only=True)
    decision = StrategyDecision(
        "scripted", as_of, action, intent if action is Action.REBALANCE else None, ("why",), {"score": 0.25}
    )
    return RecordedDecision(decision, "d" * 64, run, Decimal("10000.01"), {"AAA": Decimal("12.5")})


@pytest.fixture
def decisions(store: MemoryStore) -> DecisionLedger:
    return DecisionLedger(store, ACCOUNT, "scripted", Mode.PAPER)


def test_a_decision_is_recorded_once_and_comes_back_as_it_was(decisions: DecisionLedger, store: MemoryStore) -> None:
    first = decided(NOV30)
    assert decisions.record(first) == first
    assert decisions.record(decided(NOV30, target="1", run="run-2")) == first
    assert decisions.read(NOV30, Action.REBALANCE) == first
    assert store.writes == [f"accounts/{ACCOUNT}/decisions/scripted/paper/2023-11-30/REBALANCE"]


def test_a_decision_whose_answer_was_lost_is_ones_own(decisions: DecisionLedger, store: MemoryStore) -> None:
    lose_answer(store, Conflict)
    assert decisions.record(decided(NOV30)) == decided(NOV30)


def test_the_history_is_by_session_and_knows_what_was_executed(decisions: DecisionLedger) -> None:
    assert decisions.history() == []
    decisions.record(decided(DEC1, Action.HOLD))
    decisions.record(decided(NOV30))
    decisions.record(decided(DEC4))
    decisions.mark_executed(NOV30, "run-1")
    assert decisions.history() == [
        Evaluated(NOV30, Action.REBALANCE, executed=True),
        Evaluated(DEC1, Action.HOLD),
        Evaluated(DEC4, Action.REBALANCE),
    ]


def test_that_a_decision_was_executed_is_recorded_once(decisions: DecisionLedger, store: MemoryStore) -> None:
    decisions.record(decided(NOV30))
    decisions.mark_executed(NOV30, "run-1")
    decisions.mark_executed(NOV30, "run-2")
    assert store.writes.count(f"accounts/{ACCOUNT}/decisions/scripted/paper/2023-11-30/executed") == 1


def test_what_runs_spent_adds_up_and_each_run_counts_once(decisions: DecisionLedger) -> None:
    for session in (NOV30, DEC1):
        decisions.record(decided(session))
    assert decisions.spent(NOV30) == {}
    decisions.record_spent(NOV30, "run-1", {"AAA": Decimal("100.10"), "BBB": Decimal(5)})
    decisions.record_spent(NOV30, "run-1", {"AAA": Decimal("100.10"), "BBB": Decimal(5)})
    decisions.record_spent(NOV30, "run-2", {"AAA": Decimal("0.90")})
    decisions.record_spent(DEC1, "run-3", {"AAA": Decimal(999)})
    assert decisions.spent(NOV30) == {"AAA": Decimal("101.00"), "BBB": Decimal(5)}
    assert decisions.history()[0] == Evaluated(NOV30, Action.REBALANCE)


def test_profiles_modes_and_accounts_have_decisions_of_their_own(store: MemoryStore) -> None:
    DecisionLedger(store, ACCOUNT, "scripted", Mode.PAPER).record(decided(NOV30))
    for other in (
        DecisionLedger(store, ACCOUNT, "scripted", Mode.DRY_RUN),
        DecisionLedger(store, ACCOUNT, "script", Mode.PAPER),
        DecisionLedger(store, ACCOUNT, "scripted2", Mode.PAPER),
        DecisionLedger(store, "DUSBX0011", "scripted", Mode.PAPER),
        DecisionLedger(store, "DUSBX00", "scripted", Mode.PAPER),
    ):
        assert other.history() == []


def test_a_decision_that_is_gone_is_damage_and_says_what_to_do(decisions: DecisionLedger) -> None:
    with pytest.raises(Damaged, match=r"object accounts/.*/2023-11-30/REBALANCE is missing; restore it from a backup"):
        decisions.read(NOV30, Action.REBALANCE)


def test_what_a_decision_left_without_the_decision_is_damage(decisions: DecisionLedger) -> None:
    decisions.mark_executed(NOV30, "run-1")
    with pytest.raises(Damaged, match="2023-11-30 has executed and no decision"):
        decisions.history()


# --- over whole runs ------------------------------------------------------------------------------


def test_over_many_runs_only_the_lease_is_ever_rewritten() -> None:
    sessions = [date(2023, 11, 27 + n) for n in range(4)] + [DEC1]
    world = World(
        prices(sessions[0], AAA=[100.0, 101, 102, 103, 104], BBB=[50.0] * 5),
        following({day: {"AAA": 0.2 * n, "BBB": 1 - 0.2 * n} for n, day in enumerate(sessions)}),
    )
    for session in sessions[1:]:
        assert world.run(session).orders
    rewritten = {key for key, stored in world.store.objects.items() if stored.generation > 1}
    assert rewritten == {f"accounts/{ACCOUNT}/lease"}
    assert {stored.generation for stored in world.report_store.objects.values()} == {1}
