"""Each symbol of the profile: whether it may be traded, and its quote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.price_jumps import last_closes, quote_doubts
from quant_platform_kit.ports.contact_source import Instrument
from quant_platform_kit.services.operate.believing import believe_line
from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["symbol_lines"]

CURRENCY = "USD"
UNIT = Decimal(1)
AHEAD = timedelta(seconds=5)
"""A quote may be dated so much later than our clock: nothing keeps two clocks in step."""


def symbol_lines(reading: Reading) -> Iterator[Line]:
    """Yield the lines of instruments and quotes, symbol by symbol."""
    for name, what in (("instruments", "instruments"), ("quotes", "quotes")):
        if why := reading.failed.get(name):
            state = State.BLOCKS if name == "quotes" else State.CAUTION
            yield Line(what, state, why, "try again; if it stays so, compare with the broker's own pages")
    for symbol in reading.asked.symbols:
        if "instruments" not in reading.failed:
            yield _instrument(symbol, reading)
        if "quotes" not in reading.failed:
            yield _quote(symbol, reading)


def _instrument(symbol: str, reading: Reading) -> Line:
    subject, told = f"{symbol} instrument", reading.told.instruments
    if told is None:
        return Line(subject, State.NOT_TOLD, "whether it may be traded, in what lots and parts, is not told")
    one = told.get(symbol)
    if one is None:
        return Line(subject, State.BLOCKS, "the broker does not know it", "choose a profile without it, or ask why")
    if one.currency and one.currency != CURRENCY:
        said = f"it is traded in {one.currency}, and only {CURRENCY} is"
        return Line(subject, State.BLOCKS, said, "choose a profile without it")
    if one.tradable is False:
        return Line(subject, State.BLOCKS, "the broker does not let it be traded", "choose a profile without it")
    if one.lot is not None and one.lot > UNIT:
        said = f"it is traded in lots of {one.lot.normalize():f}, and orders are of single units"
        return Line(subject, State.BLOCKS, said, "choose a profile without it")
    if one.tradable is None:
        return Line(subject, State.NOT_TOLD, f"the broker knows it; whether it may be traded is not told{_parts(one)}")
    return Line(subject, State.GOOD, f"it may be traded{_parts(one)}")


def _parts(one: Instrument) -> str:
    lot = "the lot is not told" if one.lot is None else f"the lot is {one.lot.normalize():f}"
    parts = {True: "parts of a unit may be too", False: "whole units only", None: "parts of a unit: not told"}
    return f"; {lot}; {parts[one.fractional]}"


def _quote(symbol: str, reading: Reading) -> Line:
    subject, quote = f"{symbol} quote", (reading.told.quotes or {}).get(symbol)
    if reading.told.quotes is None:
        return Line(subject, State.NOT_TOLD, "quotes were not asked for")
    if quote is None:
        todo = "subscribe to real-time quotes of it at the broker"
        return Line(subject, State.BLOCKS, "there is none: not known, not subscribed to, or delayed", todo)
    figures = {"price": f"{quote.price.normalize():f}", "as of": quote.as_of.isoformat()}
    if quote.previous_close is not None:
        figures["previous close"] = f"{quote.previous_close.normalize():f}"
    if doubt := _doubt(quote, reading):
        return Line(subject, State.BLOCKS, doubt[0], doubt[1], figures)
    return _aged(subject, quote, figures, reading)


def _doubt(quote: Quote, reading: Reading) -> tuple[str, str] | None:
    """Return why a quote does not fit the history that a run would decide on, and what to do."""
    history, until = reading.told.filed or reading.told.history, reading.until
    if history is None or until is None:
        return None
    traded_in = reading.asked.calendar.after(until)
    found = quote_doubts({quote.symbol: quote}, last_closes(history), until, traded_in, reading.asked.limits)
    return (found[0].text, believe_line(quote.symbol, traded_in)) if found else None


def _aged(subject: str, quote: Quote, figures: dict[str, str], reading: Reading) -> Line:
    told = figures.get("previous close")
    price = f"{figures['price']}, {f'after a close of {told}' if told else 'no previous close is told'}"
    clock, longest = reading.told.quoted_at, reading.asked.limits.max_price_age
    if clock is None or not reading.is_open:
        said = f"{price}; how old quotes are while the session is open is not told now"
        return Line(subject, State.NOT_TOLD, said, "look again while the session is open", figures)
    age = clock - quote.as_of
    figures["age"] = f"{max(0.0, age.total_seconds()):.0f} s"
    if longest is not None and age > longest:
        said = f"it is {figures['age']} old, and a run takes {longest.total_seconds():.0f} s at most"
        todo = "subscribe to real-time quotes of it, or raise MAX_PRICE_AGE_SECONDS if it trades so rarely"
        return Line(subject, State.BLOCKS, said, todo, figures)
    if age < -AHEAD:
        said = f"it is dated {-age.total_seconds():.0f} s later than our clock"
        return Line(subject, State.CAUTION, said, "see the line of the clock", figures)
    return Line(subject, State.GOOD, f"{price}; it is {figures['age']} old", "", figures)
