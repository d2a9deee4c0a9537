"""Leave to run once more, which an operator gives: ``reruns/<run_id>/<n>``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from quant_platform_kit.domain.errors import Conflict, Refused
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import RunLedger
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["Attempt", "rerun"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Leave to run once more, under a slot of its own.

    Attributes
    ----------
    key
        Of the new run.
    opened
        False when this attempt was opened before and is not used yet.
    """

    key: RunKey
    opened: bool
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class _Opened:
    slot: str
    who: str
    why: str
    at: datetime


def rerun(operator: Operator, account_id: str, run_id: str, reason: str) -> Attempt:
    """Open one more attempt of a run, ``reruns/<run_id>/<n>``; the last one, if nobody has used it yet.

    Nothing is run here. A decision that was executed is never planned again, whatever is asked for.

    Raises
    ------
    Refused
        The run is not known, a run is open, or an order of the account is UNKNOWN; nothing was changed.
    """
    store = operator.store
    claim = RunLedger(store, account_id, run_id).known_claim()
    if claim is None:
        raise Refused(f"account {account_id} has no run {run_id}; `quant status` names the last one")
    state = read_lease(store, account_id)
    if state is not None and state.open_run:
        raise Refused(f"run {state.open_run} is open: ask for it again, it is finished first")
    if state is not None and state.uncertain_runs:
        runs = ", ".join(state.uncertain_runs)
        raise Refused(f"run {runs} has UNKNOWN orders: settle them with `quant resolve` first")
    number = max((int(key.rpartition("/")[2]) for key in store.keys(f"reruns/{run_id}/")), default=0)
    known = store.get(f"reruns/{run_id}/{number}") if number else None
    if known is not None:
        opened = decode(_Opened, known.data, f"reruns/{run_id}/{number}")
        key = replace(claim.key, slot=opened.slot)
        if RunLedger(store, account_id, key.run_id).known_claim() is None:
            return Attempt(key, opened=False, who=opened.who, why=opened.why)
    slot = f"{claim.key.slot}+{number + 1}"
    entry = operator.audit("rerun", reason, account=account_id, run=run_id, slot=slot)
    try:
        opened = _Opened(slot, operator.who, reason, entry.at)
        store.create(f"reruns/{run_id}/{number + 1}", encode(opened, f"reruns/{run_id}/{number + 1}"))
    except Conflict:
        return rerun(operator, account_id, run_id, reason)
    return Attempt(replace(claim.key, slot=slot), opened=True, who=operator.who, why=reason)
