"""What must hold after every step, judged by the venue's book and by what was written, never by the code under test.

Objects are read as plain JSON here: a type of the platform that reads them wrongly does not hide it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.domain.silence import AfterSilence
from quant_platform_kit.testing.simulation.parts import Process, Surroundings
from quant_platform_kit.testing.simulation.strategy import weights
from quant_platform_kit.testing.simulation.venue_order import VenueOrder

__all__ = ["INVARIANTS", "Broken", "Judge"]

ZERO, CENT = Decimal(0), Decimal("0.01")
CARRY_SESSIONS = 3

INVARIANTS: Mapping[str, str] = {
    "fills-exceed-intent": "the units filled under an order's id are never more than were recorded",
    "sold-not-held": "nothing is sold that is not held",
    "cash-below-zero": "cash is never below zero",
    "sent-without-intent": "every order that arrives is in a plan, as revised, and was recorded as sent",
    "sent-without-decision": "the decision that an order executes is recorded before it arrives",
    "sent-after-halt": "no order arrives that was recorded as sent after a halt, and at most one from before",
    "sent-by-old-epoch": "no order leaves a worker whose lease another has, or comes over a login that another ended",
    "planned-twice": "a decision that was executed, or whose orders are all filled, is never planned again",
    "planned-over-live-order": "no plan is made while an order of the platform is on its way or works",
    "decision-skipped": "a run that ends well decided its session and month ends before, and planned what is due",
    "decided-otherwise": "a session is decided on what was drawn for it, whenever it is decided",
    "planned-superseded": "no plan is made for a decision that a newer one supersedes",
    "traded-over-foreign-order": "nothing is sent while another one's order works, unless that was accepted",
    "executed-not-filled": "a decision is called executed only when every order of its run is filled",
    "report-differs": "what a report says was filled is what the venue filled, also later",
    "blocked-without-cause": "a run is blocked, or an order UNKNOWN, only where something befell it",
    "not-reported": "every run that was due ends with a report, and no run stays open",
    "false-damage": "no damage is reported where none was done",
    "defect": "nobody meets an error that is not one of the platform's, or refuses what is right",
    "watchdog-silent": "the watchdog names every UNKNOWN order, and every halt that is too old",
}
"""Every invariant, in words."""


_OF_THE_VENUE = (
    "fills-exceed-intent",
    "sold-not-held",
    "cash-below-zero",
    "sent-without-intent",
    "sent-without-decision",
    "sent-after-halt",
    "sent-by-old-epoch",
)
"""What holds also when the store has lost an object: then runs are blocked, and nothing is sent twice."""


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant, self.what = invariant, what


@dataclass(slots=True)
class _Planned:
    """An order as a plan has it, cut to its run's revision."""

    run_id: str
    symbol: str
    side: str
    quantity: Decimal
    executes: str | None
    steps: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


class Judge:
    """Watches the store's writes and the venue's book.

    Attributes
    ----------
    broken
        The first invariant that did not hold, None while all do.
    tick
        Counts the writes: what is written at one instant has an order all the same.
    """

    def __init__(self, world: Surroundings) -> None:
        self._world = world
        self.broken: Broken | None = None
        self._orders: dict[str, _Planned] = {}
        self._plans: dict[str, tuple[str | None, list[str]]] = {}
        self._decisions: dict[str, str] = {}
        self._executed: dict[str, str] = {}
        self._reports: dict[str, dict[str, Any]] = {}
        self._accepted: set[str] = set()
        self._halted_at: dict[str, int] = {}
        self._late_plans: set[str] = set()
        self._escaped = 0
        self._epoch = self._working_epoch = 0
        self._taken: dict[int, int] = {}
        self.open_run: str | None = None
        self.last_run: str | None = None
        self.epochs: dict[str, int] = {}
        self.tick = 0

    def fail(self, invariant: str, what: str) -> None:
        """Note the first invariant that does not hold."""
        assert invariant in INVARIANTS, invariant
        if self._world.damaged and invariant not in _OF_THE_VENUE:
            return
        if self.broken is None:
            self.broken = Broken(invariant, what)
            self._world.trace(f"BROKEN {invariant}: {what}")

    @property
    def halted(self) -> bool:
        """Whether a halt of the account or of all is on."""
        return bool(self._halted_at)

    @property
    def reported(self) -> Mapping[str, dict[str, Any]]:
        """Reports by run id."""
        return self._reports

    # --- what is written -------------------------------------------------------------------------

    def wrote(self, actor: Process, key: str, data: bytes) -> None:
        """Take note of an object that was written."""
        self.tick += 1
        parts = key.split("/")
        if parts[0] == "accounts" and parts[2] == "runs":
            self._wrote_run(actor, parts[3], parts[4:], data)
        elif parts[0] == "accounts" and parts[2] == "decisions":
            self._wrote_decision(parts[5], parts[6], data)
        elif parts[0] == "accounts" and parts[2] == "lease":
            self._wrote_lease(actor, json.loads(data))
        elif parts[0] == "runs":
            self._wrote_report(json.loads(data)["report"])
        elif parts[0] == "halts":
            self._wrote_halt(parts[1], json.loads(data)["on"])
        elif parts[0] == "accepted":
            self._accepted.add(parts[1])

    def _wrote_run(self, actor: Process, run_id: str, name: list[str], data: bytes) -> None:
        if name[0] == "plan":
            self._wrote_plan(run_id, json.loads(data), is_holder=actor.epoch == self._epoch)
        elif name[0] == "revision":
            for identity, quantity in json.loads(data)["quantities"].items():
                self._orders[identity].quantity = Decimal(quantity)
        elif name[0] == "orders":
            step, identity = json.loads(data), name[1].split(".")[0]
            if identity in self._orders:
                self._orders[identity].steps.append((step["state"], self.tick))

    def _wrote_plan(self, run_id: str, plan: dict[str, Any], *, is_holder: bool) -> None:
        """Take note of a plan; one of a worker that had lost the account is judged when something of it is sent."""
        executes = plan["executes"]
        orders = [line["order"] for line in plan["plan"]["lines"] if line["order"]]
        if is_holder:
            self._check_plan(run_id, executes)
        else:
            self._late_plans.add(run_id)
        self._plans[run_id] = (executes, [order["client_order_id"] for order in orders])
        for order in orders:
            planned = _Planned(run_id, order["symbol"], order["side"], Decimal(order["quantity"]), executes)
            self._orders[order["client_order_id"]] = planned

    def _check_plan(self, run_id: str, executes: str | None) -> None:
        """Hold a plan to what is live and what is due."""
        if live := self._world.venue.working(foreign=False):
            self.fail("planned-over-live-order", f"{run_id} was planned while {live[0].asked.client_order_id} is live")
        if executes is not None:
            self._check_due(run_id, executes)

    def _check_due(self, run_id: str, executes: str) -> None:
        """Hold a plan to the carry rule."""
        if executes in self._executed:
            self.fail("planned-twice", f"{run_id} plans {executes}, executed by {self._executed[executes]}")
        for other, (decision, identities) in self._plans.items():
            if (
                other != run_id
                and decision == executes
                and identities
                and all(self._is_filled(one) for one in identities)
            ):
                self.fail("planned-twice", f"{run_id} plans {executes}, whose orders {other} had filled")
        supersedes = ("REBALANCE",) if self._world.scenario.monthly else ("REBALANCE", "HOLD")
        newer = [day for day, action in self._decisions.items() if day > executes and action in supersedes]
        if newer:
            self.fail("planned-superseded", f"{run_id} plans {executes}; decided since: {max(newer)}")

    def _wrote_decision(self, as_of: str, name: str, data: bytes) -> None:
        if name in ("REBALANCE", "HOLD"):
            self._decisions[as_of] = name
            if name == "REBALANCE":
                self._check_targets(as_of, json.loads(data)["decision"]["intent"]["targets"])
        elif name == "executed":
            run_id = json.loads(data)["run_id"]
            self._executed[as_of] = run_id
            for identity in self._plans.get(run_id, (None, []))[1]:
                if not self._is_filled(identity):
                    self.fail("executed-not-filled", f"{as_of} by {run_id}: {identity} is not filled")

    def _check_targets(self, as_of: str, targets: Mapping[str, str]) -> None:
        """Hold a decision to what was drawn for its own session."""
        drawn = weights(self._world.scenario.seed, date.fromisoformat(as_of))
        if any(abs(Decimal(targets.get(symbol, "0")) - Decimal(weight)) > CENT**4 for symbol, weight in drawn.items()):
            self.fail("decided-otherwise", f"{as_of}: {targets}")

    def _wrote_lease(self, actor: Process, lease: dict[str, Any]) -> None:
        self._epoch = actor.epoch = lease["epoch"]
        self._taken.setdefault(self._epoch, self.tick)
        self.epochs[actor.name] = self._epoch
        self.open_run, self.last_run = lease["open_run"], lease["last_run"]

    def _wrote_halt(self, scope: str, on: bool) -> None:
        if on:
            self._halted_at.setdefault(scope, self.tick)
            self._escaped = 0
        else:
            self._halted_at.pop(scope, None)

    def _newest_epoch(self, sent: int) -> int:
        """Return the epoch that an order that left at a tick has to be of.

        A login ends what is on its way over an older one. Where there are no connections, an order that left in time
        travels on while its worker gives the lease back: the next one waits for it.
        """
        if self._world.traits.connections:
            return self._working_epoch
        return max((epoch for epoch, taken in self._taken.items() if taken <= sent), default=0)

    # --- what arrives ----------------------------------------------------------------------------

    def logged_in(self, actor: Process) -> None:
        """Take note of a login: from here on older epochs are over."""
        self._working_epoch = max(self._working_epoch, actor.epoch)

    def received(self, actor: Process, order: Order, sent: int) -> None:
        """Judge an order that arrived at the venue; ``sent`` is the tick at which it left."""
        identity = order.client_order_id
        planned = self._orders.get(identity)
        if planned is None:
            self.fail("sent-without-intent", f"{identity} is in no plan")
            return
        intended = (planned.symbol, planned.side, planned.quantity)
        if (order.symbol, order.side.value, order.quantity) != intended:
            self.fail("sent-without-intent", f"{identity} is {order.quantity}, recorded is {planned.quantity}")
        if planned.run_id in self._late_plans:
            self._late_plans.discard(planned.run_id)
            self._check_plan(planned.run_id, planned.executes)
        recorded = [at for state, at in planned.steps if state == "SENT" and at <= sent]
        if not recorded:
            self.fail("sent-without-intent", f"{identity} was not recorded as sent")
            return
        if planned.executes is not None and planned.executes not in self._decisions:
            self.fail("sent-without-decision", f"{identity} executes {planned.executes}")
        self._check_halt(identity, recorded[-1], sent)
        if self.epochs.get(actor.name, 0) < self._newest_epoch(sent):
            self.fail("sent-by-old-epoch", f"{identity} by {actor.name}")
        foreign = [
            o for o in self._world.venue.working(foreign=True) if o.sent_at < self._world.claimed(planned.run_id)
        ]
        if foreign and not self._accepted:
            self.fail("traded-over-foreign-order", f"{identity}, while {foreign[0].asked.client_order_id} works")

    def _check_halt(self, identity: str, recorded: int, sent: int) -> None:
        halts = [at for at in self._halted_at.values() if at <= sent]
        if not halts:
            return
        if recorded > min(halts):
            self.fail("sent-after-halt", f"{identity} was recorded as sent after the halt")
        self._escaped += 1
        if self._escaped > 1:
            self.fail("sent-after-halt", f"{identity} is the second that escaped the halt")

    def filled(self, order: VenueOrder) -> None:
        """Judge the book after a fill."""
        identity, venue = order.asked.client_order_id, self._world.venue
        planned = self._orders.get(identity)
        if planned is not None and venue.filled(identity) > planned.quantity:
            self.fail("fills-exceed-intent", f"{identity}: {venue.filled(identity)} of {planned.quantity}")
        if venue.units.get(order.asked.symbol, ZERO) < 0:
            self.fail("sold-not-held", f"{venue.units[order.asked.symbol]} {order.asked.symbol}")
        if venue.cash < -CENT and order.asked.side is Side.BUY:
            self.fail("cash-below-zero", f"{venue.cash:.2f} after {identity}")
        if planned is not None and planned.run_id in self._reports:
            self._check_reported(self._reports[planned.run_id])

    # --- what is reported ------------------------------------------------------------------------

    def _wrote_report(self, report: dict[str, Any]) -> None:
        self._reports[report["run_id"]] = report
        self._check_reported(report)
        reasons = " ".join(report["reasons"])
        self.check_words(reasons)
        if report["outcome"] in ("completed", "incomplete", "no_action"):
            self._check_decided(report)
        unknown = [order for order in report["orders"] if order["state"] == "UNKNOWN"]
        proven = self._world.traits.traits.after_silence is AfterSilence.RESEND
        if unknown and (proven or "send" not in self._world.causes):
            self.fail("blocked-without-cause", f"{unknown[0]['client_order_id']} is UNKNOWN: {unknown[0]['text']}")
        if report["outcome"] == "blocked" and not (reasons and self._world.causes):
            self.fail("blocked-without-cause", f"{report['run_id']}: {reasons}")

    def _check_decided(self, report: dict[str, Any]) -> None:
        """Hold a run that ended well to the carry rule: what is due is executed, and no session is passed over."""
        sessions = [session.isoformat() for session in self._world.sessions]
        past = sessions[: sessions.index(report["as_of"]) + 1]
        if report["as_of"] not in self._decisions and report["action"] != "BLOCKED":
            self.fail("decision-skipped", f"{report['run_id']} did not decide {report['as_of']}")
        young, monthly = past[-CARRY_SESSIONS - 1 :], self._world.scenario.monthly
        first = min(self._decisions, default="9")
        for day, after in pairwise(young):
            if monthly and day > first and day[:7] != after[:7] and day not in self._decisions:
                self.fail("decision-skipped", f"{report['run_id']} passed the month end {day} over")
        deciding = [d for d, action in self._decisions.items() if d in past and (action == "REBALANCE" or not monthly)]
        newest = max(deciding, default=None)
        if newest is None or self._decisions[newest] != "REBALANCE" or newest not in young:
            return
        if newest not in self._executed and report["executes"] != newest:
            self.fail("decision-skipped", f"{report['run_id']} left {newest} due and executes {report['executes']}")

    def _check_reported(self, report: dict[str, Any]) -> None:
        for order in report["orders"]:
            filled = self._world.venue.filled(order["client_order_id"])
            if order["state"] != "UNKNOWN" and Decimal(order["filled"]) != filled:
                what = f"{order['client_order_id']} {order['state']}: reported {order['filled']}, filled {filled}"
                self.fail("report-differs", what)

    def watched(self, kinds: list[str], *, store_answers: bool) -> None:
        """Judge a watchdog by the kinds of its alerts."""
        if not store_answers:
            return
        unknown = any(planned.steps and planned.steps[-1][0] == "UNKNOWN" for planned in self._orders.values())
        if unknown and self.open_run is None and "unknown order" not in kinds:
            self.fail("watchdog-silent", "an order is UNKNOWN")
        if self.halted and "halt" not in kinds:
            self.fail("watchdog-silent", "the account is halted")

    def check_words(self, words: str) -> None:
        """Judge what somebody was told: nothing is damaged in a simulation."""
        if "damaged" in words or "was changed after" in words or "restore it from" in words:
            self.fail("false-damage", words)

    def at_end(self) -> None:
        """Judge what must hold when everybody has gone home."""
        for run_id in self._world.due_runs:
            if run_id not in self._reports:
                self.fail("not-reported", run_id)
        if self.open_run is not None:
            self.fail("not-reported", f"{self.open_run} is still open")
        for identity, planned in self._orders.items():
            state = planned.steps[-1][0] if planned.steps else OrderState.RECORDED.value
            filled = self._world.venue.filled(identity)
            if filled and state in ("RECORDED", "REJECTED"):
                self.fail("report-differs", f"{identity} is {state} in the ledger, filled {filled}")

    def _is_filled(self, identity: str) -> bool:
        return self._world.venue.filled(identity) == self._orders[identity].quantity
