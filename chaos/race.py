"""Fifty processes ask for one run at the same moment: one set of orders, fifty honest answers.

``python -m chaos.race --store KIND [--workers 50]`` prints one JSON line and fails when an order was sent twice, or a
worker got neither the one report nor the word to ask again (in progress, or interrupted by a busy store).
"""

import argparse
import json
import sys
import tempfile
import time
from argparse import Namespace
from collections import Counter
from datetime import date
from pathlib import Path

from quant_platform_kit.domain.identity import Mode, RunKey
from quant_platform_kit.services.record.report_store import ReportStore

from chaos import stores
from chaos.arguments import positive
from chaos.brokers import BROKERS
from chaos.counting import judge
from chaos.crash.campaign import Campaign
from chaos.worker import BUSY, CALENDAR, DONE, RETRY, Job

ACCOUNT = "DUSBXRACE"
NAMES = {DONE: "report", BUSY: "in progress", RETRY: "interrupted"}


def race(kind: str, workers: int) -> dict[str, object]:
    """Let ``workers`` processes race for one key on one kind of store."""
    key = RunKey(ACCOUNT, CALENDAR.after(date(2023, 3, 1)), "race", Mode.PAPER)
    with tempfile.TemporaryDirectory(prefix="race-") as name, BROKERS["paper"].serve(Path(name), [ACCOUNT]) as venues:
        with stores.serve(kind, Path(name)) as place:
            job = Campaign(Namespace(seed=7, mutant=None), venues, place, Path(name)).job(key)
            racers = [job.start() for _ in range(workers)]
            for racer in racers:
                racer.join(60)
            answers = Counter(NAMES.get(racer.exitcode or 0, f"exit {racer.exitcode}") for racer in racers)
            _ask_until_done(job)
            ledger, reports = place.open()
            count = judge([key], venues.filled(ACCOUNT, (), ledger), ledger, ReportStore(reports))
            honest = sum(answers[name] for name in NAMES.values()) == workers
            line = {"store": kind, "workers": workers, "answers": dict(answers), "orders": count.orders}
            bad = count.duplicates + count.lost + count.unresolved
            return {**line, "duplicates": count.duplicates, "lost": count.lost, "ok": honest and not bad}


def _ask_until_done(job: Job) -> None:
    """Ask once more, as a scheduler's retry would: the answer is the report."""
    for _ in range(50):
        process = job.start()
        process.join(60)
        if process.exitcode == DONE:
            return
        time.sleep(0.5)


def main() -> int:
    """Print one JSON line per store."""
    parser = argparse.ArgumentParser(prog="python -m chaos.race", description="Fifty processes, one run.")
    parser.add_argument("--store", choices=stores.KINDS, default="file")
    parser.add_argument("--workers", type=positive, default=50)
    arguments = parser.parse_args()
    line = race(arguments.store, arguments.workers)
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if line["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
