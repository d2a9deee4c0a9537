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
from chaos.trouble import Weights

MUTANT_ORDERS = 40
FEW = 12
"""Lots of which so many are soon closed that a position of some seconds ago is wrong."""
QUIET: dict[str, float] = {}
IN_SENDS = {"SENT": 0.1, "INSERTED": 0.2, "ANSWERED": 0.1}
PREY: dict[str, tuple[dict[str, float], Weights]] = {
    "ack-first": ({"TAKEN": 0.1, "SENT": 0.1}, {"kill": 1}),
    "no-look-up": (IN_SENDS, {"kill": 1}),
    "id-alone": ({"INSERTED": 0.3, "ANSWERED": 0.2}, {"failover": 1}),
    "quorum-limit": ({}, {"series": 1}),
    "returns-unheard": ({"PUBLISHED": 0.01}, {"unbind": 1}),
    "alive-overwrites": ({"WRITTEN": 0.02}, {"again": 1}),
    "split-from-redis": ({}, {"again": 1}),
    "deaf-monitor": ({}, {"drop_graceful": 1}),
}
"""By defect: how often services kill themselves at which points, and what else happens."""
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
    parser.add_argument("--healthy", action="store_true", help="with --mutant: the same campaign without the defect")
    parser.add_argument("--keep", type=Path, help="folder for logs and state that is left behind")
    parser.add_argument("--verbose", action="store_true", help="tell the progress on standard error")
    given = parser.parse_args()

    def say(line: str, **_: object) -> None:
        if given.verbose:
            sys.stderr.write(f"{line}\n")

    if given.healthy and not given.mutant:
        parser.error("--healthy goes with --mutant")
    campaign = Campaign(given.orders, given.seed, say=say, keep=given.keep)
    if given.mutant == "all":
        return all_healthy(campaign) if given.healthy else all_mutants(campaign)
    if given.mutant:
        campaign = hunt(campaign, given.mutant)
    outcome = (replace(campaign, mutant="") if given.healthy else campaign).run()
    tell(json.dumps({"mutant": given.mutant or None, **outcome.line()}))
    enough = bool(given.mutant) or given.orders < FULL or outcome.in_a_send >= ENOUGH_KILLS
    return 0 if outcome.good and enough else 1


def hunt(campaign: Campaign, name: str) -> Campaign:
    """Return the campaign that looks for a defect: a short one, with much of the trouble that shows it."""
    chances, weights = PREY[name]
    closes = name == "split-from-redis"
    short = {
        "lots": FEW if closes else campaign.lots,
        "only_closing": closes,
        "orders": MUTANT_ORDERS,
        "calm_seconds": 40.0,
        "drain_seconds": 60.0,
    }
    return replace(campaign, mutant=name, chances={**QUIET, **chances}, weights=weights, **short)


def all_mutants(campaign: Campaign) -> int:
    """Run every defect; return 0 if each was caught."""
    missed: list[str] = []
    for name in MUTANTS:
        outcome = hunt(campaign, name).run()
        tell(json.dumps({"mutant": name, "caught": not outcome.good, **outcome.line()}))
        if outcome.good:
            missed.append(name)
    tell(json.dumps({"mutants": len(MUTANTS), "missed": missed}))
    return 1 if missed else 0


def all_healthy(campaign: Campaign) -> int:
    """Run the campaign that looks for each defect without it; return 0 if nothing was found."""
    wrong: list[str] = []
    for name in MUTANTS:
        outcome = replace(hunt(campaign, name), mutant="").run()
        tell(json.dumps({"without": name, "good": outcome.good, **outcome.line()}))
        if not outcome.good:
            wrong.append(name)
    tell(json.dumps({"campaigns": len(MUTANTS), "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
