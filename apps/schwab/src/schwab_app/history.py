"""Daily candles of Schwab, adjusted for splits and not for dividends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple

from quant_platform_kit.adapters.documents import mapping, mappings, real
from quant_platform_kit.domain.errors import BrokerError
from quant_platform_kit.domain.sessions import ExchangeCalendar

from schwab_app.beliefs import CANDLE
from schwab_app.connection import Connection, document_of, good
from schwab_app.mapping import told_at

__all__ = ["Candle", "candle", "daily_candles"]

SPARE = timedelta(days=10)
"""How much earlier than asked for the candles begin: what an instant at the edge means is Schwab's affair."""


class Candle(NamedTuple):
    """One session of one symbol; ``day`` is exchange-local."""

    day: date
    open: float
    close: float


def daily_candles(
    connection: Connection, symbol: str, first: date, last: date, calendar: ExchangeCalendar
) -> list[Candle]:
    """Return the candles between two days, and a few before; none for a symbol that is not known.

    Raises
    ------
    BrokerError
        Schwab does not answer.
    """
    begin, end = _midnight(first) - SPARE, _midnight(last) + timedelta(days=1)

    def ask(client: Any) -> Any:
        return client.get_price_history_every_day(
            symbol, start_datetime=begin, end_datetime=end, need_extended_hours_data=False
        )

    connection.prices.take()
    with connection.turn("daily candles") as deadline:
        response = connection.look(ask, "daily candles", deadline)
    if response.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
        return []
    answer = mapping(document_of(good(response, "daily candles")), "Schwab's daily candles")
    candles = mappings(answer.get("candles"), "candles")
    return [candle(each, calendar) for each in connection.seen.take_all(CANDLE.subject, candles)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def candle(told: Mapping[str, Any], calendar: ExchangeCalendar) -> Candle:
    """Return a candle as a session; `BrokerError` for one that cannot be read."""
    at = told_at(told.get("datetime"))
    if at is None:
        raise BrokerError(f"a candle's datetime is {told.get('datetime')!r:.60}, not milliseconds since 1970")
    first, last = real(told.get("open"), "a candle's open"), real(told.get("close"), "a candle's close")
    return Candle(calendar.local_date(at), first, last)
