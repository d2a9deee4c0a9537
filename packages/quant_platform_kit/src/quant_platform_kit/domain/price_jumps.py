"""Whether quotes and the history that a run decides on speak of the same thing: two tests, made before it decides.

After a split that only one side knows of, quantities, history and quotes are in different units. Volatility is no
yardstick for that: a rule of deviations misses most 3:2 splits of a fund that moves much. So the venue's own previous
close is held against the history's last close (the basis), and the quote against that close (the move).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from quant_platform_kit.domain.gates import RiskLimits
from quant_platform_kit.domain.plausibility import Doubt, DoubtKind, ratio_text
from quant_platform_kit.domain.portfolio import Quote, quotable, quote_price
from quant_platform_kit.domain.prices import PriceHistory

__all__ = ["LastClose", "last_closes", "quote_doubts"]


@dataclass(frozen=True, slots=True)
class LastClose:
    """The newest close of a symbol, raw or adjusted for splits, and its session (exchange-local)."""

    day: date
    price: Decimal


def last_closes(history: PriceHistory) -> dict[str, LastClose]:
    """Return the newest close of every symbol that has one, in the units that quotes are in."""
    found = ((symbol, history.newest_bar(symbol)) for symbol in history.symbols)
    return {symbol: LastClose(bar[0], quote_price(bar[1])) for symbol, bar in found if bar and quotable(bar[1])}


def quote_doubts(
    quotes: Mapping[str, Quote],
    closes: Mapping[str, LastClose],
    decided_on: date,
    traded_in: date,
    limits: RiskLimits,
) -> list[Doubt]:
    """Return the quotes that do not fit the history, ascending by symbol.

    Parameters
    ----------
    closes
        Of the history. For a symbol that has none there, the venue's previous close takes its place in the test of the
        move; without that either, it cannot be tested.
    decided_on, traded_in
        The completed session and the one after it (exchange-local dates). A previous close is compared only with a
        close of ``decided_on``.
    """
    found = (_doubt(quotes[symbol], closes.get(symbol), decided_on, traded_in, limits) for symbol in sorted(quotes))
    return [doubt for doubt in found if doubt is not None]


def _doubt(quote: Quote, last: LastClose | None, decided_on: date, traded_in: date, limits: RiskLimits) -> Doubt | None:
    previous = quote.previous_close
    limit = limits.price_jump_alone
    if last is None:
        if previous is None:
            return None
        last = LastClose(decided_on, previous)
    elif previous is not None and last.day == decided_on and limits.price_basis is not None:
        if _apart(previous, last.price) > limits.price_basis:
            text = (
                f"{quote.symbol}: possible split: the venue's previous close is {previous}, the history closes at "
                f"{last.price} on {last.day} ({ratio_text(float(previous / last.price))}), more than "
                f"{limits.price_basis:.0%} apart; it is quoted at {quote.price}"
            )
            return Doubt(quote.symbol, traded_in, DoubtKind.BASIS, text)
        limit = limits.price_jump
    if limit is None or _apart(quote.price, last.price) <= limit:
        return None
    text = (
        f"{quote.symbol}: possible split: it is quoted at {quote.price} after a close of {last.price} on {last.day} "
        f"({ratio_text(float(quote.price / last.price))}), more than {limit:.0%} apart"
    )
    return Doubt(quote.symbol, traded_in, DoubtKind.MOVE, text)


def _apart(price: Decimal, reference: Decimal) -> Decimal:
    return abs(price / reference - 1)
