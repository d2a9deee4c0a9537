"""Daily candles of Schwab, adjusted for splits and not for dividends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from http import HTTPStatus
from typing import Any

from quant_platform_kit.adapters.documents import mapping, mappings, number
from quant_platform_kit.domain.sessions import ExchangeCalendar

from schwab_app.beliefs import CANDLE
from schwab_app.connection import Connection, document_of, good

__all__ = ["Candle", "daily_candles"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SPARE = timedelta(days=10)
"""How much earlier than asked for the candles begin: what an instant at the edge means is Schwab's affair."""


@dataclass(frozen=True, slots=True)
class Candle:
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
    return [_candle(each, calendar) for each in connection.seen.take_all(CANDLE.subject, candles)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _candle(candle: Mapping[str, Any], calendar: ExchangeCalendar) -> Candle:
    milliseconds, first, last = (
        number(candle.get(name), f"a candle's {name}") for name in ("datetime", "open", "close")
    )
    at = EPOCH + timedelta(milliseconds=int(milliseconds))
    return Candle(calendar.local_date(at), float(first), float(last))
