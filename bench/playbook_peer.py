"""DP20 as one writes it for the package ``backtesting``: a `Strategy` on minutes, which is asked at every bar.

`Dp20` decides bar by bar, from the package's own data; it is handed what the next bar's open and minute are, because an
order is sent before it. `Dp20OnArrays` has everything worked out with pandas before the first bar, and looks it up.

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
MORNING, NIGHT = 570, 1440
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


def run(minutes: Any, before: Any, *, on_arrays: bool = False) -> Any:
    """Return the trades."""
    strategy = type("Peer", (Dp20OnArrays if on_arrays else Dp20,), {"before": before})
    return backtesting.Backtest(minutes, strategy, cash=CASH).run()["_trades"]


class Dp20(backtesting.Strategy):
    """The rules, bar by bar."""

    before: Any

    def init(self) -> None:
        """Take what the package does not show: the next bar, and the first one of all, at which it does not ask."""
        index, opens = self.data.index, self.data.Open
        minute = np.asarray(index.hour * 60 + index.minute) - MORNING
        is_last = np.append(index[1:].normalize() != index[:-1].normalize(), True)
        self.next_minute = np.where(is_last, 2 * NIGHT, np.append(minute[1:], 0))
        self.next_open = np.append(opens[1:], np.nan)
        self.day = None
        self._take(0, index[0], *(float(column[0]) for column in self._columns()))

    def next(self) -> None:
        """Take in a minute."""
        data = self.data
        self._take(len(data) - 1, data.index[-1], *(column[-1] for column in self._columns()))

    def _columns(self) -> Any:
        data = self.data
        return data.Open, data.High, data.Low, data.Close

    def _take(self, now: int, time: Any, *prices: float) -> None:
        if time.date() != self.day:
            self.day, self.count, self.slot = time.date(), 0, None
            self.stage = "calm" if prices[0] > self.before[time.normalize()] else "over"
            self.leaves = HALF_DAYS.get(str(self.day), 390) - LEAVES
        minute = time.hour * 60 + time.minute - MORNING
        following = self.next_minute[now]
        if self.position and minute < self.leaves <= following:
            self.position.close()
        _, high, low, close = prices
        if self.slot is not None:
            high, low = max(self.slot[0], high), min(self.slot[1], low)
        self.slot = (high, low, close)
        if following // BAR != minute // BAR:
            self._end(minute // BAR * BAR, high, low, close)
            if self.stage == "confirmed":
                self.stage = "over"
                self.buy(size=1, sl=self.next_open[now] - STOP * self.atr)
            self.slot = None

    def _end(self, start: int, high: float, low: float, close: float) -> None:
        """Judge a bar that has ended."""
        self.count += 1
        if self.count == 1:
            self.ema, self.atr = close, high - low
        else:
            reach, known = max(high, self.close) - min(low, self.close), min(self.count, ATR)
            self.ema += 2 / (EMA + 1) * (close - self.ema)
            self.atr = ((known - 1) * self.atr + reach) / known
        self.close = close
        if start < OPENS or self.stage == "over":
            return
        if start + BAR > CLOSES:
            self.stage = "over"
        elif self.stage == "calm" and close < self.ema - TOLERANCE:
            self.stage = "armed"
        elif self.stage == "armed" and close > self.ema + TOLERANCE and _is_strong(high, low, close):
            self.stage = "reversed"
        elif self.stage == "reversed":
            self.stage = "armed" if close < self.ema - TOLERANCE else "confirmed"


class Dp20OnArrays(backtesting.Strategy):
    """The rules, looked up."""

    before: Any

    def init(self) -> None:
        """Fold the minutes, and find the mean of closes and the average true range of every session."""
        frame = self.data.df
        day = frame.index.normalize()
        minute = ((frame.index - day).total_seconds() // 60).astype(int) - MORNING
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
        self.ema = _spread(ends, ema)
        self.atr = _spread(ends, ranges.transform(lambda each: _wilder(each.to_numpy())))
        self.high, self.low = _spread(ends, folded.High), _spread(ends, folded.Low)
        self.starts, self.ends = minute // BAR * BAR, ends
        self.first = np.append(True, day[1:] != day[:-1])
        self.trend = frame.Open.to_numpy() > self.before.reindex(day).to_numpy()
        leaves = np.array([HALF_DAYS.get(str(each.date()), 390) - LEAVES for each in day])
        self.leaving = np.append((minute[1:] >= leaves[1:]) & (minute[:-1] < leaves[:-1]), False)
        self.next_open = np.append(frame.Open.to_numpy()[1:], np.nan)
        self.stage = "calm" if self.trend[0] else "over"  # the package never asks at the first bar of all

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
        elif self.stage == "armed" and close > ema + TOLERANCE and _is_strong(self.high[now], self.low[now], close):
            self.stage = "reversed"
        elif self.stage == "reversed":
            self.stage = "armed" if close < ema - TOLERANCE else "over"
            if self.stage == "over":
                self.buy(size=1, sl=self.next_open[now] - STOP * self.atr[now])


def _is_strong(high: float, low: float, close: float) -> bool:
    return high - low > TOLERANCE and (close - low) / (high - low) > STRENGTH + TOLERANCE


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
