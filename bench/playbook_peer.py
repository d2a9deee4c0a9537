"""DP20 as one writes it for the package ``backtesting``: a `Strategy` on minutes, which is asked at every bar.

``python -m bench.playbook_peer BARS DAILY OUTPUT`` is a bare script with it: read, run, write the trades.
"""

import sys
from importlib import import_module
from typing import Any

import numpy as np

pd: Any = import_module("pandas")  # of the bench group alone, as the next one
backtesting: Any = import_module("backtesting")

SYMBOL, CASH = "QQQ", 1_000_000
BAR, EMA, ATR, SMA = 2, 20, 14, 200
OPENS, CLOSES, LEAVES = 30, 60, 5
STRENGTH, STOP, TOLERANCE = 0.60, 1.2, 1e-9
HALF_DAYS = {"2025-11-28": 210}
"""Minutes of the sessions that end early."""
COLUMNS = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "volume": "Volume"}


def read(bars: str, daily: str) -> tuple[Any, Any]:
    """Return the minutes as the package takes them, and the mean of the closes before each day."""
    minutes = pd.read_parquet(bars)
    minutes = minutes[(minutes.symbol == SYMBOL) & minutes.rth].rename(columns=COLUMNS).set_index("bar_start_et")
    closes = pd.read_csv(daily, parse_dates=["date"])
    closes = closes[closes.symbol == SYMBOL].set_index("date").close
    before = {day: closes[closes.index < day].iloc[-SMA:].mean() for day in minutes.index.normalize().unique()}
    return minutes[list(COLUMNS.values())].astype("f8"), pd.Series(before)


def run(minutes: Any, before: Any, *, is_bare: bool = False) -> Any:
    """Return the trades; bare without the package's own indicators."""
    strategy = type("Dp20", (Dp20,), {"before": before, "is_bare": is_bare})
    return backtesting.Backtest(minutes, strategy, cash=CASH).run()["_trades"]


class Dp20(backtesting.Strategy):
    """The rules; what they look at are indicators, as in the package's documentation, or plain arrays."""

    before: Any
    is_bare: bool

    def init(self) -> None:
        """Fold the minutes, and find the mean of closes and the average true range of every session."""
        frame = self.data.df
        day = frame.index.normalize()
        minute = ((frame.index - day).total_seconds() // 60).astype(int) - 570
        slot = pd.Series(minute // BAR, frame.index)
        ends = np.append((slot.to_numpy()[1:] != slot.to_numpy()[:-1]) | (day[1:] != day[:-1]), True)
        folded = frame.groupby([day, slot.to_numpy()], sort=False).agg(
            {"Open": "first", "High": "max", "Low": "min", "Close": "last"}
        )
        of_day = folded.Close.groupby(level=0, sort=False)
        last = of_day.shift(1).fillna(folded.Close.where(of_day.cumcount() > 0, np.nan)).to_numpy()
        high, low = np.fmax(folded.High.to_numpy(), last), np.fmin(folded.Low.to_numpy(), last)
        ranges = pd.Series(high - low, folded.index).groupby(level=0, sort=False)
        ema = of_day.transform(lambda each: each.ewm(span=EMA, adjust=False).mean())
        self.ema = self._kept(_spread(ends, ema))
        self.atr = self._kept(_spread(ends, ranges.transform(lambda each: _wilder(each.to_numpy()))))
        self.high, self.low = self._kept(_spread(ends, folded.High)), self._kept(_spread(ends, folded.Low))
        self.starts, self.ends = self._kept(minute // BAR * BAR), self._kept(ends)
        self.first = self._kept(np.append(True, day[1:] != day[:-1]))
        trend = frame.Open.to_numpy() > self.before.reindex(day).to_numpy()
        self.trend = self._kept(trend)
        leaves = np.array([HALF_DAYS.get(str(each.date()), 390) - LEAVES for each in day])
        self.leaving = self._kept(np.append((minute[1:] >= leaves[1:]) & (minute[:-1] < leaves[:-1]), False))
        self.next_open = self._kept(np.append(frame.Open.to_numpy()[1:], np.nan))
        self.stage = "calm" if trend[0] else "over"  # the package never asks at the first bar of all

    def next(self) -> None:
        """Judge the bar that has ended, if one has."""
        now = len(self.data) - 1
        if self.leaving[now] and self.position:
            self.position.close()
        if self.first[now]:
            self.stage = "calm" if self.trend[now] else "over"
        start = self.starts[now]
        if not self.ends[now] or self.stage == "over" or start < OPENS:
            return
        if start + BAR > CLOSES:
            self.stage = "over"
            return
        close, ema = self.data.Close[-1], self.ema[now]
        if self.stage == "calm" and close < ema - TOLERANCE:
            self.stage = "armed"
        elif self.stage == "armed" and close > ema + TOLERANCE and self._is_strong(now, close):
            self.stage = "reversed"
        elif self.stage == "reversed":
            self.stage = "armed" if close < ema - TOLERANCE else "over"
            if self.stage == "over":
                self.buy(size=1, sl=self.next_open[now] - STOP * self.atr[now])

    def _is_strong(self, now: int, close: float) -> bool:
        reach = self.high[now] - self.low[now]
        return reach > TOLERANCE and (close - self.low[now]) / reach > STRENGTH + TOLERANCE

    def _kept(self, values: Any) -> Any:
        return values if self.is_bare else self.I(lambda: values, plot=False)


def _spread(ends: Any, values: Any) -> Any:
    """Return values of bars at the last minute of each."""
    spread = np.full(len(ends), np.nan)
    spread[ends] = values.to_numpy()
    return spread


def _wilder(ranges: Any) -> Any:
    averages = np.cumsum(ranges) / np.arange(1, len(ranges) + 1)
    for number in range(ATR, len(ranges)):
        averages[number] = ((ATR - 1) * averages[number - 1] + ranges[number]) / ATR
    return averages


if __name__ == "__main__":
    run(*read(*sys.argv[1:3])).to_csv(sys.argv[3])
