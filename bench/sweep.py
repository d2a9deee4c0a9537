"""`quant sweep` of 200 points on two processes against 200 calls of `backtest()` in one, and against ``vectorbt``.

Both begin with the price file; the sweep ends with its results, page and journal written. ``vectorbt`` 1.2.0 is given
the 200 sets of decided weights as arrays and simulates them at once, warm: it decides nothing, records nothing and
trades fractions. Its ratio is reported without a bound. The memory is the most that a worker had, against that of a
process that back-tests once.
"""

# pyright: reportMissingImports=false

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import vectorbt
from quant_platform_kit import backtest, load_prices, sweep
from quant_platform_kit.domain.performance import BacktestResult

from bench.market import FILE

PROFILE, PERIOD = "tqqq_growth_income", ("2011-01-03", "2023-12-29")
POINTS, STEP, WORKERS = 200, 0.002, 2
BOUND, MOST_MEMORY = 1.7, 1.3
ONCE = f"""
from quant_platform_kit import backtest, load_prices
backtest({PROFILE!r}, load_prices({str(FILE)!r}), *{PERIOD!r})
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def measure() -> dict[str, Any]:
    """Return times, their ratios and the memory."""
    if not FILE.is_file():
        raise SystemExit(f"{FILE} is not there; set TEST_DATA_DIR")
    single, results = _timed(_one_by_one)
    with TemporaryDirectory(prefix="sweep-") as folder, _Watch() as watch:
        both, _ = _timed(lambda: _swept(Path(folder) / "out"))
    peer, multiple = _vectorbt(results)
    once = int(subprocess.run([sys.executable, "-c", ONCE], capture_output=True, text=True, check=True).stdout)
    memory = max(watch.peaks.values()) / once
    return {
        "points": POINTS,
        "seconds": round(both, 2),
        "one_by_one_seconds": round(single, 2),
        "times_faster": round(single / both, 2),
        "bound": BOUND,
        "vectorbt_seconds": round(peer, 3),
        "vectorbt_times_faster": round(both / peer, 1),
        "final_multiple": round(results[0].summary.final_multiple, 4),
        "vectorbt_final_multiple": round(multiple, 4),
        "worker_mb": round(max(watch.peaks.values()) / 1024, 1),
        "once_mb": round(once / 1024, 1),
        "memory": round(memory, 2),
        "memory_bound": MOST_MEMORY,
        "met": single / both >= BOUND and memory <= MOST_MEMORY,
    }


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def _one_by_one() -> list[BacktestResult]:
    prices = load_prices(FILE)
    drifts = (Decimal(str(STEP)) * point for point in range(POINTS))
    return [backtest(PROFILE, prices, *PERIOD, config={"drift": str(drift)}).result for drift in drifts]


def _swept(out: Path) -> None:
    grid = {"drift": f"0:{STEP * (POINTS - 1):.3f}:{STEP}"}
    sweep(PROFILE, FILE, *PERIOD, out, grid=grid, workers=WORKERS)


def _vectorbt(results: list[BacktestResult]) -> tuple[float, float]:
    """Return the median time of a warm simulation of all weights, and the final multiple of the first set."""
    first = results[0]
    prices = load_prices(FILE)
    rows = np.isin(prices.days, np.array(first.sessions, dtype="datetime64[D]"))
    names = np.array(prices.symbols)[prices.codes[rows]]
    frame = pd.DataFrame({"day": prices.days[rows], "symbol": names, "close": prices.columns["adj_close"][rows]})
    closes = frame.pivot_table(index="day", columns="symbol", values="close")[list(first.symbols)].ffill()
    sizes = np.concatenate([_weights(result) for result in results], axis=1)
    tiled = pd.DataFrame(np.tile(closes.to_numpy(), len(results)), index=closes.index)
    groups = np.repeat(np.arange(len(results)), len(first.symbols))

    def run() -> Any:
        portfolio = vectorbt.Portfolio.from_orders(
            tiled, size=sizes, size_type="targetpercent", group_by=groups, cash_sharing=True, call_seq="auto", freq="1D"
        )
        return portfolio.final_value() / portfolio.init_cash

    run()
    timed = [_timed(run) for _ in range(3)]
    return statistics.median(seconds for seconds, _ in timed), float(timed[0][1].iloc[0])


def _weights(result: BacktestResult) -> Any:
    """Return the weights to hold from each session's close on, shape (n, k), NaN where nothing was decided."""
    weights = np.full((len(result.sessions), len(result.symbols)), np.nan)
    for day, record in enumerate(result.decisions):
        if record.decision.intent:
            targets = record.decision.intent.targets
            values = np.array([float(targets[symbol]) for symbol in result.symbols])
            weights[day + 1] = values / max(values.sum(), float(result.equity[day]))
    return weights


class _Watch:
    """Looks at the processes below this one, and keeps the most memory that each worker had, in KB."""

    def __init__(self) -> None:
        self.peaks: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            for task in Path("/proc/self/task").iterdir():
                for child in (task / "children").read_text().split():
                    self._note(int(child))

    def _note(self, child: int) -> None:
        try:
            status = Path(f"/proc/{child}/status").read_text()
        except OSError:
            return
        peak = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        if peak:
            self.peaks[child] = peak[0]
