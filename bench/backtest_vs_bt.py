"""`backtest()` against the package ``bt`` simulating the weights that it decided on.

Both start from loaded prices and end with a result in memory. ``bt`` is given the decisions; ``backtest()`` has to make
them, with every gate and a digest per session. The bound is 8 times faster, the aim 12.

The peer is ``bt`` 1.1.5 with the algos of its documentation (RunDaily, SelectAll, WeighTarget, Rebalance). Its later,
compiled releases are faster; RESULTS.md says by how much. ``bt_bare_seconds`` is the same version without the first two
algos, which only looks up weights.
"""

# pyright: reportMissingImports=false

import statistics
import time
from datetime import date
from typing import Any

import bt
import pandas as pd
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.prices import PriceTable
from quant_platform_kit.services.research.backtest import backtest

from bench.market import CALENDAR, settings, table

START, END = date(2008, 6, 2), date(2023, 12, 29)
BOUND, AIM, ROUNDS = 8.0, 12.0, 5


def measure() -> dict[str, Any]:
    """Return the median ratio of times of five rounds, and how well the two results agree."""
    strategy = bind(find_strategy("global_etf_rotation"))
    market, prices = table(strategy.manifest.symbols, date(2005, 1, 3), END)
    final = 0.0
    result = backtest(strategy, prices, CALENDAR, settings(START, END))
    ours: list[float] = []
    theirs: list[float] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = backtest(strategy, prices, CALENDAR, settings(START, END))
        ours.append(time.perf_counter() - began)
        seconds, final = _run(_peer(result, prices, [bt.algos.RunDaily(), bt.algos.SelectAll()]))
        theirs.append(seconds)
        bare.append(_run(_peer(result, prices, []))[0])
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    return {
        "market": market,
        "seconds": round(statistics.median(ours), 3),
        "bt_seconds": round(statistics.median(theirs), 3),
        "bt_bare_seconds": round(statistics.median(bare), 3),
        "times_faster": round(ratio, 1),
        "bound": BOUND,
        "aim": AIM,
        "final_multiple": round(result.summary.final_multiple, 4),
        "bt_final_multiple": round(float(final) / 100, 4),
        "met": ratio >= BOUND,
    }


def _run(peer: Any) -> tuple[float, float]:
    """Return how long ``bt`` takes, and its final price of 100."""
    began = time.perf_counter()
    final = bt.run(peer).prices.iloc[-1, 0]
    return time.perf_counter() - began, float(final)


def _peer(result: BacktestResult, prices: PriceTable, first: list[Any]) -> Any:
    """Return a ``bt`` back-test that trades each decision's weights at the close of the session after it."""
    closes = pd.DataFrame(prices.fields["close"], index=pd.DatetimeIndex(prices.dates), columns=list(prices.symbols))
    closes = closes.loc[str(START) : str(END), list(result.symbols)]
    rows = {
        pd.Timestamp(result.sessions[day + 1]): {s: float(w) for s, w in record.decision.intent.targets.items()}
        for day, record in enumerate(result.decisions)
        if record.decision.intent
    }
    weights = pd.DataFrame.from_dict(rows, orient="index")
    algos = [*first, bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
    strategy = bt.Strategy("peer", algos)
    return bt.Backtest(strategy, closes, initial_capital=1_000_000.0, integer_positions=False, progress_bar=False)
