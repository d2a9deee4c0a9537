"""Deliberate defects of a live session; the campaign has to find each of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from trading_playbook.live.desk import Desk
from trading_playbook.live.events import BarSeen, Event, Happening, Planned, Role
from trading_playbook.live.orders import Placed
from trading_playbook.live.session import LiveSession
from trading_playbook.live.todo import Enter, Note, Plan, Todo

__all__ = ["MUTANTS", "mutated"]


def _no_intent(desk: Desk, event: Event) -> None:
    """Send orders that nobody recorded."""
    if not isinstance(event, Planned):
        desk.record.append(event)
    desk.session.take(event)


def _decides_first(desk: Desk, event: Event) -> None:
    """Let a bar decide, and record it when the next one comes."""
    if isinstance(event, BarSeen):
        for late in _waiting.pop(id(desk), []):
            desk.record.append(late)
        _waiting[id(desk)] = [event]
    else:
        desk.record.append(event)
    desk.session.take(event)


_waiting: dict[int, list[Event]] = {}


def _sells_at_once(session: LiveSession, now: datetime) -> Todo | None:
    """Leave a trade without cancelling its stop."""
    held = session.orders.held
    if session.orders.entry is None or held <= 0:
        return None
    if session.leaving is None:
        return Note(Happening.LEAVING, "it is time") if now >= session.terms.leaves else None
    return Plan(Role.EXIT, held) if session.orders.open_of(Role.EXIT) is None else None


def _remembers_the_stop(session: LiveSession, entry: Placed) -> Todo | None:
    """Keep the stop in memory, and sell when a bar is below it."""
    newest, level = session.slots.newest, session.level
    if newest is None or level is None:
        return None
    return Note(Happening.LEAVING, "a bar is below the stop") if newest.close <= level else None


def _enters_again(session: LiveSession, now: datetime) -> Todo | None:
    """Send an entry anew after a restart if its answer is not recorded."""
    entry, until = session.orders.entry, session.may_enter_until
    if until is None or now > until or Happening.REFUSED in session.noted:
        return None
    if entry is None:
        return Enter(until)
    again = entry.planned_at < session.started and len(session.orders.of(Role.ENTRY)) == 1
    return Plan(Role.ENTRY, entry.order.quantity) if again else None


MUTANTS: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "no intent": (Desk, "_keep", _no_intent),
    "bar decides before it is recorded": (Desk, "_keep", _decides_first),
    "no cancel before the sell": (LiveSession, "_way_out", _sells_at_once),
    "stop kept in memory": (LiveSession, "_new_stop", _remembers_the_stop),
    "entry sent again on resume": (LiveSession, "_entry", _enters_again),
}


@contextmanager
def mutated(name: str) -> Generator[None]:
    """Have a defect as long as the context lasts; none for an empty name."""
    if not name:
        yield
        return
    owner, method, defect = MUTANTS[name]
    _waiting.clear()
    with patch.object(owner, method, defect):
        yield
