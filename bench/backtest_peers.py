"""`backtest()` against packages that simulate the weights it decided on: ``bt``, and ``vectorbt`` when warm.

All start from loaded prices and end with a result in memory: the value on every session, what was held, the orders and
the figures. The peers are given the decisions; ``backtest()`` has to make them, with every gate, and a digest each.

``bt`` is given the four algos of its documentation (RunDaily, SelectAll, WeighTarget, Rebalance); ``bt_bare`` is
without the first two, and then only looks up weights. ``vectorbt`` is timed after a first call, which compiles;
``vectorbt_value`` ends with the value on every session, ``vectorbt_orders`` with the orders.
"""

# pyright: reportMissingImports=false

import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.services.research.backtest import backtest

from bench.market import CALENDAR, settings, table

START, END = date(2008, 6, 2), date(2023, 12, 29)
CASH = 1_000_000.0
TIMES_FASTER, TIMES_AS_LONG = 10.0, 4.0
ROUNDS = 7


def measure(peer: str) -> dict[str, Any]:
    """Return the median ratio of times of some rounds, and how well the two results agree."""
    strategy = bind(find_strategy("global_etf_rotation"))
    market, prices = table(strategy.manifest.symbols, date(2005, 1, 3), END)
    result = backtest(strategy, prices, CALENDAR, settings(START, END))
    closes, weights = _closes(result, prices), decided_weights(result)
    peers = {"bt": _bt, "vectorbt": _vectorbt}[peer](closes, weights)
    multiple = {name: run() for name, run in peers.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
    for _ in range(ROUNDS):
        seconds["ours"].append(_timed(lambda: backtest(strategy, prices, CALENDAR, settings(START, END))))
        for name, run in peers.items():
            seconds[name].append(_timed(run))
    return {
        "market": market,
        **{f"{name}_seconds": round(statistics.median(times), 4) for name, times in seconds.items()},
        **_judged(peer, seconds["ours"], seconds[peer]),
        "final_multiple": round(result.summary.final_multiple, 4),
        f"{peer}_final_multiple": round(multiple[peer], 4),
    }


def _judged(peer: str, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    if peer == "bt":
        faster = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        return {"times_faster": round(faster, 1), "bound": TIMES_FASTER, "met": faster >= TIMES_FASTER}
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return {"times_as_long": round(ratio, 2), "bound": TIMES_AS_LONG, "met": ratio <= TIMES_AS_LONG}


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _closes(result: BacktestResult, prices: PriceTable) -> pd.DataFrame:
    closes = pd.DataFrame(prices.fields["close"], index=pd.DatetimeIndex(prices.dates), columns=list(prices.symbols))
    return closes.loc[str(START) : str(END), list(result.symbols)]


def decided_weights(result: BacktestResult) -> pd.DataFrame:
    """Return each decision's weights, to be traded at the close of the session after it."""
    rows = {
        pd.Timestamp(result.sessions[day + 1]): {s: float(w) for s, w in record.decision.intent.targets.items()}
        for day, record in enumerate(result.decisions)
        if record.decision.intent
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _bt(closes: pd.DataFrame, weights: pd.DataFrame) -> dict[str, Callable[[], Any]]:
    """Return ``bt`` with its documented algos, and with those that only look up weights."""
    import bt

    def run(*first: Any) -> float:
        strategy = bt.Strategy("peer", [*first, bt.algos.WeighTarget(weights), bt.algos.Rebalance()])
        peer = bt.Backtest(strategy, closes, initial_capital=CASH, integer_positions=False, progress_bar=False)
        return float(bt.run(peer).prices.iloc[-1, 0]) / 100

    return {"bt": lambda: run(bt.algos.RunDaily(), bt.algos.SelectAll()), "bt_bare": run}


def _vectorbt(closes: pd.DataFrame, weights: pd.DataFrame) -> dict[str, Callable[[], Any]]:
    """Return ``vectorbt`` with all that `backtest()` returns, with the values only, and with the orders only."""
    import vectorbt

    # one account of all symbols, which sells before it buys
    account: dict[str, Any] = {"group_by": True, "cash_sharing": True, "call_seq": "auto"}

    def orders() -> Any:
        sizes = weights.reindex(index=closes.index, columns=closes.columns)
        return vectorbt.Portfolio.from_orders(
            closes, sizes, size_type="targetpercent", init_cash=CASH, freq="1D", **account
        )

    def value(portfolio: Any) -> float:
        return float(portfolio.value().iloc[-1]) / CASH

    def whole() -> float:
        portfolio = orders()
        portfolio.asset_value(group_by=False)
        for figure in ("max_drawdown", "sharpe_ratio", "annualized_return", "annualized_volatility"):
            getattr(portfolio, figure)()
        return value(portfolio)

    return {"vectorbt": whole, "vectorbt_value": lambda: value(orders()), "vectorbt_orders": orders}
