"""The ledger of a service as a release sees it: whose accounts it has, whether they are at rest, and the hold."""

from __future__ import annotations

from collections.abc import Sequence

from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.observe.at_rest import Unrest, UnrestKind, accounts_of, unrest
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.switches import FlagEntry, halts

__all__ = ["ServiceLedger", "scope_of"]

_POLL_SECONDS = 0.25


def scope_of(service: str) -> str:
    """Return the scope of a release's halt of a service."""
    return f"release-{service}"


class ServiceLedger:
    """The ledger of one service."""

    def __init__(self, store: VersionedStore, service: str, clock: Clock) -> None:
        self._store, self._service, self._clock = store, service, clock

    def accounts(self) -> Sequence[str]:
        """Return the accounts that belong to the service."""
        return accounts_of(self._store, self._service)

    def unrest(self, patience: float) -> Sequence[Unrest]:
        """Return open runs, UNKNOWN orders and working orders, after waiting for runs that are being worked on.

        Parameters
        ----------
        patience
            Seconds to wait for those runs; nothing else is waited for.
        """
        deadline = self._clock.monotonic() + patience
        while _passes(found := unrest(self._store, self._service)) and self._clock.monotonic() < deadline:
            self._clock.sleep(_POLL_SECONDS)
        return found

    def is_halted(self) -> bool:
        """Whether an operator has halted the service, or everything."""
        return bool({"all", f"service-{self._service}"} & halts(self._store).on())

    def hold(self) -> FlagEntry | None:
        """Return the halt that a release has set, None if it is not set."""
        switches, scope = halts(self._store), scope_of(self._service)
        return switches.entries(scope)[-1] if scope in switches.on() else None

    def set_hold(self, who: str, reason: str, *, on: bool) -> None:
        """Set the release's halt or lift it; nobody else's is touched."""
        set_halt(Operator(self._store, self._clock, who), scope_of(self._service), reason, on=on)


def _passes(found: Sequence[Unrest]) -> bool:
    """Whether what was found is of open runs alone, which end."""
    open_runs = {one.run_id for one in found if one.kind is UnrestKind.OPEN_RUN}
    return bool(found) and all(one.run_id in open_runs for one in found)
