"""What is asked of Alpaca: bars, page by page, and the days of its calendar. All of it is read, and read again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any, TypeVar, cast

from loguru import logger
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.strategy import Adjustment
from trading_playbook.sources.installed import Feed
from trading_playbook.sources.usage import Usage

from alpaca_app.addresses import Addresses
from alpaca_app.library import load_data, session_of
from alpaca_app.settings import Keys
from alpaca_app.transport import Transport, Unanswered

__all__ = ["ADJUSTMENTS", "Alpaca", "Asked", "Rows"]

T = TypeVar("T")
Rows = Sequence[Mapping[str, Any]]

ADJUSTMENTS = {Adjustment.TOTAL_RETURN: "all", Adjustment.SPLIT: "split", Adjustment.RAW: "raw"}
"""What prices can carry, and how Alpaca calls it."""
PAUSES = (1.0, 3.0)
"""Seconds before the second and the third try."""
PAGE = 10_000


class Repeats(BrokerError):
    """A page came twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question for the bars of a symbol.

    Attributes
    ----------
    minutes
        Whether bars last a minute, else a day.
    first, last
        The first and the last start, aware, both included.
    """

    symbol: str
    minutes: bool
    first: datetime
    last: datetime
    adjustment: Adjustment
    feed: Feed


class Alpaca:
    """A login at Alpaca; nothing is sent, and no library loaded, before something is asked.

    Parameters
    ----------
    seconds
        How long one request may take.
    usage
        Where requests are counted.
    """

    def __init__(
        self,
        keys: Keys,
        addresses: Addresses,
        seconds: float,
        usage: Usage,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.addresses, self.usage, self.seconds = addresses, usage, seconds
        self._keys, self._sleep = keys, sleep
        self._client: Any = None

    def bars(self, asked: Asked, parse: Callable[[Rows], T]) -> T:
        """Return what is made of bars as Alpaca writes them, ascending; of none for a symbol that it does not know.

        Parameters
        ----------
        parse
            Makes it; where it raises `InvalidInput`, the bars are asked for once more.

        Raises
        ------
        BrokerError
            Alpaca does not answer, refuses the keys, or the subscription does not reach so far.
        InvalidInput
            It takes the question for wrong, or has bars that cannot be meant.
        """
        rows = self._rows(asked)
        try:
            return parse(rows)
        except InvalidInput as error:
            logger.warning("{}; the bars are fetched again", error)
        return parse(self._rows(asked))

    def sessions(self, first: date, last: date) -> Rows:
        """Return the days of Alpaca's calendar, each with ``date``, ``open`` and ``close``; raises as `bars`."""
        fields = {"start": first.isoformat(), "end": last.isoformat()}
        ask = partial(self._get, "/calendar", fields, base_url=self.addresses.trading)
        return self._read(lambda: _checked(ask()), Unanswered)

    def close(self) -> None:
        """End the connections."""
        if self._client is not None:
            session_of(self._client).close()

    def _fields(self, asked: Asked) -> dict[str, Any]:
        data = load_data()
        request = data.StockBarsRequest(
            symbol_or_symbols=asked.symbol,
            timeframe=data.TimeFrame.Minute if asked.minutes else data.TimeFrame.Day,
            start=asked.first,
            end=asked.last,
            limit=PAGE,
            adjustment=ADJUSTMENTS[asked.adjustment],
            feed=asked.feed.value,
        )
        return request.to_request_fields()

    def _rows(self, asked: Asked) -> Rows:
        return self._read(partial(self._pages, asked), Repeats)

    def _pages(self, asked: Asked) -> Rows:
        """Ask for page after page; `Repeats` for one that comes again, which would go on for ever."""
        found: list[Mapping[str, Any]] = []
        fields, tokens = self._fields(asked), set[str]()
        while True:
            bars, token = self._read(partial(self._page, asked.symbol, fields), Unanswered)
            if token in tokens or (found and bars and str(bars[0].get("t")) <= str(found[-1].get("t"))):
                raise Repeats(f"GET /v2/stocks/bars of {asked.symbol}: HTTP 200, but a page token repeats")
            found += bars
            if token is None:
                return found
            tokens.add(token)
            fields = {**fields, "page_token": token}

    def _page(self, symbol: str, fields: Mapping[str, Any]) -> tuple[Rows, str | None]:
        """Return the bars of a page, and the token of the next one."""
        answer = _object(self._get("/stocks/bars", fields))
        token = answer.get("next_page_token")
        return _checked(_object(answer.get("bars")).get(symbol) or []), None if token is None else str(token)

    def _get(self, path: str, fields: Mapping[str, Any], **where: str) -> Any:
        if self._client is None:
            self._client = self._made()
        return self._client.get(path, fields, **where)

    def _made(self) -> Any:
        client = load_data().StockHistoricalDataClient(*self._keys, url_override=self.addresses.data)
        session = session_of(client)
        session.trust_env = not self.addresses.is_sandbox
        transport = Transport(session.get_adapter(self.addresses.data), self.seconds, self.usage)
        for scheme in ("https://", "http://"):
            session.mount(scheme, transport)
        return client

    def _read(self, ask: Callable[[], T], failure: type[BrokerError]) -> T:
        """Ask up to three times, again after a failure of a kind."""
        for number, pause in enumerate(PAUSES, 1):
            try:
                return ask()
            except failure as error:
                logger.warning("{}; try {} of {} follows in {:g} s", error, number + 1, len(PAUSES) + 1, pause)
                self._sleep(pause)
        try:
            return ask()
        except failure as error:
            raise BrokerError(f"{error}, after {len(PAUSES) + 1} tries; try again later") from error


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise Unanswered("GET /v2/stocks/bars: HTTP 200 without bars")
    return cast("dict[str, Any]", document)


def _checked(rows: Any) -> Rows:
    """Return rows that are some."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in cast("list[object]", rows)):
        raise Unanswered("Alpaca: HTTP 200 without a list of objects")
    return cast("Rows", rows)
