"""``python -m chaos.playbook_live --parity`` or ``--sessions 300``: one line of JSON; status 1 if anything went wrong.

``--parity`` streams the dev days in every way, with and without restarts; ``--data`` has them. ``--sessions``
kills processes at every boundary of made-up sessions, and ``--mutant all`` shows that each defect is found.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from chaos.arguments import positive
from chaos.playbook_live.campaign import BOUNDARIES, campaign
from chaos.playbook_live.mutants import MUTANTS, mutated
from chaos.playbook_live.parity import STREAMS, compare, dev_days, journal_is

FULL, EACH = 300, 5
"""From so many sessions on, somebody was killed at least so often at every boundary."""
FOR_A_MUTANT = 60


def main() -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos.playbook_live", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--parity", action="store_true", help="stream the dev days, and compare")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the dev days")
    parser.add_argument("--sessions", type=positive, help=f"how many made-up sessions; {FULL} kill everywhere")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutant", choices=(*MUTANTS, "all"), help="a defect that has to be found")
    given = parser.parse_args()
    if given.parity == bool(given.sessions or given.mutant):
        parser.error("give --parity, or --sessions N, or --mutant NAME")
    began = time.monotonic()
    if given.parity:
        told, is_met = parity(given.data, given.seed)
    elif given.mutant:
        told, is_met = mutants(list(MUTANTS) if given.mutant == "all" else [given.mutant], given.sessions, given.seed)
    else:
        told, is_met = sessions(given.sessions, given.seed)
    line = {"campaign": "playbook_live", **told, "seconds": round(time.monotonic() - began), "met": is_met}
    sys.stdout.write(json.dumps(line) + "\n")
    return 0 if is_met else 1


def parity(folder: Path, seed: int) -> tuple[dict[str, object], bool]:
    """Stream the dev days in every way."""
    tested = dev_days(folder)
    streams: dict[str, object] = {}
    is_met = journal_is(folder.parent / "playbook" / "dp20_dev.csv", tested)
    told: dict[str, object] = {"journal_equal": is_met, "streams": streams}
    for name in STREAMS:
        for restarts in (False, True):
            found = compare(name, tested.sessions, seed, restarts=restarts)
            streams[f"{name}, {'with' if restarts else 'no'} restarts"] = {
                "sessions": found.sessions,
                "equal": found.equal,
                "entered": found.entered,
                "foretold": len(found.foretold),
                "named": len(found.named),
                "wrong": found.wrong,
            }
            is_met = is_met and not found.wrong
    return told, is_met


def sessions(count: int, seed: int) -> tuple[dict[str, object], bool]:
    """Run a campaign."""
    outcome = campaign(count, seed)
    rare = [name for name in BOUNDARIES if outcome.kills[name] < EACH]
    told: dict[str, object] = {
        "sessions": outcome.sessions,
        "entries": outcome.entries,
        "kills": dict(outcome.kills),
        "troubles": dict(outcome.troubles),
        "alerts": dict(outcome.alerts),
        "faults": dict(outcome.faults),
        "faulty": outcome.faulty,
        "seldom_killed_at": rare if count >= FULL else [],
    }
    return told, not outcome.faults and not told["seldom_killed_at"]


def mutants(names: list[str], count: int | None, seed: int) -> tuple[dict[str, object], bool]:
    """Run a campaign with each defect."""
    found: dict[str, dict[str, int]] = {}
    for name in names:
        with mutated(name):
            found[name] = dict(campaign(count or FOR_A_MUTANT, seed).faults)
    return {"mutants": found}, all(found.values())


if __name__ == "__main__":
    sys.exit(main())
