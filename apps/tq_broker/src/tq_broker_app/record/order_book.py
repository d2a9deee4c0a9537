"""The ledger of orders: plans, steps of their children, cancels.

==========================================================  ==========================================================
``futures/orders/<order_id>``                               the plan of an order of any portfolio
``accounts/<account>/futures/days/<day>/<child_id>.<nnn>``  the steps of a child, on the trading day of its plan
``accounts/<account>/futures/cancels/<order_id>``           a cancel; it never expires
``accounts/<account>/futures/opened/<day>``                 orders of that trading day were planned
``accounts/<account>/futures/settled/<day>``                every child of that trading day has come to its end
``accounts/<account>/futures/lease``                        who may send
==========================================================  ==========================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from quant_platform_kit.adapters.store_keys import is_key
from quant_platform_kit.domain.errors import Conflict, Damaged, Refused
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord, Transition
from quant_platform_kit.ports.versioned_store import Keys, VersionedStore
from quant_platform_kit.services.record.chain import append
from quant_platform_kit.services.record.objects import decode, encode
from quant_platform_kit.services.record.order_steps import OrderSteps

from tq_broker_app.trading.plans import Child, ParentPlan, Wanted, parent_of

__all__ = ["AnotherOrder", "CancelIntent", "OrderBook", "lease_key"]

_ORDERS = "futures/orders/"


class AnotherOrder(Refused):
    """An order id stands for another order already."""


@dataclass(frozen=True, slots=True)
class CancelIntent:
    """That an order is to be cancelled, whenever it may come: who asked, and when (aware UTC)."""

    request_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Day:
    """Something that was first so of a trading day at an instant (aware UTC)."""

    at: datetime


def lease_key(account_id: str) -> str:
    """Return the key of the lease under which orders of an account are sent."""
    return f"accounts/{account_id}/futures/lease"


class OrderBook:
    """The orders of one account.

    Attributes
    ----------
    opened
        Trading days that are known to have orders.
    """

    def __init__(self, store: VersionedStore, account_id: str) -> None:
        self._store = store
        self.account_id = account_id
        self._root = f"accounts/{account_id}/futures"
        self.opened: set[str] = set()

    def steps(self, trading_day: str) -> OrderSteps:
        """Return the steps of the children of a trading day, yyyymmdd."""
        return OrderSteps(self._store, f"{self._root}/days/{trading_day}")

    def record(self, plan: ParentPlan) -> ParentPlan:
        """Record a plan, or return the one recorded before for the same content.

        Raises
        ------
        AnotherOrder
            The id stands for another order, of this portfolio or of another.
        """
        if plan.children:
            self.open_day(plan)
        key = _ORDERS + plan.wanted.order_id
        try:
            append(self._store, None, key, plan)
        except Conflict:
            known = self.plan(plan.wanted.order_id)
            assert known is not None, f"{key} exists and is never deleted"
            return require_same(known, plan.wanted)
        return plan

    def with_first_step(self, plan: ParentPlan, step: Transition) -> dict[str, bytes]:
        """Return what is recorded of a plan together with the first step of its first child, by key."""
        first = self.steps(plan.trading_day).next_key(OrderRecord(plan.order(plan.children[0])), step)
        values = {_ORDERS + plan.wanted.order_id: plan, first: step}
        return {key: encode(value, key) for key, value in values.items()}

    def open_day(self, plan: ParentPlan) -> None:
        """Record once that a trading day has orders: whoever looks for them need not list all that ever were."""
        if plan.trading_day not in self.opened:
            with suppress(Conflict):
                append(self._store, None, f"{self._root}/opened/{plan.trading_day}", _Day(plan.received_at))
            self.opened.add(plan.trading_day)

    def plan(self, order_id: str) -> ParentPlan | None:
        """Return the plan of an order, None if nobody has submitted it; ids of other clients may be no keys."""
        key = _ORDERS + order_id
        stored = self._store.get(key) if is_key(key) else None
        return None if stored is None else decode(ParentPlan, stored.data, key)

    def children(self, plan: ParentPlan) -> dict[str, OrderRecord]:
        """Return the children of a plan with their steps, by id."""
        steps = self.steps(plan.trading_day)
        return {child.order_id: steps.reread(OrderRecord(plan.order(child))) for child in plan.children}

    def intend_cancel(self, order_id: str, intent: CancelIntent) -> None:
        """Record that an order is to be cancelled; the first intent counts. Durable when it returns."""
        try:
            append(self._store, None, f"{self._root}/cancels/{order_id}", intent)
        except Conflict:
            return

    def cancel_prefix(self, plan: ParentPlan) -> str:
        """Return what the keys of all cancels of an order begin with, and perhaps those of others."""
        return f"{self._root}/cancels/{plan.wanted.order_id}"

    def cancel_intended(self, plan: ParentPlan, child: Child, keys: Keys | None = None) -> bool:
        """Whether an order, or the child of it, is to be cancelled.

        Parameters
        ----------
        keys
            What has those that begin with `cancel_prefix`; the store if None.
        """
        wanted = {f"{self._root}/cancels/{order_id}" for order_id in (plan.wanted.order_id, child.order_id)}
        return not wanted.isdisjoint((keys or self._store).keys(self.cancel_prefix(plan)))

    def cancels(self) -> frozenset[str]:
        """Return the ids of all orders that were ever to be cancelled; one listing."""
        root = f"{self._root}/cancels/"
        return frozenset(key.removeprefix(root) for key in self._store.keys(root))

    def open_days(self) -> Sequence[str]:
        """Return the trading days that had orders and are not settled, ascending; two short listings."""
        opened, settled = (self._store.keys(f"{self._root}/{name}/") for name in ("opened", "settled"))
        return sorted({key.rpartition("/")[2] for key in opened} - {key.rpartition("/")[2] for key in settled})

    def sent_on(self, trading_day: str) -> Mapping[str, OrderState]:
        """Return how far the children of a trading day are that have steps, by id; a listing, and a read for each.

        One whose steps are damaged is UNKNOWN: it keeps nobody from reading those of others.
        """
        try:
            return {child_id: step.state for child_id, step in self.steps(trading_day).newest().items()}
        except Damaged:
            keys = self._store.keys(f"{self._root}/days/{trading_day}/")
            children = sorted({key.rpartition("/")[2].partition(".")[0] for key in keys})
            return {child_id: self._state_of(trading_day, child_id) for child_id in children}

    def _state_of(self, trading_day: str, child_id: str) -> OrderState:
        try:
            return self.steps(trading_day).of(child_id)[-1].state
        except Damaged:
            return OrderState.UNKNOWN

    def plan_of(self, child_id: str) -> ParentPlan:
        """Return the plan of a child that has steps; raises `Damaged` where it is lost."""
        plan = self.plan(parent_of(child_id))
        if plan is None:
            raise Damaged(f"object {_ORDERS}{parent_of(child_id)} is missing, and {child_id} has steps")
        return plan

    def settle(self, trading_day: str, at: datetime) -> None:
        """Record that every child of a trading day has come to its end: recovery passes over it from now on."""
        try:
            append(self._store, None, f"{self._root}/settled/{trading_day}", _Day(at))
        except Conflict:
            return


def require_same(known: ParentPlan, wanted: Wanted) -> ParentPlan:
    """Return a plan; raise `AnotherOrder` if it is for another content."""
    if known.wanted == wanted:
        return known
    if known.wanted.portfolio_id != wanted.portfolio_id:
        raise AnotherOrder(
            f"order_id {wanted.order_id}: portfolio {known.wanted.portfolio_id} has used it; ids are used once"
        )
    names = [
        name
        for name in ("symbol", "direction", "offset", "volume", "limit_price")
        if getattr(known.wanted, name) != getattr(wanted, name)
    ]
    raise AnotherOrder(
        f"order_id {wanted.order_id}: it was used for another order ({', '.join(names)}); ids are used once"
    )
