"""The features of snapshots as one writes them in pandas: a frame in long format, ``groupby`` and ``rolling``."""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

pd: Any = import_module("pandas")  # of the bench group alone

COLUMNS = ["date", "symbol", "close", "adj_close", "volume"]
YEAR = 252


def features(paths: Sequence[Path], as_ofs: Sequence[date], since: date | None = None) -> Any:
    """Return the features of all symbols at some sessions.

    Parameters
    ----------
    paths
        Of the stocks' prices and of those of the funds.
    since
        Leave out bars before.
    """
    data = _read(paths, since)
    out = pd.DataFrame({"date": data.date, "symbol": data.symbol})
    symbol, close = data.symbol, data.adj_close
    of_symbol = close.groupby(symbol, sort=False)

    def rolling(series: Any, sessions: int) -> Any:
        return series.groupby(symbol, sort=False).rolling(sessions)

    dollars = data.close * data.volume
    out["adv20_usd"] = rolling(dollars, 20).mean().to_numpy()
    out["dvol63_usd"] = rolling(dollars, 63).median().to_numpy()
    out["mom_6_1"] = of_symbol.shift(21) / of_symbol.shift(147) - 1
    out["mom_12_1"] = of_symbol.shift(21) / of_symbol.shift(273) - 1
    for sessions in (20, 50, 200):
        out[f"sma{sessions}_gap"] = close.to_numpy() / rolling(close, sessions).mean().to_numpy() - 1
    returns = of_symbol.pct_change(fill_method=None)
    for sessions in (20, 63, 126):
        out[f"vol_{sessions}"] = rolling(returns, sessions).std().to_numpy() * np.sqrt(YEAR)
    spy = data[symbol == "SPY"].set_index("date").adj_close.pct_change(fill_method=None)
    market = data.date.map(spy)
    products = {"x": returns, "m": market, "xm": returns * market, "xx": returns**2, "mm": market**2}
    mean = {name: rolling(series, YEAR).mean().to_numpy() for name, series in products.items()}
    covariance, variance = mean["xm"] - mean["x"] * mean["m"], mean["mm"] - mean["m"] ** 2
    out["beta_252"] = covariance / variance
    out["corr_252"] = covariance / np.sqrt(variance * (mean["xx"] - mean["x"] ** 2))
    for sessions in (63, 252):
        out[f"high_{sessions}_gap"] = close.to_numpy() / rolling(close, sessions).max().to_numpy() - 1
    out["maxdd_126"] = rolling(close, 126).apply(_drawdown, raw=True).to_numpy()
    return out[out.date.isin([pd.Timestamp(day) for day in as_ofs])]


def difference(frame: Any, rows: Mapping[str, Any]) -> float:
    """Return the largest difference between the rows of a session and what is found for it, dollars relatively."""
    of_day = frame[frame.date == pd.Timestamp(rows["as_of"][0])].set_index("symbol").loc[list(rows["symbol"])]
    largest = 0.0
    for name in (name for name in of_day.columns if name != "date"):
        ours, theirs = np.asarray(rows[name]), of_day[name].to_numpy()
        known = ~np.isnan(ours)
        scale = np.abs(theirs[known]) if name.endswith("_usd") else 1.0
        largest = max(largest, float(np.max(np.abs(ours[known] - theirs[known]) / scale, initial=0.0)))
    return largest


def _read(paths: Sequence[Path], since: date | None) -> Any:
    stocks, funds = (pd.read_parquet(path, columns=COLUMNS) for path in paths)
    funds = funds[funds.symbol.isin(["QQQ", "SPY"]) & (funds.date >= stocks.date.min())]
    data = pd.concat([stocks, funds[funds.date <= stocks.date.max()]])
    if since is not None:
        data = data[data.date >= pd.Timestamp(since)]
    data = data.astype({"close": "f8", "adj_close": "f8", "volume": "f8"})
    return data.sort_values(["symbol", "date"], ignore_index=True)


def _drawdown(closes: Any) -> float:
    return float((closes / np.maximum.accumulate(closes)).min() - 1)
