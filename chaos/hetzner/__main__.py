"""``python -m chaos.hetzner --workers 2``: a line of JSON; status 1 if bootstrap does not survive a fault.

Ctrl-C ends it with the cases that have ended by then, of those that were asked for; status 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaos.hetzner.campaign import KINDS, Verdict, cases, length, tried
from chaos.hetzner.site import checkout


def main() -> int:
    """Run the campaign and print a line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m chaos.hetzner", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, help="bootstraps at a time (%(default)s)")
    parser.add_argument("--every", type=int, default=1, help="take every so-manieth call (%(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="kinds of faults (all)")
    chosen = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(chosen.workers) as pool:
        pristine = checkout(Path(folder) / "pristine")
        calls, applied = length(pristine)
        asked = list(cases(chosen.kinds, calls, applied, chosen.every))
        verdicts = list[Verdict]()
        try:
            for verdict in pool.map(lambda case: tried(case, pristine, Path(folder)), asked):
                verdicts.append(_told(verdict, len(verdicts) + 1, len(asked)))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
    told = {
        "campaign": "hetzner",
        "calls": calls,
        "asked": len(asked),
        "kinds": {kind: _sums([each for each in verdicts if each.case.kind == kind]) for kind in chosen.kinds},
        "seconds": round(time.monotonic() - begun),
        "met": len(verdicts) == len(asked) and not any(each.faults for each in verdicts),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if told["met"] else 1


def _sums(verdicts: list[Verdict]) -> dict[str, int]:
    """Return how many cases there were, how many ended well at once, and how many were not survived."""
    at_once = sum(each.runs == 1 for each in verdicts)
    return {"cases": len(verdicts), "at once": at_once, "not survived": sum(bool(each.faults) for each in verdicts)}


def _told(verdict: Verdict, number: int, of: int) -> Verdict:
    """Say what was not survived, and every tenth case how far the campaign is."""
    if number % 10 == 0:
        sys.stderr.write(f"{number} of {of} cases\n")
    for fault in verdict.faults:
        sys.stderr.write(f"{verdict.case}: {fault}\n")
    return verdict


if __name__ == "__main__":
    sys.exit(main())
