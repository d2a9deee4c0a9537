"""What the price commands cost beside pandas on one large file: 2,000 symbols of 20 years, 10 million rows.

`check` reads the parquet file, judges every symbol and says who can use it; pandas reads the columns that this takes.
`import` reads the CSV of a source that lists one symbol after the other under names of its own, checks it, sorts it and
writes it; pandas reads the CSV. Each side runs in a process of its own and tells its seconds and the most memory it
held, what it imports included. `python -m bench.prices 200` takes as many symbols.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.adapters.price_writer import write_long
from quant_platform_kit.domain.strategy import Adjustment

SYMBOLS = 2000
FIRST, LAST = date(2004, 1, 2), date(2023, 12, 29)
ROUNDS = 3
TIMES = {"check": 3.0, "import": 2.0}
MEMORY = 1.5
HEADER = b"Date,Ticker,Close,Adj Close,Open,High,Low,Volume"

_TIMED = """
import json, resource, sys, time
began = time.perf_counter()
{body}
seconds = time.perf_counter() - began
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""
_CHECK = """
from pathlib import Path
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_check import check_prices
assert len(check_prices(Path(sys.argv[1]), load_calendar("XNYS")).series) == int(sys.argv[3])
"""
_PANDAS_PARQUET = """
import pandas
columns = ["date", "symbol", "close", "adj_close", "open", "high", "low", "volume"]
assert len(pandas.read_parquet(sys.argv[1], columns=columns))
"""
_IMPORT = """
from pathlib import Path
from typer.testing import CliRunner
from quant_platform_kit.cli.main import app
done = CliRunner().invoke(app, ["prices", "import", sys.argv[1], "--out", sys.argv[2], "--force"])
assert done.exit_code == 0, done.output
"""
_PANDAS_CSV = """
import pandas
assert len(pandas.read_csv(sys.argv[1]))
"""


def measure(symbols: int = SYMBOLS) -> dict[str, Any]:
    """Return the median ratios of `ROUNDS` pairs: time and most memory over those of pandas."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        parquet, csv, out = (Path(folder, name) for name in ("prices.parquet", "theirs.csv", "ours.parquet"))
        rows = _write(parquet, csv, symbols)
        figures: dict[str, Any] = {"symbols": symbols, "rows": rows, "csv_mb": round(csv.stat().st_size / 2**20)}
        met = True
        for name, file, ours, theirs in (
            ("check", parquet, _CHECK, _PANDAS_PARQUET),
            ("import", csv, _IMPORT, _PANDAS_CSV),
        ):
            pairs = [tuple(_run(side, file, out, symbols) for side in (ours, theirs)) for _ in range(ROUNDS)]
            seconds, memory = (statistics.median(a[at] / b[at] for a, b in pairs) for at in (0, 1))
            figures[name] = {
                "times": round(seconds, 2),
                "memory": round(memory, 2),
                **{
                    f"{side}_{what}": round(statistics.median(pair[at][of] for pair in pairs) / scale, digits)
                    for at, side in enumerate(("ours", "pandas"))
                    for of, what, scale, digits in ((0, "seconds", 1, 2), (1, "mb", 1024, 0))
                },
                "bounds": [TIMES[name], MEMORY],
            }
            met = met and seconds <= TIMES[name] and memory <= MEMORY
        return {**figures, "met": met}


def _run(body: str, file: Path, out: Path, symbols: int) -> tuple[float, int]:
    """Return the seconds that a fresh interpreter took, and the most memory, in KiB, that it held."""
    command = [sys.executable, "-c", _TIMED.format(body=body), str(file), str(out), str(symbols)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    seconds, kib = json.loads(done.stdout)
    return seconds, kib


def _write(parquet: Path, csv: Path, count: int) -> int:
    """Write one market by date and symbol in our format, and symbol after symbol as a CSV; return its rows."""
    days = np.array(load_calendar("XNYS").between(FIRST, LAST), dtype="datetime64[D]")
    random = np.random.default_rng(5)
    moves = 0.01 * random.standard_normal((len(days), count))
    close = np.round(50 * np.exp(np.cumsum(moves, axis=0)), 4)
    opens = np.round(close * (1 + 0.002 * random.standard_normal(close.shape)), 4)
    grids = {
        "close": close,
        "adj_close": np.round(close * np.linspace(0.7, 1, len(days))[:, None], 4),
        "open": opens,
        "high": np.maximum(close, opens) + 0.25,
        "low": np.minimum(close, opens) * 0.99,
        "volume": np.floor(random.uniform(1e5, 1e7, close.shape)),
    }
    symbols = tuple(f"S{number:04}" for number in range(count))
    prices = LongPrices(
        path=parquet,
        days=np.repeat(days, count),
        symbols=symbols,
        codes=np.tile(np.arange(count), len(days)),
        columns={name: grid.ravel() for name, grid in grids.items()},
        adjustment=Adjustment.SPLIT,
    )
    write_long(parquet, prices)
    with csv.open("wb") as lines:
        lines.write(HEADER + b"\n")
        dates = days.astype(str).tolist()
        for column, symbol in enumerate(symbols):
            cells = np.column_stack([grids[name][:, column] for name in ("close", "adj_close", "open", "high", "low")])
            traded = grids["volume"][:, column].astype(np.int64).tolist()
            rows = zip(dates, cells.tolist(), traded, strict=True)
            lines.writelines(
                f"{day},{symbol},{c:.4f},{a:.4f},{o:.4f},{h:.4f},{low:.4f},{v}\n".encode()
                for day, (c, a, o, h, low), v in rows
            )
    return len(prices.days)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(*map(int, sys.argv[1:]))) + "\n")
