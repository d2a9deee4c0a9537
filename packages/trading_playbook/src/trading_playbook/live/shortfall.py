"""The model against what was traded: in R, and where late bars made another decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from quant_platform_kit.domain.runs import OrderRecord
from quant_platform_kit.domain.silence import BrokerTraits
from quant_platform_kit.ports.versioned_store import VersionedStore

from trading_playbook.journal.record import TradeRecord, record_of
from trading_playbook.live.events import Happening, Terms
from trading_playbook.live.record import SessionRecord, recorded_sessions
from trading_playbook.live.session import LiveSession

__all__ = ["Shortfall", "as_decided", "difference", "read_session", "shortfalls"]

NEW_YORK = ZoneInfo("America/New_York")
DECIDED = (
    *("trend_valid", "reversal_time", "confirmation_time", "entered", "entry_price", "atr_at_entry", "stop_price"),
    *("pullback_time", "entry_time", "session_open", "sma200"),
)
"""Columns of the journal that live decisions are held against."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One session, as the model has it and as it was traded.

    Attributes
    ----------
    model, live
        R-multiples; None where there is none.
    decided_otherwise
        What the live session decided that the model did not, in words; empty where both decided the same.
    late
        Starts of bars that came after their slot had closed, in minutes since the open.
    note
        Why nothing was bought, or how the trade was left.
    """

    session: date
    model: float | None
    live: Decimal | None
    decided_otherwise: str
    late: tuple[int, ...]
    note: str

    @property
    def missing(self) -> float | None:
        """What live won less than the model, in R; None unless both are known."""
        return None if self.model is None or self.live is None else self.model - float(self.live)


def read_session(store: VersionedStore, account_id: str, run_id: str) -> LiveSession | None:
    """Return a recorded session as it stands; None where the run is none."""
    record = SessionRecord(store, account_id, run_id)
    if (terms := record.terms()) is None:
        return None
    session = LiveSession(terms, terms.opens, BrokerTraits().visibility_window)
    for event in record.events():
        session.take(event)
    steps = record.steps.of_each(session.orders.by_id)
    for identity, placed in session.orders.by_id.items():
        session.progress(OrderRecord(placed.order, steps[identity]))
    return session


def as_decided(session: LiveSession) -> TradeRecord:
    """Return the row of the journal that the bars make which counted in a live session."""
    terms: Terms = session.terms
    return record_of(terms.symbol, terms.opens.astimezone(NEW_YORK), session.slots.dp20.outcome())


def difference(model: TradeRecord, live: TradeRecord) -> str:
    """Return which decisions of two rows differ, in words; how a trade ended is not compared."""
    names = [each.name for each in fields(TradeRecord) if each.name in DECIDED]
    pairs = ((name, getattr(model, name), getattr(live, name)) for name in names)
    return ", ".join(f"{name} {mine} instead of {its}" for name, its, mine in pairs if its != mine)


def shortfalls(store: VersionedStore, account_id: str, symbol: str, rows: Sequence[TradeRecord]) -> list[Shortfall]:
    """Return every recorded session of an account and a symbol, held against the journal's rows, by date."""
    known = {row.trade_date: row for row in rows if row.symbol == symbol}
    sessions = (read_session(store, account_id, run_id) for run_id in recorded_sessions(store, account_id))
    return [_of(each, known.get(each.terms.session)) for each in sessions if each and each.terms.symbol == symbol]


def _of(session: LiveSession, model: TradeRecord | None) -> Shortfall:
    told = (Happening.MISSED, Happening.REFUSED, Happening.LEAVING)
    note = next((f"{what}: {session.noted[what].text}" for what in told if what in session.noted), "")
    late = tuple(sorted(session.slots.passed_over))
    if model is None:
        return Shortfall(session.terms.session, None, session.r_multiple, "", late, note or "the journal has no row")
    differs = difference(model, as_decided(session))
    return Shortfall(session.terms.session, model.r_multiple, session.r_multiple, differs, late, note)
