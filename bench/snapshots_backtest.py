"""What a back-test on published snapshots costs over one of a direct profile with as many symbols: at most twice.

Both are whole commands on the same real prices, 2014 to 2018: `quant backtest` of the profile that holds thirty of some
360 stocks, out of 60 published snapshots, and of a strategy in a file that ranks the same stocks by momentum at month
ends out of their histories and holds thirty.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.snapshot_files import read_rows

PROFILE, ROUNDS, BOUND = "russell_1000_multi_factor_defensive", 5, 2.0
DATA = Path(os.environ.get("TEST_DATA_DIR", "../shared/data"))  # noqa: TID251
PRICES = ("--prices", str(DATA / "xs_us_daily_2012_2020.parquet"), "--prices", str(DATA / "etf_daily.parquet"))
LISTS = ("--sectors", str(DATA / "xs_us_sectors.csv"), "--membership", str(DATA / "sp500_membership_to_2020.csv"))
SPAN = ("--start", "2014-01-31", "--end", "2018-12-31")
TRADING = ("--execution", "ideal", "--fill", "next-close", "--cash", "1000000", "--json")
DIRECT = """
from pydantic import BaseModel
from quant_platform_kit.domain.indicators import momentum_13612w
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode

SYMBOLS = {symbols!r}


class Direct:
    manifest = StrategyManifest(
        profile="direct",
        display_name="Direct",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({{InputName.MARKET_HISTORY}}),
        managed=(*SYMBOLS, "BIL"),
        optional=frozenset(SYMBOLS),
        history_sessions=299,
        sources=("benchmark",),
    )

    class Config(BaseModel):
        pass

    def evaluate(self, ctx, config):
        if not ctx.session.ends_month:
            return self.manifest.hold(ctx)
        history = ctx.market_history
        momentum = momentum_13612w(history)
        last = dict(zip(history.symbols, history.close[-1].tolist(), strict=True))
        found = zip(history.symbols, momentum.tolist(), strict=True)
        best = sorted((-value, symbol) for symbol, value in found if value == value and last[symbol] == last[symbol])
        return self.manifest.rebalance(ctx, {{symbol: 1 / 30 for _, symbol in best[:30]}})
"""


def measure() -> dict[str, Any]:
    """Return the median ratio of five pairs of CPU time, and the medians."""
    if not DATA.is_dir():
        return {"skipped": f"no real prices in {DATA}; set TEST_DATA_DIR", "met": True}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        root, strategy = folder / "root", folder / "direct.py"
        span = ("--month-ends", "2014-01", "2018-12")
        _run("snapshots", "build", "--profile", PROFILE, *PRICES, *LISTS, *span, "--out", str(root), "--json")
        strategy.write_text(DIRECT.format(symbols=_stocks(root)))
        backed = ("--profile", PROFILE, "--snapshots", str(root))
        direct = ("--strategy", f"{strategy}:Direct")
        pairs = [(_backtest(folder, direct), _backtest(folder, backed)) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    return {
        "backed_over_direct": round(ratio, 2),
        "backed_seconds": round(statistics.median(ours for _, ours in pairs), 2),
        "direct_seconds": round(statistics.median(theirs for theirs, _ in pairs), 2),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _stocks(root: Path) -> tuple[str, ...]:
    """Return every stock of the snapshots below a root."""
    found: set[str] = set()
    for file in root.glob("versions/*/*.parquet"):
        found |= read_rows(file.read_bytes()).table().stocks
    return tuple(sorted(found))


def _backtest(folder: Path, chosen: tuple[str, ...]) -> float:
    return _run("quant", "backtest", *chosen, *PRICES, *SPAN, *TRADING, "--out", str(folder / "out"))


def _run(*command: str) -> float:
    """Run a command of this environment; return the CPU seconds it took."""
    before = os.times()
    program = str(Path(sys.executable).parent / command[0])
    subprocess.run([program, *command[1:]], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
