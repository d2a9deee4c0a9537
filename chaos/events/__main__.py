"""``python -m chaos.events --commands 2000 --seed 5``: one line of JSON; status 1 if anything went wrong.

Quotes are open for so long that none expires; with ``--windows short`` they are open for 3 s, as at the venue. With
``--mutant NAME`` the services have a deliberate defect, and status 1 means that it was caught; ``--mutant all`` runs
every one of them, and status 0 means that all were caught.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from chaos.arguments import positive
from chaos.events.campaign import Campaign, Outcome, Windows
from chaos.events.prey import PREY
from chaos.events.worker import IN_A_SEND

LONG_SECONDS = 600
SHORT = Windows(0.3, 3.0)
"""A quote of 3 s is over with its first answer; a long one is open to its end, and takes the same bytes again."""
SHORT_CHANCES = {point.name: 0.01 for point in IN_A_SEND}
ENOUGH_KILLS = 200
FULL = 2000
"""From so many commands on a campaign has to have killed a service in a send at least `ENOUGH_KILLS` times."""


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(prog="chaos.events", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--commands", type=positive, default=FULL)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--windows", choices=("long", "short"), default="long")
    parser.add_argument("--open", type=positive, default=LONG_SECONDS, help="seconds of long windows (%(default)s)")
    parser.add_argument("--minutes", type=positive, help="after which no more commands are asked for")
    parser.add_argument("--mutant", choices=(*PREY, "all"), default="")
    parser.add_argument("--healthy", action="store_true", help="with --mutant: the same campaign without the defect")
    parser.add_argument("--keep", type=Path, help="folder for logs and state that is left behind")
    parser.add_argument("--verbose", action="store_true", help="tell the progress on standard error")
    given = parser.parse_args()

    def say(line: str) -> None:
        if given.verbose:
            sys.stderr.write(f"{line}\n")

    campaign = Campaign(given.commands, given.seed, Windows(given.open, given.open), say=say, keep=given.keep)
    if given.minutes:
        campaign = replace(campaign, minutes=given.minutes)
    if given.windows == "short":
        campaign = replace(campaign, windows=SHORT, chances=SHORT_CHANCES)
    if given.mutant == "all":
        return all_mutants(campaign, healthy=given.healthy)
    if given.mutant:
        return 1 if hunted(campaign, given.mutant, healthy=given.healthy) else 0
    outcome = campaign.run()
    tell(json.dumps({"mutant": None, "windows": given.windows, **outcome.line()}))
    return 0 if outcome.good and is_enough(outcome, given.windows) else 1


def is_enough(outcome: Outcome, windows: str) -> bool:
    """Whether so much has happened that it proves something; with long windows nothing may have expired."""
    if windows == "short":
        return True
    return not outcome.verdict.expired and (outcome.verdict.commands < FULL or outcome.in_a_send >= ENOUGH_KILLS)


def hunted(campaign: Campaign, name: str, *, healthy: bool) -> bool:
    """Run the campaign that looks for a defect; return whether it was caught by what it has to show.

    With services that are ``healthy`` nothing has to be caught.
    """
    prey = PREY[name]
    hunt = prey.hunt(campaign)
    outcome = (replace(hunt, mutant="") if healthy else hunt).run()
    caught = prey.shown(outcome)
    tell(json.dumps({"mutant": name, "healthy": healthy, "caught": caught, **outcome.line()}))
    return caught


def all_mutants(campaign: Campaign, *, healthy: bool) -> int:
    """Run every defect; return 0 if each was caught, or, with healthy services, none."""
    missed = [name for name in PREY if hunted(campaign, name, healthy=healthy) is healthy]
    tell(json.dumps({"mutants": len(PREY), "healthy": healthy, "missed": missed}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
