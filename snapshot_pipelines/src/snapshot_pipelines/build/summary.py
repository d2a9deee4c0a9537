"""What a reader should know about a snapshot before trusting it: the content of ``release_status_summary.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from snapshot_pipelines.build.grid import Window
from snapshot_pipelines.build.membership import Stay
from snapshot_pipelines.build.rows import Market, Values
from snapshot_pipelines.build.sectors import BENCHMARKS

__all__ = ["summary_of"]

LOOKED_BACK = 274
"""Sessions in which missing bars are counted: those of the longest feature."""
LONG_PAUSE = 20
"""More sessions without a bar between two bars look like two companies of one name."""
LONG_ABSENCE = timedelta(days=730)
"""A longer time between two stays looks so too."""
_MOST_UNKNOWN = 0.1
_NAMED = 12


def summary_of(market: Market, as_of: date, rows: Values) -> dict[str, Any]:
    """Return what is known to be wrong or missing in the rows of a session, as figures and in sentences.

    Parameters
    ----------
    rows
        What `rows_at` returned for ``as_of`` (exchange-local date).

    Returns
    -------
    Out of JSON's own types; nothing in it depends on what happened after ``as_of``, but for the dates of sector labels.
    """
    symbols = [str(symbol) for symbol in rows["symbol"]]
    window = market.grid.until(as_of)
    members = {symbol for symbol, member in zip(symbols, rows["member"], strict=True) if member}
    document: dict[str, Any] = {
        "rows": len(symbols),
        "coverage": _coverage(market, as_of, members),
        "former_members": sorted(market.stocks.intersection(symbols) - members),
        "sector_labels": _sector_labels(market, as_of, symbols),
        "gaps": dict(sorted(_gaps(window, members).items())),
        "suspected_ticker_reuse": dict(_reused(market, window, symbols)),
        "benchmarks_without_bar": [symbol for symbol in BENCHMARKS if not window.history[window.column(symbol)]],
        "secondary_lines": [symbol for symbol, one in zip(symbols, rows["primary"], strict=True) if not one],
        "unknown_values": _unknown(market, rows),
    }
    return {**document, "in_words": list(_sentences(document, as_of))}


def _coverage(market: Market, as_of: date, members: set[str]) -> dict[str, Any]:
    everyone = market.membership.members(as_of) if market.membership else market.stocks
    return {
        "membership_given": market.membership is not None,
        "members": len(everyone),
        "with_row": len(members),
        "share": round(len(members) / len(everyone), 4) if everyone else None,
        "without_row": sorted(everyone - members),
    }


def _sector_labels(market: Market, as_of: date, symbols: list[str]) -> dict[str, Any]:
    labels = {symbol: market.sectors[symbol] for symbol in symbols if symbol in market.sectors}
    later = [label.as_of for label in labels.values() if label.as_of and label.as_of > as_of]
    return {
        "stocks": len(labels),
        "dated_after_as_of": len(later),
        "newest": max(later).isoformat() if later else None,
        "unknown": [symbol for symbol, label in labels.items() if not label.code],
    }


def _gaps(window: Window, members: set[str]) -> dict[str, int]:
    """Return the members that lack bars among the newest sessions since their first one, and how many."""
    counts = window.gaps(LOOKED_BACK)
    return {window.symbols[at]: int(counts[at]) for at in np.flatnonzero(counts) if window.symbols[at] in members}


def _reused(market: Market, window: Window, symbols: list[str]) -> Iterator[tuple[str, str]]:
    """Yield symbols under which two companies may have traded, and why it looks so."""
    stays: Mapping[str, Sequence[Stay]] = market.membership.stays if market.membership else {}
    sessions, age = window.prices.sessions, window.age
    broken = window.history < age
    for symbol in symbols:
        at, stayed = window.column(symbol), stays.get(symbol, ())
        if len(stayed) > 1 and (why := _came_back(stayed, sessions[-int(age[at])], window.as_of)):
            yield symbol, why
        elif broken[at] and (pause := window.longest_pause(symbol)) > LONG_PAUSE:
            yield symbol, f"no bar for {pause} sessions, then bars again"


def _came_back(stays: Sequence[Stay], first_bar: date, as_of: date) -> str:
    """Say that a symbol was away for long before a stay that its prices reach back beyond."""
    for earlier, later in pairwise(stays):
        away = later.start - earlier.end if earlier.end else timedelta(0)
        if first_bar < later.start <= as_of and away > LONG_ABSENCE:
            return f"a member until {earlier.end}, and again from {later.start}; bars from {first_bar}"
    return ""


def _unknown(market: Market, rows: Values) -> dict[str, int]:
    """Return how many members lack each value."""
    member = np.asarray(rows["member"], dtype=bool)
    names = [one.name for one in market.features] + [*(market.fundamentals.columns if market.fundamentals else ())]
    counts = {name: int(np.isnan(np.asarray(rows[name], dtype=np.float64)[member]).sum()) for name in names}
    return {name: count for name, count in counts.items() if count}


# --- in words ----------------------------------------------------------------------------------


def _sentences(document: Mapping[str, Any], as_of: date) -> Iterator[str]:
    coverage, labels = document["coverage"], document["sector_labels"]
    if coverage["membership_given"]:
        absent = coverage["members"] - coverage["with_row"]
        share = f" ({coverage['share']:.1%})" if coverage["members"] else ""
        yield f"{coverage['with_row']} of {coverage['members']} members on {as_of} have a row{share}."
        if absent:
            yield (
                f"Survivorship: {absent} members have no prices or no sector here. Most of such were taken over or "
                "delisted later, so that results on these rows look better than they could have been."
            )
    else:
        yield (
            f"No membership was given: all {coverage['members']} stocks count as members on {as_of}, also those that "
            "joined later. Results on these rows look better than they could have been."
        )
    if labels["dated_after_as_of"]:
        yield (
            f"{labels['dated_after_as_of']} of {labels['stocks']} sector labels are dated after {as_of}, the newest "
            f"{labels['newest']}: they say how a stock was classed later."
        )
    yield from _named("No bar on that day, and so hardly a feature:", document["benchmarks_without_bar"])
    most = [name for name, count in document["unknown_values"].items() if count > _MOST_UNKNOWN * coverage["with_row"]]
    yield from _named("Unknown of more than a tenth of the members, and no use to a profile that reads it:", most)
    yield from _named("No sector is known of", labels["unknown"])
    yield from _named("Bars are missing in the last year of", document["gaps"])
    yield from _named("Possibly two companies under one symbol:", document["suspected_ticker_reuse"])
    yield from _named("Another line of the same issuer is traded more than", document["secondary_lines"])
    yield from _named("Left the universe within a year, kept so that holdings are sold:", document["former_members"])


def _named(sentence: str, symbols: Mapping[str, object] | list[str]) -> Iterator[str]:
    if symbols:
        more = f" and {len(symbols) - _NAMED} more" if len(symbols) > _NAMED else ""
        yield f"{sentence} {', '.join([*symbols][:_NAMED])}{more}."
