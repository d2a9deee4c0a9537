"""A row of the journal."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from trading_playbook.dp20.outcome import Note, Outcome

__all__ = ["COLUMNS", "STRATEGY", "Key", "TradeRecord", "record_of"]

STRATEGY = "dp20"


class Key(NamedTuple):
    """What there is one row of."""

    strategy: str
    symbol: str
    trade_date: date


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """One session of one symbol, numbers to 6 decimals; what is not known is None.

    Attributes
    ----------
    trade_date
        The session, exchange-local.
    reversal_time, confirmation_time, pullback_time, entry_time, exit_time
        Starts of bars, exchange-local, to the minute.
    entry_price, atr_at_entry, stop_price, eod_exit_price, session_open, sma200
        In the symbol's currency; ``eod_exit_price`` is the exit price whatever ended the trade.
    r_multiple
        What was won, in units of what the stop put at risk.
    """

    trade_date: date
    trend_valid: bool | None
    reversal_time: time | None
    confirmation_time: time | None
    entered: bool | None
    entry_price: float | None
    atr_at_entry: float | None
    stop_price: float | None
    eod_exit_price: float | None
    r_multiple: float | None
    notes: Note
    strategy: str
    symbol: str
    session_open: float | None
    sma200: float | None
    pullback_time: time | None
    entry_time: time | None
    exit_time: time | None

    @property
    def key(self) -> Key:
        """What there is one row of."""
        return Key(self.strategy, self.symbol, self.trade_date)


COLUMNS = tuple(field.name for field in fields(TradeRecord))
"""Columns of the journal, in their order."""


def record_of(symbol: str, opens: datetime, outcome: Outcome) -> TradeRecord:
    """Return the row of a session; ``opens`` is when it opens, exchange-local."""
    trade = outcome.trade

    def at(minute: int | None) -> time | None:
        return None if minute is None else (opens + timedelta(minutes=minute)).time()

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 6)

    return TradeRecord(
        trade_date=opens.date(),
        trend_valid=outcome.trend_valid,
        reversal_time=at(outcome.reversal),
        confirmation_time=at(outcome.confirmation),
        entered=trade is not None,
        entry_price=rounded(trade and trade.entry_price),
        atr_at_entry=rounded(trade and trade.atr),
        stop_price=rounded(trade and trade.stop),
        eod_exit_price=rounded(trade and trade.exit_price),
        r_multiple=rounded(trade and trade.r_multiple),
        notes=outcome.note,
        strategy=STRATEGY,
        symbol=symbol,
        session_open=rounded(outcome.session_open),
        sma200=rounded(outcome.sma),
        pullback_time=at(outcome.pullback),
        entry_time=at(trade and trade.entry),
        exit_time=at(trade and trade.exit),
    )
