"""Kill, stop, double and deceive runs, and count what went wrong.

``python -m chaos.crash --broker BROKER --store STORE --runs 300 --seed 11`` prints one JSON line. Venues are
processes of their own; the paper venue fills a repeated client order id twice.
"""

import argparse
import json
import sys
from pathlib import Path

from chaos import stores
from chaos.arguments import positive
from chaos.brokers import BROKERS
from chaos.crash.campaign import run
from chaos.mutants import MUTANTS


def main() -> int:
    """Print one JSON line; return 1 when something was lost, doubled, blocked or left open."""
    parser = argparse.ArgumentParser(prog="python -m chaos.crash", description=__doc__)
    parser.add_argument("--broker", choices=tuple(BROKERS), default="paper")
    parser.add_argument("--store", choices=stores.KINDS, default="file")
    parser.add_argument("--runs", type=positive, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--mutant", choices=tuple(MUTANTS))
    parser.add_argument("--keep", type=Path, help="keep stores, reports and the venue's journal in this new folder")
    arguments = parser.parse_args()
    line = run(arguments)
    sys.stdout.write(json.dumps(line) + "\n")
    bad = any(line[name] for name in ("duplicates", "lost", "unresolved"))
    return 1 if bad or line["blocked"] != line["blocked_with_cause"] else 0


if __name__ == "__main__":
    sys.exit(main())
