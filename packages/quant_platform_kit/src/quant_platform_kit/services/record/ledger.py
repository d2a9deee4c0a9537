"""The order ledger: create-only objects in a `VersionedStore`, so that nothing recorded can be unrecorded.

Below ``accounts/<account>/`` stand

- ``runs/<run_id>/claim``, ``plan``, ``revision``, ``again`` of an order test, ``session`` of a live session in place of
  claim and plan, per order and step ``orders/<client_order_id>.<n>``
  (`quant_platform_kit.services.record.order_steps`), and ``attempts/<epoch>`` for each worker that was stopped;
- ``decisions/<profile>/<mode>/<as_of>/<ACTION>``, and ``.../<as_of>/executed`` once it is;
- ``lease``, the one object that is rewritten (`quant_platform_kit.services.record.leases`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import TypeVar

from quant_platform_kit.domain.carry import Evaluated
from quant_platform_kit.domain.errors import Conflict, Damaged, Refused
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.runs import (
    Attempt,
    BuyRevision,
    OrderRecord,
    RecordedDecision,
    RunClaim,
    RunPlan,
)
from quant_platform_kit.domain.strategy import Action
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.chain import Chain, append
from quant_platform_kit.services.record.objects import decode
from quant_platform_kit.services.record.order_steps import OrderSteps

__all__ = ["DecisionLedger", "RunLedger", "first_claim", "refuse_another"]

_T = TypeVar("_T")
_EXECUTED, _SPENT = "executed", "spent-"


def refuse_another(known: RunClaim, asked: RunClaim) -> None:
    """Raise `Refused` unless a run that is known was started for the same profile, configuration and session."""
    if (known.profile, known.config, known.as_of) != (asked.profile, asked.config, asked.as_of):
        raise Refused(
            f"run {known.key.run_id} was started for {known.profile} {dict(known.config)} on {known.as_of}; asked was "
            f"{asked.profile} {dict(asked.config)} on {asked.as_of}: use another account or slot"
        )


def first_claim(store: VersionedStore, account_id: str) -> RunClaim | None:
    """Return the claim of an account's first run, None before it; every object of its runs is listed for it."""
    root = f"accounts/{account_id}/runs/"
    runs = sorted({key.removeprefix(root).partition("/")[0] for key in store.keys(root)})
    for session in sorted({run_id[:10] for run_id in runs}):
        known = (RunLedger(store, account_id, run).known_claim() for run in runs if run.startswith(session))
        if claims := [claim for claim in known if claim]:
            return min(claims, key=lambda claim: claim.claimed_at)
    return None


class RunLedger:
    """What the store knows of one run.

    Attributes
    ----------
    steps
        Of its orders.
    record
        Records the next step of one: `OrderSteps.record` itself.
    """

    def __init__(self, store: VersionedStore, account_id: str, run_id: str, chain: Chain | None = None) -> None:
        self._store, self._chain = store, chain
        self.run_id = run_id
        self._root = f"accounts/{account_id}/runs/{run_id}"
        self.steps = OrderSteps(store, f"{self._root}/orders", chain)
        self.record = self.steps.record

    def claim(self, claim: RunClaim) -> RunClaim:
        """Record who the run belongs to; return what was recorded first.

        Raises
        ------
        Refused
            The key belongs to a run of another profile, configuration or session.
        """
        known = self._once("claim", claim, RunClaim)
        refuse_another(known, claim)
        return known

    def known_claim(self) -> RunClaim | None:
        """Return the recorded claim, if there is one."""
        return self._find("claim", RunClaim)

    @property
    def is_session(self) -> bool:
        """Whether the run is a live session: it has terms in place of claim and plan."""
        return self._store.get(f"{self._root}/session") is not None

    def record_attempt(self, attempt: Attempt, epoch: int) -> None:
        """Record that the worker of a lease epoch was stopped, unless it is recorded."""
        with suppress(Conflict):
            append(self._store, self._chain, f"{self._root}/attempts/{epoch:06}", attempt)

    def require_whole(self, claim: RunClaim | None, plan: RunPlan | None) -> None:
        """Make sure that what makes sense of a run's objects is there.

        Raises
        ------
        Damaged
            Orders have steps without a plan, or a plan is there without its claim.
        """
        if claim is not None and plan is not None:
            return
        names = (key.removeprefix(f"{self._root}/") for key in self._store.keys(f"{self._root}/"))
        other = next((name for name in names if name != "claim" and not name.startswith("attempts/")), None)
        if other is not None:
            lost = "claim" if claim is None else "plan"
            raise Damaged(f"object {self._root}/{lost} is missing, and {other} is there")

    def attempts(self) -> tuple[Attempt, ...]:
        """Return the recorded attempts, oldest first."""
        found = {key: self._store.get(key) for key in self._store.keys(f"{self._root}/attempts/")}
        return tuple(decode(Attempt, stored.data, key) for key, stored in found.items() if stored)

    def commit_plan(self, plan: RunPlan) -> RunPlan:
        """Record the plan, or return the one recorded before."""
        return self._once("plan", plan, RunPlan)

    def plan(self) -> RunPlan | None:
        """Return the recorded plan, if there is one."""
        return self._find("plan", RunPlan)

    def commit_revision(self, revision: BuyRevision) -> BuyRevision:
        """Record the revision of the buys, or return the one recorded before."""
        return self._once("revision", revision, BuyRevision)

    def revision(self) -> BuyRevision | None:
        """Return the recorded revision, if there is one."""
        return self._find("revision", BuyRevision)

    def record_again(self, order: Order) -> None:
        """Record that an order test is about to send an order's reference a second time."""
        append(self._store, self._chain, f"{self._root}/again", {"client_order_id": order.client_order_id})

    def orders(self, orders: Sequence[Order]) -> dict[str, OrderRecord]:
        """Return every order of a plan with its recorded steps, by client order id."""
        steps = self.steps.of_each(order.client_order_id for order in orders)
        return {order.client_order_id: OrderRecord(order, steps[order.client_order_id]) for order in orders}

    def _once(self, name: str, value: _T, kind: type[_T]) -> _T:
        try:
            append(self._store, self._chain, f"{self._root}/{name}", value)
        except Conflict:
            known = self._find(name, kind)
            assert known is not None, f"{name} exists and is never deleted"
            return known
        return value

    def _find(self, name: str, kind: type[_T]) -> _T | None:
        stored = self._store.get(f"{self._root}/{name}")
        return None if stored is None else decode(kind, stored.data, f"{self._root}/{name}")


class DecisionLedger:
    """The decisions of one profile on one account in one mode, continued by later runs."""

    def __init__(
        self, store: VersionedStore, account_id: str, profile: str, mode: Mode, chain: Chain | None = None
    ) -> None:
        self._store, self._chain = store, chain
        self._root = f"accounts/{account_id}/decisions/{profile}/{mode.value}"

    def history(self) -> list[Evaluated]:
        """Return every recorded decision, by ascending session."""
        entries: dict[date, set[str]] = {}
        for key in self._store.keys(f"{self._root}/"):
            as_of, entry = key.rsplit("/", 2)[1:]
            try:
                session = date.fromisoformat(as_of)
            except ValueError:
                raise Damaged(f"object {key} is none of a decision's", "move it out of the store") from None
            entries.setdefault(session, set()).add(entry)
        return [
            Evaluated(as_of, self._action(as_of, names), _EXECUTED in names) for as_of, names in sorted(entries.items())
        ]

    def record(self, decision: RecordedDecision) -> RecordedDecision:
        """Record a REBALANCE or HOLD, or return the one recorded before."""
        key = self._key(decision.decision.as_of, decision.decision.action)
        try:
            append(self._store, self._chain, key, decision)
        except Conflict:
            return self.read(decision.decision.as_of, decision.decision.action)
        return decision

    def read(self, as_of: date, action: Action) -> RecordedDecision:
        """Return a decision that `history` names."""
        stored = self._store.get(self._key(as_of, action))
        if stored is None:
            raise Damaged(f"object {self._key(as_of, action)} is missing")
        return decode(RecordedDecision, stored.data, self._key(as_of, action))

    def record_spent(self, as_of: date, run_id: str, amounts: Mapping[str, Decimal]) -> None:
        """Record what a run bought for the decision of a session: symbol -> amount."""
        try:
            append(self._store, self._chain, f"{self._root}/{as_of}/{_SPENT}{run_id}", amounts)
        except Conflict:
            return

    def spent(self, as_of: date) -> dict[str, Decimal]:
        """Return what runs have bought for the decision of a session so far: symbol -> amount."""
        total: dict[str, Decimal] = {}
        for key in self._store.keys(f"{self._root}/{as_of}/{_SPENT}"):
            stored = self._store.get(key)
            for symbol, amount in decode(dict[str, Decimal], stored.data, key).items() if stored else ():
                total[symbol] = total.get(symbol, Decimal(0)) + amount
        return total

    def spenders(self, as_of: date) -> frozenset[str]:
        """Return the runs that bought something for the decision of a session without executing it."""
        prefix = f"{self._root}/{as_of}/{_SPENT}"
        return frozenset(key.removeprefix(prefix) for key in self._store.keys(prefix))

    def mark_executed(self, as_of: date, run_id: str) -> None:
        """Record that the decision of a session was executed; it is never planned again."""
        try:
            append(self._store, self._chain, f"{self._root}/{as_of}/{_EXECUTED}", {"run_id": run_id})
        except Conflict:
            return

    def _action(self, as_of: date, names: Collection[str]) -> Action:
        found = next((action for action in (Action.REBALANCE, Action.HOLD) if action.value in names), None)
        if found is None:
            raise Damaged(f"{self._root}/{as_of} has {', '.join(sorted(names))} and no decision")
        return found

    def _key(self, as_of: date, action: Action) -> str:
        return f"{self._root}/{as_of}/{action.value}"
