"""``quant backtest`` as a whole process against a bare script that calls ``bt`` on the same file and weights.

``quant backtest`` decides the weights, and writes its report, its page and every decision as well.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.services.research.backtest import backtest

from bench.backtest_peers import CASH, END, START, decided_weights
from bench.market import CALENDAR, FILE, settings, table

PROFILE = "global_etf_rotation"
BOUND, ROUNDS = 2.0, 5
BARE = f"""
import sys
import bt
import pandas
import pyarrow.parquet

prices, weights = sys.argv[1:]
weights = pandas.read_parquet(weights)
rows = pyarrow.parquet.read_table(prices, columns=["date", "symbol", "adj_close"]).to_pandas()
closes = rows.pivot(index="date", columns="symbol", values="adj_close")
closes.index = pandas.DatetimeIndex(closes.index)
closes = closes.loc["{START}":"{END}", list(weights.columns)]
algos = [bt.algos.RunDaily(), bt.algos.SelectAll(), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
strategy = bt.Strategy("peer", algos)
peer = bt.Backtest(strategy, closes, initial_capital={CASH}, integer_positions=False, progress_bar=False)
print(bt.run(peer).prices.iloc[-1, 0] / 100)
"""


def measure() -> dict[str, Any]:
    """Return the median ratio of the wall times of some rounds, one process after the other."""
    if not FILE.is_file():
        return {"met": False, "why": f"{FILE} is not there: the comparison reads a file"}
    strategy = bind(find_strategy(PROFILE))
    _, prices = table(strategy.manifest.symbols, START, END)
    result = backtest(strategy, prices, CALENDAR, settings(START, END))
    with tempfile.TemporaryDirectory() as place:
        weights = Path(place) / "weights.parquet"
        decided_weights(result).to_parquet(weights)
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(ROUNDS):
            ours.append(_seconds(*_command(Path(place) / f"out-{len(ours)}")))
            bare.append(_seconds(sys.executable, "-c", BARE, str(FILE), str(weights)))
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    return {
        "seconds": round(statistics.median(ours), 2),
        "bare_seconds": round(statistics.median(bare), 2),
        "ratio": round(ratio, 2),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _command(out: Path) -> tuple[str, ...]:
    quant = str(Path(sys.executable).with_name("quant"))
    span = ("--start", str(START), "--end", str(END))
    trading = ("--price-field", "adj_close", "--fill", "next-close")
    return (quant, "backtest", "--profile", PROFILE, "--prices", str(FILE), *span, *trading, "--out", str(out))


def _seconds(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
