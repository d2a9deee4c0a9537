#!/usr/bin/env python3
"""Write docs/reference/price-gates.md: what the gates of prices block on real prices, and what they miss.

The prices are those of TEST_DATA_DIR (default ../shared/data); without them nothing is written.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
from checkout import ROOT
from generated_files import write_or_check
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import EVIDENCE_COLUMNS, LongPrices, price_table, read_prices
from quant_platform_kit.adapters.strategies import bind, catalog
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.gates import PRICE_BASIS, PRICE_JUMP, PRICE_JUMP_ALONE
from quant_platform_kit.domain.plausibility import Doubt, SeriesFigures, doubts, remarks
from quant_platform_kit.domain.prices import FloatArray, PriceHistory, PriceTable
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest

DATA = Path(os.environ.get("TEST_DATA_DIR", "../shared/data"))
FUNDS, SHARES = ROOT / DATA / "etf_daily.parquet", ROOT / DATA / "xs_us_daily_2012_2020.parquet"
CALENDAR = load_calendar("XNYS")
FIRST, LAST = date(2010, 1, 4), date(2023, 12, 29)
RATIOS = tuple(Fraction(*pair) for pair in ((2, 1), (3, 2), (7, 1), (4, 1), (3, 1), (10, 1), (5, 4), (1, 2), (1, 10)))
DOUBTED = ("possible split", " closes at ", " is stale")
"""What the reasons of a decision that was BLOCKED for a doubt contain."""


@dataclass(frozen=True)
class Moves:
    """Moves from one close to the next open or close.

    Attributes
    ----------
    days
        Of the later price, shape (n_sessions,).
    ratios
        Later price / earlier close by symbol, shape (n_sessions, n_symbols), NaN where one is missing.
    """

    days: Sequence[date]
    symbols: Sequence[str]
    ratios: FloatArray

    def beyond(self, limit: Decimal) -> list[str]:
        """Return the moves beyond a limit, as day, symbol and size, ascending."""
        rows = np.argwhere(np.abs(self.ratios - 1) > float(limit)).tolist()
        return [f"{self.symbols[c]} {self.days[r]} {self.ratios[r, c] - 1:+.1%}" for r, c in rows]

    def missed(self, split: Fraction, limit: Decimal, symbol: str | None = None) -> float:
        """Return which share of splits a limit would have missed, had there been one in every session."""
        ratios = self.ratios if symbol is None else self.ratios[:, [self.symbols.index(symbol)]]
        after = ratios[~np.isnan(ratios)] / float(split)
        return float(np.mean(np.abs(after - 1) <= float(limit)))


def moves(table: PriceTable, field: str) -> Moves:
    """Return the moves of a table from its closes to a field of the next session, within the period."""
    ratios = table.fields[field][1:] / table.fields["close"][:-1]
    days = table.sessions[1:]
    inside = np.array([FIRST <= day <= LAST for day in days])
    return Moves([day for day in days if FIRST <= day <= LAST], table.symbols, ratios[inside])


def page() -> str:
    """Return the page."""
    funds = read_prices(FUNDS, ("close", "adj_close", "open"), EVIDENCE_COLUMNS)
    shares = read_prices(SHARES, ("close", "adj_close"), EVIDENCE_COLUMNS)
    table = price_table(funds, funds.symbols, "close", CALENDAR)
    at_open, at_close = moves(table, "open"), moves(table, "close")
    lines = [
        "# Gates of prices",
        "",
        "Written by `scripts/price_gates.py` out of real prices (31 funds, 422 shares); not to be edited. What the",
        "tests are and why: [ADR 0018](../adr/0018-belief-in-prices.md).",
        "",
        *_about_quotes(funds, at_open, at_close),
        *_about_splits(at_open, at_close),
        *_about_histories(funds, shares),
        *_about_profiles(funds),
    ]
    return "\n".join(lines) + "\n"


def _about_quotes(funds: LongPrices, at_open: Moves, at_close: Moves) -> Iterator[str]:
    tested = int(np.count_nonzero(~np.isnan(at_close.ratios)))
    yield "## False alarms of the tests of quotes"
    yield ""
    yield f"{len(at_close.symbols)} funds, {FIRST} to {LAST}, {tested:,} symbol-sessions, all adjusted for splits."
    yield ""
    yield "| test | limit | alarms | which |"
    yield "|---|---|---|---|"
    step = max(_dividend_steps(funds))
    yield f"| basis: previous close against history | {PRICE_BASIS:.0%} | 0 | largest dividend step {step:.1%} |"
    for name, limit in (("where the basis agrees", PRICE_JUMP), ("where it is not known", PRICE_JUMP_ALONE)):
        for price, seen in (("open", at_open), ("close", at_close)):
            found = seen.beyond(limit)
            yield f"| move, {name}, at the {price} | {limit:.0%} | {len(found)} | {', '.join(found) or '-'} |"
    worst = float(np.nanmin(at_close.ratios)) - 1
    yield ""
    yield f"The worst move from close to close is {worst:+.1%}."
    yield ""


def _dividend_steps(funds: LongPrices) -> Iterator[float]:
    for symbol in funds.symbols:
        series = [
            price_table(funds, [symbol], field, CALENDAR).fields["close"][:, 0] for field in ("close", "adj_close")
        ]
        adjustment = series[1] / series[0]
        adjustment = adjustment[~np.isnan(adjustment)]
        yield float(np.max(np.abs(adjustment[1:] / adjustment[:-1] - 1)))


def _about_splits(at_open: Moves, at_close: Moves) -> Iterator[str]:
    yield "## Splits that the test of the move would miss"
    yield ""
    yield "Had there been one in every session of every fund, with a history that does not know of it. The test of"
    yield f"the basis misses none from {float(1 / (1 - PRICE_BASIS)):.2f}:1 on where the venue's close knows of it."
    yield ""
    yield f"| split | {PRICE_JUMP:.0%}, open | close | {PRICE_JUMP_ALONE:.0%}, open | close | of SOXL, close |"
    yield "|---|---|---|---|---|---|"
    for split in RATIOS:
        figures = (
            at_open.missed(split, PRICE_JUMP),
            at_close.missed(split, PRICE_JUMP),
            at_open.missed(split, PRICE_JUMP_ALONE),
            at_close.missed(split, PRICE_JUMP_ALONE),
            at_close.missed(split, PRICE_JUMP_ALONE, "SOXL"),
        )
        yield f"| {split.numerator}:{split.denominator} | {' | '.join(f'{share:.2%}' for share in figures)} |"
    yield ""


def _about_histories(funds: LongPrices, shares: LongPrices) -> Iterator[str]:
    yield "## What is doubted in files and histories"
    yield ""
    head = ("file", "bars", "spikes", "jumps", "closes outside low..high", "stale", "steps of adj_close", "adj = close")
    yield f"| {' | '.join(head)} |"
    yield "|---|---|---|---|---|---|---|---|"
    jumps: list[Doubt] = []
    for name, prices in (("31 funds", funds), ("422 shares", shares)):
        found = [doubt for symbol in prices.symbols for doubt in _doubts(prices, symbol)]
        odd = [text for symbol in prices.symbols for text in _remarks(prices, symbol)]
        kinds = [sum(doubt.kind == kind for doubt in found) for kind in ("spike", "jump", "outside_low_high", "stale")]
        steps, equal = sum(" steps by " in text for text in odd), sum("equals close" in text for text in odd)
        yield f"| {name} | {len(prices.days):,} | {' | '.join(map(str, kinds))} | {steps} | {equal} |"
        jumps += [doubt for doubt in found if doubt.kind in ("jump", "outside_low_high")]
    yield ""
    yield "Each of these, true or not, blocks a run that decides on it until it is believed:"
    yield ""
    yield from (f"- {doubt.text}" for doubt in sorted(jumps, key=lambda doubt: (doubt.symbol, doubt.day)))
    yield ""


def _doubts(prices: LongPrices, symbol: str) -> list[Doubt]:
    return doubts(PriceHistory(price_table(prices, [symbol], "close", CALENDAR)))


def _remarks(prices: LongPrices, symbol: str) -> list[str]:
    rows = np.flatnonzero(prices.codes == prices.symbols.index(symbol))
    rows = rows[np.argsort(prices.days[rows])]
    columns = prices.columns
    figures = SeriesFigures(symbol, prices.days[rows], columns["close"][rows], columns["adj_close"][rows], None, 0)
    return [remark.text for remark in remarks(figures)]


def _about_profiles(funds: LongPrices) -> Iterator[str]:
    yield "## Sessions that are blocked, by profile"
    yield ""
    yield f"Back-tests with `--execution realistic` on `adj_close`, {FIRST} or the profile's first session to {LAST}."
    yield "The history and the quotes come out of one file, so the limit of the move is that without a known basis."
    yield ""
    yield "| profile | quoted at | sessions blocked | symbol and day |"
    yield "|---|---|---|---|"
    for name, strategy in catalog().items():
        if not strategy.manifest.reads_prices:
            continue
        bound = bind(strategy, {})
        table = price_table(funds, bound.manifest.symbols, "adj_close", CALENDAR)
        for fill in FillAt:
            policy = ExecutionPolicy(bound.manifest.target_mode)
            settings = BacktestSettings(_start(table), LAST, Decimal(1_000_000), fill, policy)
            result = backtest(bound, table, CALENDAR, settings)
            reasons = (
                (record.decision.as_of, text)
                for record in result.decisions
                for text in dict.fromkeys((*record.decision.reasons, *record.blocked))
            )
            blocked = [(day, text) for day, text in reasons if any(sign in text for sign in DOUBTED)]
            listed = ", ".join(_named(blocked)) or "-"
            yield f"| `{name}` | {fill.value.removeprefix('next-')} | {len({day for day, _ in blocked})} | {listed} |"


def _start(table: PriceTable) -> date:
    """Return the first session of the period in which every symbol has a bar."""
    lacking = np.isnan(table.fields["close"])
    return next(day for row, day in enumerate(table.sessions) if day >= FIRST and not lacking[row].any())


def _named(blocked: Iterable[tuple[date, str]]) -> Iterator[str]:
    for day, text in blocked:
        yield f"{text.split(maxsplit=1)[0].rstrip(':')} {CALENDAR.after(day)}"


if __name__ == "__main__":
    if absent := [str(file) for file in (FUNDS, SHARES) if not file.is_file()]:
        print(f"no test data: {', '.join(absent)}; set TEST_DATA_DIR", file=sys.stderr)
        sys.exit(1)
    sys.exit(write_or_check(__doc__ or "", {"docs/reference/price-gates.md": page()}))
