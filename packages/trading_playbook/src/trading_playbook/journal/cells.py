"""How the journal writes a value, and reads it back: one form for each, and an empty cell for what is not known."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time

from trading_playbook.dp20.outcome import Note
from trading_playbook.journal.record import COLUMNS, TradeRecord

__all__ = ["cell_of", "cells_of", "differences", "record_from"]

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,8})\.[0-9]{6}")
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9. -]{0,19}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TRUTHS = {"true": True, "false": False}


def cell_of(value: object) -> str:
    """Return the cell of a value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6f}"
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.isoformat() if isinstance(value, date) else str(value)


def cells_of(record: TradeRecord) -> tuple[str, ...]:
    """Return the 18 cells of a row."""
    return tuple(cell_of(getattr(record, name)) for name in COLUMNS)


def differences(one: TradeRecord, other: TradeRecord) -> dict[str, tuple[str, str]]:
    """Return the cells in which two rows differ, by column: those of one and of the other."""
    pairs = zip(COLUMNS, cells_of(one), cells_of(other), strict=True)
    return {name: (first, second) for name, first, second in pairs if first != second}


def record_from(cells: list[str]) -> TradeRecord:
    """Return the row of 18 cells.

    Raises
    ------
    ValueError
        Naming the column whose cell is in no form of the journal's.
    """
    if len(cells) != len(COLUMNS):
        raise ValueError(f"has {len(cells)} cells; a row has {len(COLUMNS)}")
    values: dict[str, object] = {}
    for name, text in zip(COLUMNS, cells, strict=True):
        try:
            values[name] = None if not text and name not in _NEVER_EMPTY else _READ[name](text)
        except (ValueError, KeyError):
            raise ValueError(f"column {name} has {text!r}, which no journal writes") from None
    return TradeRecord(**values)  # type: ignore[arg-type]


def _number(text: str) -> float:
    return float(_matched(_NUMBER, text))


def _matched(form: re.Pattern[str], text: str) -> str:
    if form.fullmatch(text) is None:
        raise ValueError
    return text


def _time(text: str) -> time:
    return time.fromisoformat(_matched(re.compile(r"[0-9]{2}:[0-9]{2}"), text))


def _day(text: str) -> date:
    return date.fromisoformat(_matched(re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), text))


_NEVER_EMPTY = frozenset({"trade_date", "notes", "strategy", "symbol"})
_READ: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(COLUMNS, _number),
    **{name: _time for name in COLUMNS if name.endswith("_time")},
    **dict.fromkeys(("trend_valid", "entered"), _TRUTHS.__getitem__),
    "trade_date": _day,
    "notes": Note,
    "strategy": lambda text: _matched(_NAME, text),
    "symbol": lambda text: _matched(_SYMBOL, text),
}
