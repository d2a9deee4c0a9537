"""The order ledger of one run: create-only objects, so that nothing recorded can be unrecorded.

Below ``accounts/<account>/runs/<run_id>/`` stand ``claim``, ``plan``, and per order and transition
``orders/<client_order_id>/<n>-<STATE>``; a transition is a new object, never a new version of an old one.
"""

from __future__ import annotations

from pydantic import TypeAdapter

from quant_platform_kit.domain.digests import canonical_json, plain
from quant_platform_kit.domain.errors import Conflict, Refused
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.orders import ExecutionReport, OrderState
from quant_platform_kit.domain.runs import RunClaim, RunPlan
from quant_platform_kit.ports.versioned_store import VersionedStore

__all__ = ["RunLedger"]

_CLAIM = TypeAdapter(RunClaim)
_PLAN = TypeAdapter(RunPlan)
_EXECUTION = TypeAdapter(ExecutionReport)


class RunLedger:
    """What the store knows of one run."""

    def __init__(self, store: VersionedStore, key: RunKey) -> None:
        self._store = store
        self._root = f"accounts/{key.account_id}/runs/{key.run_id}"

    def claim(self, claim: RunClaim) -> None:
        """Claim the run, or find that it was claimed for the same before.

        Raises
        ------
        Refused
            The key belongs to a run of another profile, configuration or session.
        """
        data = canonical_json(claim)
        if self._create("claim", data):
            return
        known = _CLAIM.validate_json(self._read("claim"))
        if canonical_json(known) != data:
            raise Refused(
                f"run {claim.key.run_id} was started for {known.profile} {plain(dict(known.config))} on {known.as_of}; "
                f"asked was {claim.profile} {plain(dict(claim.config))} on {claim.as_of}: use another account or slot"
            )

    def commit_plan(self, plan: RunPlan) -> RunPlan:
        """Record the plan, or return the one recorded before."""
        self._create("plan", canonical_json(plan))
        return _PLAN.validate_json(self._read("plan"))

    def plan(self) -> RunPlan | None:
        """Return the recorded plan, if there is one."""
        stored = self._store.get(f"{self._root}/plan")
        return None if stored is None else _PLAN.validate_json(stored.data)

    def mark_sent(self, client_order_id: str) -> bool:
        """Record that an order is about to be sent; False if it was recorded before."""
        return self._create(f"orders/{client_order_id}/1-{OrderState.SENT.value}", b"{}")

    def record(self, execution: ExecutionReport) -> None:
        """Record what the broker answered."""
        name = f"orders/{execution.order.client_order_id}/2-{execution.state.value}"
        self._create(name, canonical_json(execution))

    def execution(self, client_order_id: str) -> ExecutionReport | None:
        """Return the newest recorded answer about an order."""
        keys = [key for key in self._store.keys(f"{self._root}/orders/{client_order_id}/2-")]
        stored = self._store.get(keys[-1]) if keys else None
        return None if stored is None else _EXECUTION.validate_json(stored.data)

    def _create(self, name: str, data: bytes) -> bool:
        try:
            self._store.create(f"{self._root}/{name}", data)
        except Conflict:
            return False
        return True

    def _read(self, name: str) -> bytes:
        stored = self._store.get(f"{self._root}/{name}")
        assert stored is not None, f"{name} was created and is never deleted"
        return stored.data
