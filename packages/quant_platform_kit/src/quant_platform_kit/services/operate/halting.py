"""Halting a scope and lifting its halt, and the one order that a halt may come too late for."""

from __future__ import annotations

from dataclasses import dataclass

from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import AUDIT, Operator
from quant_platform_kit.services.operate.switches import FlagEntry, check_scope, halts
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import RunLedger
from quant_platform_kit.services.record.objects import READY
from quant_platform_kit.services.record.recorded_run import recorded_run

__all__ = ["InFlight", "Switched", "halt_new", "in_flight", "is_new", "services_of", "set_halt"]


@dataclass(frozen=True, slots=True)
class Switched:
    """Where a switch stands; ``entry`` is its newest, None when it was never set."""

    scope: str
    changed: bool
    entry: FlagEntry | None


def set_halt(operator: Operator, scope: str, reason: str, *, on: bool) -> Switched:
    """Halt a scope or lift its halt; one that stands so already is left as it is.

    Parameters
    ----------
    scope
        ``all``, ``service-<name>``, ``account-<id>``, ``release-<service>`` or ``playbook-<id>.<symbol>``.

    Raises
    ------
    InvalidInput
        The scope is none of these.
    """
    check_scope(scope)
    switches = halts(operator.store)
    standing, lost = switches.audited()
    if (scope in standing) == on and scope not in lost:
        return Switched(scope, changed=False, entry=next(reversed(switches.entries(scope)), None))
    entry = switches.command(operator, "halt" if on else "resume", scope, reason, on=on, scope=scope)
    return Switched(scope, changed=True, entry=entry)


def is_new(store: VersionedStore) -> bool:
    """Whether nothing was ever switched or recorded in a store; what an operator asked for does not count.

    A first halt that was killed between its audit and its switch leaves the store new, so that it is asked for again.
    """
    return all(key == READY or key.startswith(AUDIT) for key in store.keys(""))


def halt_new(operator: Operator, reason: str) -> Switched:
    """Halt ``all`` in a store that is new; any other is left as it is, resumed or not."""
    if not is_new(operator.store):
        return Switched("all", changed=False, entry=next(reversed(halts(operator.store).entries("all")), None))
    return set_halt(operator, "all", reason, on=True)


@dataclass(frozen=True, slots=True)
class InFlight:
    """An open run, and its order that was sent last and has no answer yet: None if there is none."""

    account_id: str
    run_id: str
    service: str | None
    order: OrderRecord | None


def services_of(store: VersionedStore, account_id: str) -> frozenset[str]:
    """Return the services that have or had the account's open and last run."""
    state = read_lease(store, account_id)
    runs = [run for run in (state.open_run, state.last_run) if run] if state else []
    claims = (RunLedger(store, account_id, run).known_claim() for run in runs)
    return frozenset(claim.service for claim in claims if claim)


def in_flight(store: VersionedStore, account_id: str) -> InFlight | None:
    """Return the run that is open on an account with the one call that a halt may come too late for."""
    state = read_lease(store, account_id)
    if state is None or state.open_run is None:
        return None
    claim = RunLedger(store, account_id, state.open_run).known_claim()
    run = recorded_run(store, account_id, state.open_run)
    sent = [record for record in run.records.values() if record.state is OrderState.SENT] if run else []
    newest = max(sent, key=lambda record: record.transitions[-1].at, default=None)
    return InFlight(account_id, state.open_run, claim.service if claim else None, newest)
