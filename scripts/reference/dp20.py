"""docs/reference/dp20.md: the rules in short, and every number, note and column out of the code."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from trading_playbook.dp20.outcome import Note
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.record import COLUMNS

from reference import fields
from reference.markdown import table

NOTES = {
    Note.NO_DATA: "no source bar, or the first one starts at 10:00 or later",
    Note.NO_SMA200: "one of the 200 daily closes before the session is missing",
    Note.TREND_INVALID: "the session's open is not above their mean",
    Note.NO_PULLBACK: "no bar of the window closes below the EMA",
    Note.NO_REVERSAL: "none after it closes above the EMA and near its own high",
    Note.INVALIDATED: "the bar after the last reversal closes below the EMA again, and no other reversal comes",
    Note.NO_CONFIRMATION: "the bar after the reversal does not exist, comes too late, or ends after the window",
    Note.NO_ENTRY_BAR: "the bar after the confirmation does not exist, or comes too late",
    Note.ZERO_RISK: "the stop would be less than a cent below the entry",
    Note.STOP: "the stop was reached within a bar",
    Note.STOP_GAP: "a bar opened at the stop or below it: filled at that open",
    Note.EOD: "left at the first open within five minutes of the close",
    Note.EOD_LAST_CLOSE: "left at the last close, as no bar was left to leave in",
    Note.INCOMPLETE_SESSION: "the bars end before the session tells",
}
KINDS = {"trade_date": "ISO date", "trend_valid": "true, false", "entered": "true, false"} | dict.fromkeys(
    ("notes", "strategy", "symbol"), "text"
)


def page() -> str:
    """Return the page."""
    parts = (
        "# DP20",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is out of "
        "date. The command is in [The `quant` command](cli.md).",
        "Deep pullback continuation, long only, one trade a session. On a day whose open is above the mean of 200 "
        "daily closes, it waits between 10:00 and 10:30 New York time for a bar that closes below its EMA, then for "
        "one that closes back above it near its own high, then for one bar that does not close below it again; it "
        "buys at the open of the next bar, with a stop at 1.2 average true ranges below, and leaves five minutes "
        "before the close.",
        "Bars are named by their start and made of source bars of regular hours; nothing is filled forward. EMA and "
        "ATR start anew with each session. `Dp20Session` decides bar by bar, `outcome_of` on a whole session at once; "
        "both say the same.",
        "## Numbers",
        "Minutes count from the session's open.",
        table(("name", "default", "values", "meaning"), _numbers()),
        "## Notes",
        table(("note", "when"), ((f"`{note}`", NOTES[note]) for note in Note)),
        "## The journal",
        "CSV in UTF-8, a newline after each line, sorted by date and symbol, one row per strategy, symbol and session. "
        "What is not known is empty. Any other bytes are refused, never repaired.",
        table(("column", "form"), ((f"`{name}`", _kind(name)) for name in COLUMNS)),
        "`eod_exit_price` is the exit price whatever ended the trade. The times of pullback, reversal and confirmation "
        "are those of the last reversal; without one, `pullback_time` is that of the first pullback. Commission and "
        "slippage change no column.",
        "`CSVTradeWriter` holds the lock `.lock` of the journal's folder, writes the whole new journal beside it, "
        "syncs it, renames it and syncs the folder. A row that is there and differs is kept, unless a reason is given: "
        "then old row, new row and reason are added to `NAME.replaced.jsonl` first.",
    )
    return "\n\n".join(parts) + "\n"


def _numbers() -> Iterator[tuple[str, ...]]:
    meanings = _meanings()
    for name, field in Dp20Parameters.model_fields.items():
        yield f"`{name}`", fields.default(field), fields.values(field), meanings[name]


def _meanings() -> dict[str, str]:
    """Return what the docstring says of each number."""
    _, _, attributes = (inspect.getdoc(Dp20Parameters) or "").partition("----------\n")
    found: dict[str, str] = {}
    for names, text in re.findall(r"^(\w.*)\n((?:    .*\n?)+)", attributes, re.MULTILINE):
        found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found


def _kind(name: str) -> str:
    if name.endswith("_time"):
        return "HH:MM, start of a bar"
    return KINDS.get(name, "number, 6 decimals")
