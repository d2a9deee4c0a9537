"""A recorded session, decided once more from its bars: every recorded step has to follow from what is before it."""

from __future__ import annotations

from collections.abc import Sequence

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.ports.versioned_store import VersionedStore

from trading_playbook.live.events import Decided, Planned, Role
from trading_playbook.live.record import SessionRecord
from trading_playbook.live.session import LiveSession

__all__ = ["replay_session"]


def replay_session(store: VersionedStore, account_id: str, run_id: str) -> Sequence[str]:
    """Return what of a recorded session does not follow from its bars, in words; nothing where all does.

    Raises
    ------
    InvalidInput
        The run is no live session.
    Damaged
        An object was changed after it was written.
    """
    record = SessionRecord(store, account_id, run_id)
    if (terms := record.terms()) is None:
        raise InvalidInput(f"run {run_id} is no live session of account {account_id}; see `quant playbook shortfall`")
    session = LiveSession(terms, terms.opens, BrokerTraits().visibility_window)
    faults: list[str] = []
    for event in record.events():
        if isinstance(event, Decided):
            decided = session.slots.decisions[len(session.declared) : len(session.declared) + 1]
            if decided != [event.decision]:
                faults.append(f"recorded is {event.decision.step} at minute {event.decision.minute}, not decided again")
        if isinstance(event, Planned) and event.role is Role.ENTRY and session.signal is None:
            faults.append(f"entry {event.order.client_order_id} was planned without a confirmation")
        session.take(event)
    missing = session.slots.decisions[len(session.declared) :]
    return [*faults, *(f"decided is {each.step} at minute {each.minute}, not recorded" for each in missing)]
