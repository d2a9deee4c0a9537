"""DP20 on 54 sessions against the package ``backtesting`` 0.6.6, which is given the open that a stop is reckoned from.

In process both start from loaded bars: at least 75 times faster. The whole command, which also checks the bars and
merges a journal durably, takes at most half the CPU time of a bare script with the package. Both make the same trades.
"""

import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from trading_playbook.backtest import Backtest, backtest
from trading_playbook.days import days_between
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.sources.files import FileSource

from bench import playbook_peer

DATA = Path(os.environ.get("TEST_DATA_DIR", "../shared/data"))  # noqa: TID251
BARS, DAILY = DATA / "intraday_1min.parquet", DATA / "intraday_warmup_daily.csv"
START, END = date(2025, 9, 15), date(2025, 11, 28)
ROUNDS, EACH, COMMANDS = 5, 20, 5
FASTER_BOUND, COMMAND_BOUND = 75.0, 0.5
TRADES = 29


def measure() -> dict[str, Any]:
    """Return the medians of the ratios of CPU time."""
    if not BARS.is_file():
        return {"skipped": f"no real bars in {DATA}; set TEST_DATA_DIR", "met": True}
    calendar = load_calendar("XNYS")
    source, days, numbers = (
        FileSource(BARS, DAILY, "QQQ", calendar),
        days_between(calendar, START, END),
        Dp20Parameters(),
    )
    frames = playbook_peer.read(str(BARS), str(DAILY))

    def ours() -> Backtest:
        return backtest(source, days, calendar, numbers)

    def theirs(*, on_arrays: bool = False) -> Any:
        with contextlib.redirect_stderr(io.StringIO()):
            return playbook_peer.run(*frames, on_arrays=on_arrays)

    def on_arrays() -> Any:
        return theirs(on_arrays=True)

    _check_trades(ours(), theirs())
    _check_trades(ours(), on_arrays())
    rounds = [(_seconds(ours, EACH), _seconds(theirs, 1), _seconds(on_arrays, 1)) for _ in range(ROUNDS)]
    faster, than_on_arrays = (statistics.median(each[peer] / each[0] for each in rounds) for peer in (1, 2))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        commands = [_commands(Path(folder), number) for number in range(COMMANDS)]
    share = statistics.median(own / peer for own, peer in commands)
    return {
        "seconds": round(statistics.median(own for own, _, _ in rounds), 5),
        "peer_seconds": round(statistics.median(peer for _, peer, _ in rounds), 3),
        "peer_on_arrays_seconds": round(statistics.median(peer for _, _, peer in rounds), 3),
        "times_faster": round(faster, 1),
        "times_faster_than_on_arrays": round(than_on_arrays, 1),
        "bound": FASTER_BOUND,
        "command_seconds": round(statistics.median(own for own, _ in commands), 2),
        "peer_script_seconds": round(statistics.median(peer for _, peer in commands), 2),
        "command_over_script": round(share, 2),
        "command_bound": COMMAND_BOUND,
        "trades": TRADES,
        "met": faster >= FASTER_BOUND and share <= COMMAND_BOUND,
    }


def _check_trades(tested: Backtest, peers: Any) -> None:
    """Refuse to compare two that do not make the same trades."""
    ours = [
        (f"{row.trade_date} {row.entry_time}", f"{row.exit_time}", row.entry_price, row.eod_exit_price)
        for row in tested.records
        if row.entered
    ]
    theirs = [
        (f"{each.EntryTime}", f"{each.ExitTime.time()}", round(each.EntryPrice, 6), round(each.ExitPrice, 6))
        for each in peers.sort_values("EntryTime").itertuples()
    ]
    if ours != theirs or len(ours) != TRADES:
        raise RuntimeError(f"other trades: {sorted(set(ours) ^ set(theirs))[:6]}")


def _seconds(action: Callable[[], object], times: int) -> float:
    """Return the CPU seconds that an action takes."""
    began = time.process_time()
    for _ in range(times):
        action()
    return (time.process_time() - began) / times


def _commands(folder: Path, number: int) -> tuple[float, float]:
    """Return the CPU seconds of the whole command and of the bare script."""
    span = ("--symbol", "QQQ", "--start", str(START), "--end", str(END), "--bars", str(BARS), "--daily", str(DAILY))
    ours = ("trading_playbook.cli.backtest", *span, "--output", str(folder / f"{number}" / "trades.csv"))
    theirs = ("bench.playbook_peer", str(BARS), str(DAILY), str(folder / f"peer-{number}.csv"))
    return _run(*ours), _run(*theirs)


def _run(*words: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
