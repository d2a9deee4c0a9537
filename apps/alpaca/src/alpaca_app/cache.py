"""Finished sessions that were read before: their minute bars, and the closes before them in their own units.

One file each, ``SYMBOL_1min_FEED_DATE.parquet`` and ``SYMBOL_1day_FEED_DATE.parquet``, in a folder or a bucket. What is
in them never changes: bars are raw, and closes are on the split basis of the file's own session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from loguru import logger
from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.ports.snapshot_store import SnapshotStore
from trading_playbook.days import TradingDay
from trading_playbook.dp20.bars import FloatArray, IntArray, SessionBars
from trading_playbook.sources.bar_files import PRICES
from trading_playbook.sources.installed import Feed
from trading_playbook.sources.usage import Usage

from alpaca_app.minutes import BAR_MINUTES
from alpaca_app.sealed import Broken, opened, sealed

__all__ = ["SessionCache"]

_MINUTE = 60_000_000
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - exchange-local, as bar_start_et is


class SessionCache:
    """What is kept of a symbol and a feed."""

    def __init__(self, store: SnapshotStore, symbol: str, feed: Feed, usage: Usage) -> None:
        self._store, self._symbol, self._feed, self._usage = store, symbol, feed, usage

    def has_bars(self, day: date) -> bool:
        """Whether there is a file of a session's bars, good or not."""
        return self._key("1min", day) in self._known

    def bars(self, day: TradingDay) -> SessionBars | None:
        """Return the bars of a session, None where there are none that can be used."""
        table = self._read(self._key("1min", day.date))
        if table is None:
            return None
        minutes = _integers(table["bar_start_et"]) // _MINUTE - _midnight(day.date) - _since_midnight(day)
        opens, highs, lows, closes = (_floats(table[name]) for name in PRICES)
        return SessionBars(minutes, opens, highs, lows, closes, BAR_MINUTES)

    def keep_bars(self, day: TradingDay, bars: SessionBars) -> None:
        """Keep the bars of a session that has all of them."""
        arrow = arrow_module("pyarrow", "the cache of bars")
        starts = (bars.minutes + _midnight(day.date) + _since_midnight(day)) * _MINUTE
        prices = dict(zip(PRICES, (bars.open, bars.high, bars.low, bars.close), strict=True))
        self._write(
            self._key("1min", day.date),
            {
                "symbol": arrow.array([self._symbol] * len(bars), arrow.string()),
                "bar_start_et": arrow.array(starts, arrow.int64()).cast(arrow.timestamp("us")),
                **{name: arrow.array(column, arrow.float64()) for name, column in prices.items()},
            },
        )

    def closes(self, session: date) -> Mapping[date, float] | None:
        """Return the closes before a session in its own units, None where there are none that can be used."""
        table = self._read(self._key("1day", session))
        if table is None:
            return None
        return dict(zip(table["date"].to_pylist(), _floats(table["close"]).tolist(), strict=True))

    def keep_closes(self, session: date, days: Sequence[date], closes: FloatArray) -> None:
        """Keep the closes before a session, none of them missing."""
        arrow = arrow_module("pyarrow", "the cache of bars")
        self._write(
            self._key("1day", session),
            {
                "date": arrow.array(list(days), arrow.date32()),
                "symbol": arrow.array([self._symbol] * len(days), arrow.string()),
                "close": arrow.array(closes, arrow.float64()),
            },
        )

    @cached_property
    def _known(self) -> frozenset[str]:
        """What was kept before."""
        return frozenset(self._store.keys(f"{self._symbol}_"))

    def _key(self, kind: str, day: date) -> str:
        return f"{self._symbol}_{kind}_{self._feed}_{day}.parquet"

    def _read(self, key: str) -> Any:
        stored = self._store.get(key)
        if stored is not None:
            try:
                table = opened(key, stored.data)
            except Broken as error:
                logger.warning("cache: {} is damaged ({}); it is fetched again", key, error)
            else:
                self._usage.cache_hits += 1
                return table
        self._usage.cache_misses += 1
        return None

    def _write(self, key: str, columns: Mapping[str, Any]) -> None:
        """Write a file, over a damaged one too; one that cannot be written is fetched again the next time."""
        data, present = sealed(key, columns), self._store.get(key)
        try:
            if present is None:
                self._store.create(key, data)
            else:
                self._store.replace(key, data, present.generation)
        except Conflict:
            logger.debug("cache: somebody else has just kept {}", key)
        except StoreError as error:
            logger.warning("cache: {} is not kept: {}", key, error)


def _midnight(day: date) -> int:
    """Return a local midnight in minutes since 1970."""
    return (datetime.combine(day, datetime.min.time()) - _EPOCH) // timedelta(minutes=1)


def _since_midnight(day: TradingDay) -> int:
    return 60 * day.opens.hour + day.opens.minute


def _integers(column: Any) -> IntArray:
    arrow = arrow_module("pyarrow", "the cache of bars")
    return np.from_dlpack(column.combine_chunks().cast(arrow.int64())).astype(np.int64)


def _floats(column: Any) -> FloatArray:
    return np.from_dlpack(column.combine_chunks()).astype(np.float64)
