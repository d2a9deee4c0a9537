"""``python -m chaos.tq --orders 500 --seed 3``: one line of JSON; status 1 if anything went wrong.

With ``--mutant NAME`` the services have a deliberate defect, and status 1 means that it was caught; ``--mutant all``
runs every one of them, and status 0 means that all were caught.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from chaos.arguments import positive
from chaos.tq.campaign import Campaign
from chaos.tq.mutants import MUTANTS

MUTANT_ORDERS = 120
ENOUGH_KILLS = 100
FULL = 500
"""From so many orders on a campaign has to have killed a service in a send at least `ENOUGH_KILLS` times."""


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(prog="chaos.tq", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=positive, default=FULL)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--mutant", choices=(*MUTANTS, "all"), default="")
    parser.add_argument("--keep", type=Path, help="folder for logs and state that is left behind")
    parser.add_argument("--verbose", action="store_true", help="tell the progress on standard error")
    given = parser.parse_args()

    def say(line: str, **_: object) -> None:
        if given.verbose:
            sys.stderr.write(f"{line}\n")

    campaign = Campaign(given.orders, given.seed, say=say, keep=given.keep)
    if given.mutant == "all":
        return all_mutants(campaign)
    outcome = replace(campaign, mutant=given.mutant).run()
    tell(json.dumps({"mutant": given.mutant or None, **outcome.line()}))
    enough = bool(given.mutant) or given.orders < FULL or outcome.in_a_send >= ENOUGH_KILLS
    return 0 if outcome.good and enough else 1


def all_mutants(campaign: Campaign) -> int:
    """Run every defect; return 0 if each was caught."""
    missed: list[str] = []
    for name in MUTANTS:
        outcome = replace(campaign, mutant=name, orders=MUTANT_ORDERS).run()
        tell(json.dumps({"mutant": name, "caught": not outcome.good, **outcome.line()}))
        if outcome.good:
            missed.append(name)
    tell(json.dumps({"mutants": len(MUTANTS), "missed": missed}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
