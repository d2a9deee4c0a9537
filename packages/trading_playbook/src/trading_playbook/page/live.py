"""The page of a live session: where it stands, its bars, and its orders."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.report import formats
from quant_platform_kit.report.cards import NONE, Card

from trading_playbook.backtest import SessionResult
from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import Bar, SessionBars
from trading_playbook.live.events import BarSeen, Event, Happening, Noted, Way
from trading_playbook.live.orders import Placed
from trading_playbook.live.record import SessionRecord
from trading_playbook.live.session import LiveSession
from trading_playbook.live.shortfall import NEW_YORK, as_decided, read_session
from trading_playbook.page.drawing import trade_chart
from trading_playbook.page.render import template_of

__all__ = ["render_live"]

MOST_NOTES = 30


def render_live(store: VersionedStore, account_id: str, run_id: str) -> str:
    """Return the page of a recorded session, as it stands; it loads nothing."""
    session = read_session(store, account_id, run_id)
    assert session is not None, "the run is a session"
    events = SessionRecord(store, account_id, run_id).events()
    terms = session.terms
    context = {
        "head": {"symbol": terms.symbol, "date": terms.session.isoformat(), "state": _state(session), "run": run_id},
        "cards": _cards(session),
        "chart": _chart(session, events),
        "orders": [_order(each) for each in session.orders.by_id.values()],
        "notes": [_note(event) for event in events if isinstance(event, Noted)][-MOST_NOTES:],
    }
    return template_of("live.html.j2").render(**context)


def _state(session: LiveSession) -> str:
    """Return where a session stands, in words."""
    if session.is_over:
        return "over"
    if session.orders.held > 0:
        return f"leaving: {session.leaving.text}" if session.leaving else "in a trade"
    if session.orders.entry is not None:
        return "out of its trade" if not session.orders.all_open else "an order is under way"
    for what in (Happening.MISSED, Happening.REFUSED):
        if what in session.noted:
            return f"{what}: {session.noted[what].text}"
    return f"looking: {session.slots.dp20.search.note.value}"


def _cards(session: LiveSession) -> tuple[Card, ...]:
    newest = session.slots.newest
    return (
        Card("Held", str(session.orders.held), session.terms.symbol),
        Card("Last price", NONE if newest is None else formats.number(newest.close, 2), "close of the newest bar"),
        Card("Stop", NONE if session.level is None else str(session.level), "average fill less 1.2 ATR"),
        Card("Result", NONE if session.r_multiple is None else f"{session.r_multiple:.3f} R", "of what was sold"),
        Card("Late bars", str(len(session.slots.passed_over)), "came when their slot had closed"),
    )


def _chart(session: LiveSession, events: Iterable[Event]) -> str:
    """Return the model's trade on the bars that were told; empty before it has one."""
    outcome = session.slots.dp20.outcome()
    if outcome.trade is None:
        return ""
    seen: dict[int, Bar] = {}
    for event in events:
        if isinstance(event, BarSeen) and event.way is not Way.UPDATED:
            seen.setdefault(event.minute, event.bar)
    rows = [seen[minute] for minute in sorted(seen)]
    opens, highs, lows, closes = (np.array([bar[place] for bar in rows]) for place in range(1, 5))
    minutes = np.array([bar.minute for bar in rows], dtype=np.int64)
    bars = SessionBars(minutes, opens, highs, lows, closes, session.terms.bar_minutes)
    day = TradingDay(session.terms.session, session.terms.opens.astimezone(NEW_YORK), session.terms.minutes)
    return trade_chart(SessionResult(day, bars, outcome, as_decided(session)), outcome.trade, session.numbers)


def _order(placed: Placed) -> tuple[str, ...]:
    outcome = placed.record.outcome
    price = NONE if outcome.average_price is None else formats.number(float(outcome.average_price), 4)
    stop = NONE if placed.order.stop_price is None else str(placed.order.stop_price)
    at = f"{placed.planned_at.astimezone(NEW_YORK):%H:%M:%S}"
    wanted = (at, placed.role.value, str(placed.order.quantity), stop)
    return (*wanted, outcome.state.value, str(outcome.filled), price, outcome.text)


def _note(event: Noted) -> tuple[str, ...]:
    return f"{event.at.astimezone(NEW_YORK):%H:%M:%S}", event.what.value, event.text
