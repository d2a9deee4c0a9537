"""Building feature snapshots from the files: time against pandas, memory against the read alone, growth, workers.

Both sides of the time start after their imports, read the price files, and end with the features of the asked sessions
in memory. Ours also takes digests of all files, reads sectors and membership, checks every bar, and chooses rows. The
peer is what the formulas look like in pandas: one frame in long format, ``groupby`` and ``rolling``, the drawdown by
``rolling.apply`` over NumPy arrays. It computes every session, as ``rolling`` does; ``pandas_of_a_year_seconds`` is the
same on a frame that was cut to what one session reads.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from snapshot_pipelines.build.rows import rows_at
from snapshot_pipelines.build.sources import Inputs, read_market

arrow: Any = import_module("pyarrow")  # ships no types
compute: Any = import_module("pyarrow.compute")
parquet: Any = import_module("pyarrow.parquet")

CALENDAR = load_calendar("XNYS")
DATA = Path(os.environ.get("TEST_DATA_DIR", "../shared/data"))  # noqa: TID251
NAMES = ("xs_us_daily_2012_2020.parquet", "etf_daily.parquet", "xs_us_sectors.csv", "sp500_membership_to_2020.csv")
FIRST, LAST = date(2012, 1, 3), date(2020, 12, 11)
ONE = date(2018, 11, 30)
COLUMNS = ["date", "symbol", "close", "adj_close", "volume"]
BOUNDS = {"one": 15.0, "many": 10.0, "memory": 1.6, "growth": 2.0}
ROUNDS, COPIES = 5, 16

_READ_ALONE = """
import json, resource, sys
import numpy, pyarrow.parquet
held = [pyarrow.parquet.ParquetFile(path).read(columns=COLUMNS) for path in sys.argv[1:3]]
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
""".replace("COLUMNS", repr(COLUMNS))
_BUILD = """
import json, resource, sys
from pathlib import Path
from bench.snapshots_build import CALENDAR, inputs, many
from snapshot_pipelines.build.rows import rows_at
from snapshot_pipelines.build.sources import read_market
market, _ = read_market(inputs([Path(name) for name in sys.argv[1:]]), CALENDAR)
for as_of in many():
    rows_at(market, as_of)
assert "pandas" not in sys.modules
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


def measure(what: str) -> dict[str, Any]:
    """Return the figures of one question: one, many, memory, growth or workers."""
    with _files() as (market, files):
        return {"market": market, **_QUESTIONS[what](files)}


def inputs(files: Sequence[Path]) -> Inputs:
    """Return the four files as what is built from."""
    return Inputs(files[:2], files[2], files[3])


def many() -> list[date]:
    """Return 108 sessions: every month end from 2012-01 to 2020-11, and the last session of the prices."""
    sessions = CALENDAR.between(FIRST, LAST)
    return [day for day in sessions if CALENDAR.session(day).ends_month] + [sessions[-1]]


def _time(files: Sequence[Path], as_ofs: Sequence[date], bound: float) -> dict[str, Any]:
    peer: Any = import_module("bench.snapshots_peer")  # brings pandas, which no process of ours has
    ours: list[float] = []
    theirs: list[float] = []
    shares: list[float] = []
    differs: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        market, _ = read_market(inputs(files), CALENDAR)
        read = time.perf_counter() - began
        rows = [rows_at(market, as_of) for as_of in as_ofs]
        ours.append(time.perf_counter() - began)
        shares.append(read / ours[-1])
        began = time.perf_counter()
        frame = peer.features(files[:2], as_ofs)
        theirs.append(time.perf_counter() - began)
        differs += [peer.difference(frame, one) for one in rows]
    began = time.perf_counter()
    for path in files:
        hashlib.sha256(path.read_bytes()).digest()
    hashing = time.perf_counter() - began
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    figures = {
        "as_ofs": len(as_ofs),
        "seconds": round(statistics.median(ours), 3),
        "pandas_seconds": round(statistics.median(theirs), 3),
        "times_faster": round(ratio, 1),
        "bound": bound,
        "share_of_read_and_hash": round(statistics.median(shares), 2),
        "share_of_hash": round(hashing / statistics.median(ours), 2),
        "largest_difference": float(f"{max(differs):.1e}"),
        "met": ratio >= bound and max(differs) < 1e-9,
    }
    if len(as_ofs) == 1:
        began = time.perf_counter()
        peer.features(files[:2], as_ofs, since=as_ofs[0] - timedelta(days=420))
        figures["pandas_of_a_year_seconds"] = round(time.perf_counter() - began, 3)
    return figures


def _memory(files: Sequence[Path]) -> dict[str, Any]:
    pairs = [(_peak(_READ_ALONE, files), _peak(_BUILD, files)) for _ in range(ROUNDS)]
    ratio = statistics.median(build / read for read, build in pairs)
    return {
        "peak_mb": round(statistics.median(build for _, build in pairs) / 1024),
        "read_alone_mb": round(statistics.median(read for read, _ in pairs) / 1024),
        "times_the_read_alone": round(ratio, 2),
        "bound": BOUNDS["memory"],
        "met": ratio <= BOUNDS["memory"],
    }


def _growth(files: Sequence[Path]) -> dict[str, Any]:
    """Build 108 sessions of one, four and sixteen times the stocks; proportional would be 1, quadratic 4."""
    with tempfile.TemporaryDirectory() as folder:
        few, lot = _copies(files, Path(folder, "few"), COPIES // 4), _copies(files, Path(folder, "lot"), COPIES)
        rounds = [(_seconds(files), _seconds(few), _seconds(lot)) for _ in range(ROUNDS)]
        ratio = statistics.median(c / b for _, b, c in rounds) / 4
        seconds = [round(statistics.median(each), 3) for each in zip(*rounds, strict=True)]
        return {
            "seconds_of_422_symbols": seconds[0],
            "seconds_of_1688": seconds[1],
            "seconds_of_6752": seconds[2],
            "6752_over_1688_over_proportional": round(ratio, 2),
            "peak_mb_of_6752": round(_peak(_BUILD, lot) / 1024),
            "bound": BOUNDS["growth"],
            "met": ratio <= BOUNDS["growth"],
        }


def _workers(files: Sequence[Path]) -> dict[str, Any]:
    """Build and encode 108 sessions of the copies, alone and with two processes that are started for it."""
    with tempfile.TemporaryDirectory() as folder:
        large = _copies(files, Path(folder, "lot"), COPIES)
        pairs = [(_command(large, Path(folder), 1), _command(large, Path(folder), 2)) for _ in range(3)]
        return {
            "symbols": 422 * COPIES,
            "as_ofs": len(many()) - 1,
            "seconds": round(statistics.median(one for one, _ in pairs), 2),
            "seconds_of_2_workers": round(statistics.median(two for _, two in pairs), 2),
            "times_faster": round(statistics.median(one / two for one, two in pairs), 2),
            "met": True,
        }


def _seconds(files: Sequence[Path]) -> float:
    began = time.perf_counter()
    market, _ = read_market(inputs(files), CALENDAR)
    for as_of in many():
        rows_at(market, as_of)
    return time.perf_counter() - began


def _command(files: Sequence[Path], folder: Path, workers: int) -> float:
    """Return how long `snapshots build` takes, its start included."""
    code = "from snapshot_pipelines.cli.main import main; main()"
    with tempfile.TemporaryDirectory(dir=folder) as out:
        options = ["--profile", "mega_cap_leader_rotation", "--month-ends", "2012-01", "2020-11", "--out", out]
        options += [word for path in files[:2] for word in ("--prices", str(path))]
        options += ["--sectors", str(files[2]), "--membership", str(files[3]), "--workers", str(workers)]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, "build", *options], check=True, capture_output=True)
        return time.perf_counter() - began


def _peak(code: str, files: Sequence[Path]) -> int:
    """Return the most memory, in KiB, that a fresh interpreter has held."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, files)], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    return json.loads(done.stdout)


# --- files ---------------------------------------------------------------------------------------


@contextmanager
def _files() -> Iterator[tuple[str, list[Path]]]:
    """Give the real files where the test data is present, invented ones of the same size elsewhere."""
    real = [DATA / name for name in NAMES]
    if all(path.is_file() for path in real):
        yield "real", real
        return
    with tempfile.TemporaryDirectory() as folder:
        invented = [Path(folder, name) for name in NAMES]
        stocks = [f"S{n:03d}" for n in range(422)]
        _invent(invented[0], stocks, FIRST)
        _invent(invented[1], ["QQQ", "SPY"], date(2005, 1, 3))
        _write_lines(invented[2], "symbol,name,gics_sector,label_as_of", (f"{s},{s},Energy,2020-07-23" for s in stocks))
        _write_lines(invented[3], "ticker,start_date,end_date", (f"{s},2000-01-03," for s in stocks))
        yield "synthetic", invented


def _invent(path: Path, symbols: Sequence[str], first: date) -> None:
    days = np.array(CALENDAR.between(first, LAST), dtype="datetime64[us]")
    rng = np.random.default_rng(3)
    closes = 50 * np.cumprod(1 + 0.01 * rng.standard_normal((len(days), len(symbols))), axis=0)
    content = {
        "date": np.repeat(days, len(symbols)),
        "symbol": [*symbols] * len(days),
        "close": closes.ravel(),
        "adj_close": closes.ravel(),
        "volume": rng.integers(100_000, 10_000_000, closes.size),
    }
    parquet.write_table(arrow.table(content), path)


def _write_lines(path: Path, header: str, lines: Iterator[str]) -> None:
    path.write_text("\n".join([header, *lines]), "utf-8")


def _copies(files: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """Return files in which every stock stands ``count`` times under names of its own."""
    folder.mkdir()
    made = [folder / path.name for path in files]
    prices = parquet.ParquetFile(files[0]).read(columns=COLUMNS)
    name = prices["symbol"].cast(arrow.string())
    at = prices.column_names.index("symbol")
    copies = [
        prices.set_column(at, "symbol", compute.binary_join_element_wise(name, f"x{n}", "")) for n in range(count)
    ]
    parquet.write_table(arrow.concat_tables(copies), made[0], compression="zstd")
    made[1].write_bytes(files[1].read_bytes())
    for path, source in zip(made[2:], files[2:], strict=True):
        header, *lines = source.read_text("utf-8").splitlines()
        renamed = (f"{s}x{n},{rest}" for n in range(count) for line in lines for s, _, rest in [line.partition(",")])
        _write_lines(path, header, renamed)
    return made


Question = Callable[[Sequence[Path]], dict[str, Any]]
_QUESTIONS: dict[str, Question] = {
    "one": lambda files: _time(files, [ONE], BOUNDS["one"]),
    "many": lambda files: _time(files, many(), BOUNDS["many"]),
    "memory": _memory,
    "growth": _growth,
    "workers": _workers,
}
