"""Kill a sweep at random instants, go on each time, and hold it against one that ran through and against single tests.

``python -m chaos.sweep --points 200 --kills 3`` sweeps a setting of TQQQ Growth & Income over the test data's ETFs and
prints one JSON line. It ends with 1 where the results differ by a byte, the journals count otherwise, a figure is not
that of a single back-test, or a worker outlives the command that was killed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
from quant_platform_kit import backtest, load_prices
from quant_platform_kit.domain.digests import plain

from chaos.arguments import positive

PRICES = Path(os.environ.get("TEST_DATA_DIR", "../shared/data")) / "etf_daily.parquet"  # noqa: TID251
PROFILE, PERIOD = "tqqq_growth_income", ("2011-01-03", "2023-12-29")
STEP = 0.002
PATIENCE_SECONDS = 30
"""In which workers end after the command that they work for."""


def main() -> int:
    """Return 0 where everything is the same."""
    parser = argparse.ArgumentParser(prog="python -m chaos.sweep", description=__doc__)
    parser.add_argument("--points", type=positive, default=200)
    parser.add_argument("--kills", type=positive, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=positive, default=2)
    asked = parser.parse_args()
    if not PRICES.is_file():
        parser.error(f"{PRICES} is not there; set TEST_DATA_DIR")
    began = time.perf_counter()
    with TemporaryDirectory(prefix="sweep-") as name:
        broken, whole = Path(name) / "broken" / "out", Path(name) / "whole" / "out"
        chance, kept, left = Random(asked.seed), list[int](), 0
        for _ in range(asked.kills):
            reached, orphans = _killed(broken, asked, chance)
            kept.append(reached)
            left += orphans
        for out in (broken, whole):
            subprocess.run(_command(out, asked), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        faults = [*_differences(broken, whole, asked.points), *_figures(whole)]
    faults += [f"{left} workers outlived their command"] if left else []
    seconds = round(time.perf_counter() - began, 1)
    line = {"points": asked.points, "kills": asked.kills, "kept_at_kills": kept, "faults": faults, "seconds": seconds}
    sys.stdout.write(json.dumps(line) + "\n")
    return 1 if faults else 0


def _command(out: Path, asked: argparse.Namespace) -> list[str]:
    grid = f"drift=0:{STEP * (asked.points - 1):.3f}:{STEP}"
    words = ["--profile", PROFILE, "--prices", str(PRICES), "--start", PERIOD[0], "--end", PERIOD[1], "--grid", grid]
    script = "from quant_platform_kit.cli.main import main; main()"
    return [sys.executable, "-c", script, "sweep", *words, "--out", str(out), "--workers", str(asked.workers), "--json"]


def _killed(out: Path, asked: argparse.Namespace, chance: Random) -> tuple[int, int]:
    """Kill a sweep some time after it has gone on; return how many trials are kept, and workers that stay."""
    before = _kept(out)
    until = before + chance.randint(1, max(1, (asked.points - before) // 2))
    process = subprocess.Popen(
        _command(out, asked), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while _kept(out) < until and process.poll() is None:
        time.sleep(0.01)
    time.sleep(chance.random() / 2)
    process.kill()
    process.wait()
    end = time.monotonic() + PATIENCE_SECONDS
    while (members := _members(process.pid)) and time.monotonic() < end:
        time.sleep(0.1)
    for member in members:
        os.kill(member, signal.SIGKILL)
    return _kept(out), len(members)


def _kept(out: Path) -> int:
    return len(list((out / "points").glob("*.npz")))


def _members(session: int) -> list[int]:
    """Return the processes of a session."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        try:
            state, _, _, of = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(of) == session and state != "Z":
            found.append(int(folder.name))
    return found


def _differences(broken: Path, whole: Path, points: int) -> list[str]:
    faults = [
        f"{name} differs"
        for name in ("results.parquet", "equity.parquet")
        if (broken / name).read_bytes() != (whole / name).read_bytes()
    ]
    counted = [sorted((out.parent / "trials.jsonl").read_text().splitlines()) for out in (broken, whole)]
    if counted[0] != counted[1] or len(counted[0]) != points:
        faults.append(f"the journals count {len(counted[0])} and {len(counted[1])}")
    return faults


def _figures(out: Path) -> list[str]:
    """Return the trials whose figures are not those of a single back-test."""
    prices, faults = load_prices(PRICES), list[str]()
    for row in pq.read_table(out / "results.parquet").to_pylist():
        single = plain(backtest(PROFILE, prices, *PERIOD, config={"drift": row["config_drift"]}).summary)
        if wrong := [name for name, value in single.items() if row[name] != value]:
            faults.append(f"drift {row['config_drift']}: {', '.join(wrong)}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
