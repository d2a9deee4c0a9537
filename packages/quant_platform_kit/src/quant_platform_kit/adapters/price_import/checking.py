"""What of the rows of a source is kept, what is left out and why, and what is refused: nothing is repaired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant_platform_kit.adapters.foreign_prices.options import ImportOptions
from quant_platform_kit.adapters.foreign_prices.reading import Rows
from quant_platform_kit.adapters.price_files import LongPrices, closed_days
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["Checked", "carried", "checked"]

Mask = NDArray[np.bool_]
NOT_PRICES = ("volume", "dividend")
"""Columns that may be 0."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows that may be written, by date and symbol, and what was left out, one sentence each."""

    prices: LongPrices
    dropped: tuple[str, ...]


def checked(rows: Rows, options: ImportOptions, calendar: ExchangeCalendar) -> Checked:
    """Return the rows that are kept.

    Raises
    ------
    InvalidInput
        A price is not positive, a date is there twice or is no session, adjusted closes are there of some symbols only,
        or it is not known what prices carry.
    """
    kept, dropped = _kept(rows, options)
    kept, closed = _without_closed_days(rows, kept, options, calendar)
    present = np.bincount(rows.codes[kept], minlength=len(rows.symbols)) > 0
    if not present.all():
        raise InvalidInput(f"{rows.path}: there is no close of {_listed(rows.symbols, ~present)}; leave it out")
    for name, values in rows.columns.items():
        _refuse_bad_values(rows, name, values, kept)
    if "adj_close" in rows.columns:
        _refuse_mixed(rows, rows.columns["adj_close"], kept)
    adjustment, adj_close_adjustment = carried(rows, options)
    order = _order(rows, kept)
    columns = {name: rows.columns.pop(name)[order] for name in list(rows.columns)}
    prices = LongPrices(
        path=rows.path,
        days=rows.days[order],
        symbols=rows.symbols,
        codes=rows.codes[order].astype(np.int64),
        columns=columns,
        adjustment=adjustment,
        adj_close_adjustment=adj_close_adjustment,
    )
    return Checked(prices, (*dropped, *closed))


def _kept(rows: Rows, options: ImportOptions) -> tuple[Mask, list[str]]:
    kept = ~np.isnan(rows.columns["close"])
    dropped = [_told(rows, ~kept, "without a close")] if not kept.all() else []
    if "dividend" in rows.columns and (lost := ~kept & (rows.columns["dividend"] > 0)).any():
        row = int(np.argmax(lost))
        raise InvalidInput(
            f"{rows.path}: {rows.named(row)} has dividend {rows.columns['dividend'][row]:g} and no close; give its "
            "close, or put the dividend where there is one"
        )
    if options.since is not None:
        early = kept & (rows.days < np.datetime64(options.since))
        dropped += [_told(rows, early, f"before {options.since}")] if early.any() else []
        kept &= ~early
    if not kept.any():
        raise InvalidInput(f"{rows.path} has no row with a close that is kept: {'; '.join(dropped)}")
    return kept, dropped


def _told(rows: Rows, which: Mask, why: str) -> str:
    return f"{np.count_nonzero(which)} prices {why}, the first is {rows.named(int(np.argmax(which)))}"


def _without_closed_days(
    rows: Rows, kept: Mask, options: ImportOptions, calendar: ExchangeCalendar
) -> tuple[Mask, list[str]]:
    """Return rows without those of closed days where that was asked for; a shift is never hidden by it."""
    days = rows.days[kept]
    if (first := days.min().item()) < calendar.table.first:
        raise InvalidInput(
            f"{rows.path} begins on {first}, and the calendar of {calendar.name} on {calendar.table.first}; "
            f"add --since {calendar.table.first} to leave out what is before"
        )
    closed = closed_days(days, calendar)
    if closed is None:
        return kept, []
    strange = kept & np.isin(rows.days, np.array(closed.days, dtype="datetime64[D]"))
    if closed.shifted or not options.sessions_only:
        row = rows.named(int(np.argmax(strange)))
        also = "" if closed.shifted else ", or add --sessions-only"
        raise InvalidInput(f"{rows.path} {closed.why}{also}; the first is {row}")
    return kept & ~strange, [_told(rows, strange, f"of days without a session of {calendar.name}")]


def _refuse_bad_values(rows: Rows, name: str, values: FloatArray, kept: Mask) -> None:
    may_be_none = name in NOT_PRICES
    least = (values < 0) if may_be_none else (values <= 0)
    bad = kept & (least | np.isinf(values))
    if bad.any():
        row = int(np.argmax(bad))
        what = f"a {name} is not negative, and finite" if may_be_none else "a price is positive and finite"
        count = np.count_nonzero(bad) - 1
        more = f" and {count} more like it" if count else ""
        raise InvalidInput(
            f"{rows.path}: {name} in {rows.named(row)} is {values[row]:g}{more}; {what}: correct it, or "
            "say what stands for a missing price with --missing"
        )


def _refuse_mixed(rows: Rows, adjusted: FloatArray, kept: Mask) -> None:
    """Refuse adjusted closes that some symbols have and others have not."""
    told = np.bincount(rows.codes[kept & ~np.isnan(adjusted)], minlength=len(rows.symbols)) > 0
    if told.any() and not told.all():
        row = int(np.argmax(kept & ~told[rows.codes]))
        raise InvalidInput(
            f"{rows.path}: {_listed(rows.symbols, told)} have adjusted closes and {_listed(rows.symbols, ~told)} have "
            f"none: {rows.named(row)} has close {rows.columns['close'][row]:g} and no adj_close; import them as two "
            "files"
        )


def _order(rows: Rows, kept: Mask) -> NDArray[np.int64] | slice:
    """Return the rows that are kept by date and symbol; refuse a date twice."""
    days = (rows.days - rows.days.min()).astype(np.int64)
    cells = (int(days.max()) + 1) * len(rows.symbols)
    key = days.astype(np.int32 if cells <= np.iinfo(np.int32).max else np.int64, copy=False)
    key = key * len(rows.symbols) + rows.codes
    if kept.all() and (key[1:] > key[:-1]).all():
        return slice(None)
    order = np.argsort(key, kind="stable")
    order = order if kept.all() else order[kept[order]]
    key = key[order]
    same = np.flatnonzero(key[1:] == key[:-1])
    if len(same):
        raise _twice(rows, int(order[same[0]]), int(order[same[0] + 1]))
    return order


def _twice(rows: Rows, row: int, again: int) -> InvalidInput:
    close = rows.columns["close"]
    one = rows.layout.symbol is None and len(rows.symbols) == 1
    asked = "; are two symbols in one column? Add a column symbol, or keep" if one else "; keep"
    return InvalidInput(
        f"{rows.path} has {rows.symbols[rows.codes[row]]} on {rows.days[row]} twice: row {row % rows.lines + 1} has "
        f"close {close[row]:g} and row {again % rows.lines + 1} has {close[again]:g}{asked} one row per date and symbol"
    )


def carried(rows: Rows, options: ImportOptions) -> tuple[Adjustment, Adjustment | None]:
    """Return what closes and, where it has to be told, adjusted closes carry: what the source shows, or was said."""
    shown = rows.said.get("adjustment", rows.layout.adjustment)
    said = options.adjustment
    if shown and said and said is not shown:
        raise InvalidInput(f"--adjustment {said.value}: closes of {rows.layout.source} are {shown.value}; leave it out")
    adjustment, has_adjusted = shown or said, "adj_close" in rows.columns
    if adjustment is None:
        raise InvalidInput(
            f"{rows.path} ({rows.layout.source}) does not show what its closes carry: add --adjustment total_return "
            "where dividends are taken out, as yfinance does by default, --adjustment split where only splits are, "
            "else --adjustment raw"
        )
    if has_adjusted and said is Adjustment.TOTAL_RETURN and not shown:
        raise InvalidInput(
            f"--adjustment total_return: {rows.path} has adjusted closes beside its closes; what do these carry? Say "
            "split or raw"
        )
    if options.adj_close_adjustment and not (has_adjusted and adjustment is Adjustment.RAW):
        raise InvalidInput(
            f"--adj-close-adjustment {options.adj_close_adjustment.value}: it is for adjusted closes beside raw "
            f"ones, and {rows.path} has {adjustment.value if has_adjusted else 'no such'} closes; leave it out"
        )
    claim = rows.said.get("adj_close_adjustment", options.adj_close_adjustment)
    if claim is None and rows.layout.adjustment is Adjustment.RAW:
        claim = Adjustment.TOTAL_RETURN  # of vendors who document both
    return adjustment, claim if has_adjusted and adjustment is Adjustment.RAW else None


def _listed(symbols: Sequence[str], which: Mask) -> str:
    found = [symbol for symbol, meant in zip(symbols, which.tolist(), strict=True) if meant]
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
