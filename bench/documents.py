"""What it costs a run to hold its broker's documents against tables.

``python -m bench.documents --before FOLDER`` runs 20 orders at each broker's venue, in this checkout and in FOLDER, a
checkout of an earlier commit, by turns. CPU time is that of the run and its worker processes, not of the venue. The
start of the worker process of LongBridge is taken in the same way. It prints one JSON line.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["measure"]

PAIRS = 15
LIBRARIES = ("ib_async", "longbridge", "schwab-py")
BOUND, START_BOUND = 1.05, 1.02
HERE = Path(__file__).resolve().parents[1]
RUN = """
import resource, sys, tempfile
from pathlib import Path
from bench import broker_run

def cpu():
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)

def work(*given):
    began = cpu()
    broker_run._run(*given)
    took.append(cpu() - began)

took = []
with tempfile.TemporaryDirectory(prefix="bench-") as name:
    prices = broker_run._prices(Path(name))
    for n in range(2):
        broker_run._at_venue(sys.argv[1], Path(name) / str(n), prices, work)
print(took[1])
"""
START = """
import resource
from longbridge_app.rows import Credentials
from longbridge_app.session import Session
import longbridge_app.worker_process
Session(Credentials("longbridge", "k", "s", "t"))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime)
"""


def measure(before: Path, pairs: int = PAIRS) -> dict[str, Any]:
    """Return the median ratios of CPU time, here to before."""
    line: dict[str, Any] = {}
    for name in (*LIBRARIES, "worker start"):
        code, words, bound = (START, (), START_BOUND) if name == "worker start" else (RUN, (name,), BOUND)
        taken = [(_cpu(before, code, *words), _cpu(HERE, code, *words)) for _ in range(pairs + 1)][1:]
        ratio = statistics.median(now for _, now in taken) / statistics.median(then for then, _ in taken)
        line[name] = {
            "before_seconds": round(statistics.median(then for then, _ in taken), 3),
            "seconds": round(statistics.median(now for _, now in taken), 3),
            "ratio": round(ratio, 3),
            "bound": bound,
            "met": ratio <= bound,
        }
    return line


def _cpu(checkout: Path, code: str, *words: str) -> float:
    """Return the CPU seconds that a process of a checkout's code tells."""
    sources = [str(path) for folder in ("apps", "packages") for path in sorted((checkout / folder).glob("*/src"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources)}  # noqa: TID251 - a process of other code
    command = (sys.executable, "-c", code, *words)
    done = subprocess.run(command, cwd=checkout, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def main() -> int:
    """Print one JSON line; return 1 when a bound is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.documents", description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the commit before")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    arguments = parser.parse_args()
    line = measure(arguments.before.resolve(), arguments.pairs)
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if all(each["met"] for each in line.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
