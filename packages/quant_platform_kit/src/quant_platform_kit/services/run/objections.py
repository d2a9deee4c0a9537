"""What about an account forbids a run to trade, beside prices and limits."""

from __future__ import annotations

from collections.abc import Sequence

from quant_platform_kit.domain.reconciliation import Discrepancy, Finding
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.acceptance import is_accepted
from quant_platform_kit.services.record.leases import LeaseState
from quant_platform_kit.services.run.plan_making import Inputs
from quant_platform_kit.services.run.request import Handover, RunRequest

__all__ = ["blocking", "objections"]


def blocking(request: RunRequest, findings: Sequence[Finding]) -> list[str]:
    """Return what happened outside the platform and blocks until it is accepted."""
    looks = frozenset[Discrepancy]() if request.key.mode.submits else frozenset({Discrepancy.UNKNOWN_ACCOUNT})
    return [finding.text for finding in findings if finding.kind in request.block_on - looks]


def objections(
    request: RunRequest, store: VersionedStore, lease: LeaseState | None, inputs: Inputs, findings: Sequence[Finding]
) -> list[str]:
    """Return why nothing may be sent now.

    Parameters
    ----------
    lease
        Of the account; None while it has none.
    """
    found = blocking(request, findings)
    if found and is_accepted(store, lease.last_run if lease else None):
        found = []
    if inputs.leftovers and request.handover is Handover.REFUSE:
        names = ", ".join(inputs.leftovers)
        found.append(f"an earlier profile bought {names}: run with handover sell or keep")
    for run_id in lease.uncertain_runs if lease else ():
        found.append(f"run {run_id} has UNKNOWN orders: settle them with `quant resolve` first")
    return found
