"""``python -m chaos.playbook --writer csv --runs 300``: one line of JSON; status 1 if anything went wrong.

With ``--mutant NAME`` the writer has a deliberate defect, and status 0 means that it was caught; ``--mutant all`` takes
each of them.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from chaos.arguments import positive
from chaos.playbook.campaign import Campaign
from chaos.playbook.mutants import MUTANTS
from chaos.playbook.places import WRITERS, serve_places

FULL = 300
"""From so many runs on somebody has to have been killed at every boundary."""


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m chaos.playbook", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--writer", choices=WRITERS, default=WRITERS[0])
    parser.add_argument("--runs", type=positive, default=FULL, help="sessions; each has a run or two, and those again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=(*MUTANTS, "all"), help="a defect that has to be caught")
    given = parser.parse_args()
    if given.mutant is None:
        told, is_met = campaign(given.writer, given.runs, given.seed)
    else:
        names = list(MUTANTS) if given.mutant == "all" else [given.mutant]
        found = {name: campaign(MUTANTS[name][0], given.runs, given.seed, name)[0]["faults"] for name in names}
        told, is_met = {"campaign": "playbook", "mutants": found}, all(found.values())
    sys.stdout.write(json.dumps({**told, "met": is_met}) + "\n")
    return 0 if is_met else 1


def campaign(writer: str, runs: int, seed: int, mutant: str = "") -> tuple[dict[str, object], bool]:
    """Return the sums of one campaign, and whether nothing went wrong."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, serve_places(writer, Path(folder)) as places:
        made = Campaign(writer, runs, seed, mutant)
        outcome = made.run(places)
    told: dict[str, object] = {
        "campaign": "playbook",
        "writer": writer,
        "runs": outcome.sessions,
        "rows": outcome.rows,
        "kills": dict(outcome.kills),
        "boundaries": dict(sorted(outcome.boundaries.items())),
        "never_killed_at": made.missed,
        "attempts": dict(outcome.endings),
        "reads": outcome.reads,
        "unreachable": outcome.unreachable,
        "faults": dict(outcome.faults),
        "seconds": round(time.monotonic() - began),
    }
    return told, not outcome.faults and (runs < FULL or not made.missed)


if __name__ == "__main__":
    sys.exit(main())
