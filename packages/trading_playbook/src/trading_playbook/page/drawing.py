"""A trade on its bars: EMA, window of the search, entry, stop and exit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from quant_platform_kit.report import formats, svg
from quant_platform_kit.report.scales import Scale, TimeTick, round_values

from trading_playbook.backtest import SessionResult
from trading_playbook.dp20.bars import FloatArray, SessionBars, fold
from trading_playbook.dp20.indicators import Indicators
from trading_playbook.dp20.outcome import Trade
from trading_playbook.dp20.parameters import Dp20Parameters

__all__ = ["trade_chart"]

AFTER = 30
"""Minutes that are drawn after an exit, and after the window at least."""
HEIGHT = 260
MOST_TICKS = 8
AIR = 0.06
BODY = 0.6
"""Share of its length that a bar's body is wide."""


@dataclass(frozen=True, slots=True)
class _Plot:
    """Places on a chart: minutes to the right, prices upwards, both from 0 to 1."""

    minutes: int
    prices: Scale

    def across(self, minute: float) -> float:
        return minute / self.minutes

    def up(self, price: float) -> float:
        return self.prices.at(price)


def trade_chart(session: SessionResult, trade: Trade, parameters: Dp20Parameters) -> Markup:
    """Return the session of a trade from its open until some time after the exit."""
    until = max(parameters.window_closes, trade.exit if trade.exit is not None else session.day.minutes) + AFTER
    until = min(until, session.day.minutes)
    bars = fold(session.bars.before(until), parameters.bar_minutes)
    plot = _Plot(until, _scale(bars, trade))
    labels = {plot.up(tick): formats.compact(tick) for tick in round_values(plot.prices.low, plot.prices.high, 4)}
    frame = svg.Frame(
        f"trade-{session.day.date}", f"{session.record.symbol} on {session.day.date}", _told(session), HEIGHT
    )
    return svg.chart(
        frame,
        _window(plot, parameters),
        *svg.value_axis(labels),
        *svg.time_axis(_ticks(session, until)),
        svg.plane(_bars(plot, bars, falling=False), _bars(plot, bars, falling=True), _mean(plot, bars, parameters)),
        *_levels(plot, trade),
        *_marks(plot, session, trade),
    )


def _told(session: SessionResult) -> str:
    record = session.record
    entry = f"Entered at {record.entry_time:%H:%M} at {record.entry_price:.2f}, stop at {record.stop_price:.2f}"
    if record.exit_time is None:
        return f"{entry}; the bars end before an exit."
    return f"{entry}, left at {record.exit_time:%H:%M} at {record.eod_exit_price:.2f} ({record.notes})."


def _scale(bars: SessionBars, trade: Trade) -> Scale:
    low, high = min(float(bars.low.min()), trade.stop), float(bars.high.max())
    room = AIR * (high - low) or 0.01
    return Scale(low - room, high + room)


def _ticks(session: SessionResult, until: int) -> tuple[TimeTick, ...]:
    every = next((step for step in (15, 30, 60) if until / step <= MOST_TICKS), 60)
    return tuple(
        TimeTick(
            minute / until, f"{session.day.opens + timedelta(minutes=minute):%H:%M}", minor=minute % (2 * every) != 0
        )
        for minute in range(0, until + 1, every)
    )


def _window(plot: _Plot, parameters: Dp20Parameters) -> Element:
    """Return the time in which the search looks."""
    start, stop = plot.across(parameters.window_opens), plot.across(parameters.window_closes)
    box = {"class": "window", "x": svg.share(start), "y": "0", "width": svg.share(stop - start), "height": "100%"}
    return svg.element("rect", box)


def _bars(plot: _Plot, bars: SessionBars, *, falling: bool) -> Element:
    """Return the bars that fell, or those that did not, as one path: wicks and bodies."""
    chosen = (bars.close < bars.open) == falling
    half = BODY * bars.length / 2
    middle = bars.minutes[chosen] + bars.length / 2
    places = (_x(plot, middle - half), _x(plot, middle), _x(plot, middle + half))
    prices = (_y(plot, column[chosen]) for column in (bars.high, bars.low, bars.open, bars.close))
    drawn = (
        f"M{mid} {high}V{low}M{left} {opens}H{right}V{closes}H{left}Z"
        for left, mid, right, high, low, opens, closes in zip(*places, *prices, strict=True)
    )
    return svg.element("path", {"class": "bars fell" if falling else "bars rose", "d": "".join(drawn)})


def _mean(plot: _Plot, bars: SessionBars, parameters: Dp20Parameters) -> Element:
    """Return the EMA at the end of each bar."""
    indicators, means = Indicators(parameters.ema_bars, parameters.atr_bars), list[float]()
    for bar in bars.rows():
        indicators.add(bar)
        means.append(indicators.ema)
    ends = (bars.minutes + bars.length / 2) / plot.minutes
    return svg.line("peer", ends, plot.prices(np.array(means)))


def _levels(plot: _Plot, trade: Trade) -> Iterable[Element]:
    """Yield the entry price and the stop, from the entry to the exit."""
    start, stop = plot.across(trade.entry), plot.across(plot.minutes if trade.exit is None else trade.exit + 1)
    for tone, price in (("entry", trade.entry_price), ("stop", trade.stop)):
        at = svg.share(1 - plot.up(price))
        ends = {"x1": svg.share(start), "x2": svg.share(stop), "y1": at, "y2": at}
        yield svg.element("line", {"class": f"level {tone}", **ends})


def _marks(plot: _Plot, session: SessionResult, trade: Trade) -> Iterable[Element]:
    """Yield a mark at the entry, and one with its name at the exit."""
    points = [(trade.entry, trade.entry_price, "entry")]
    if trade.exit is not None and trade.exit_price is not None:
        points.append((trade.exit, trade.exit_price, session.record.notes.value))
    for minute, price, name in points:
        at = {"x": svg.share(plot.across(minute)), "y": svg.share(1 - plot.up(price))}
        yield svg.element("circle", {"class": "own", "cx": at["x"], "cy": at["y"], "r": 4})
        anchor = "mark last" if plot.across(minute) > 0.9 else "mark"
        yield svg.element("text", {"class": anchor, **at, "dy": "-0.8em" if name == "entry" else "1.6em"}, text=name)


def _x(plot: _Plot, minutes: NDArray[np.floating[Any]]) -> list[int]:
    return np.rint(minutes / plot.minutes * svg.WIDTH).astype(np.int64).tolist()


def _y(plot: _Plot, prices: FloatArray) -> list[int]:
    return np.rint((1 - plot.prices(prices)) * svg.HEIGHT).astype(np.int64).tolist()
