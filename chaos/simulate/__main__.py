"""Play whole days of workers, operator, watchdog and venue on virtual time, and count what an invariant forbids.

``python -m chaos.simulate --workers 2`` plays every trait set and prints, per set, one JSON line, then the table of
boundaries and faults. It ends with 1 when an invariant was broken or a cell of the table is empty; a failing seed is
cut down and printed as a test. ``--mutant all`` looks for planted defects instead, ``--determinism N`` plays N seeds
twice in fresh processes with other hash seeds, ``--replay FILE`` plays one scenario.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from quant_platform_kit.testing.simulation.coverage import Coverage
from quant_platform_kit.testing.simulation.generating import scenario
from quant_platform_kit.testing.simulation.scenario import Scenario, load, text
from quant_platform_kit.testing.simulation.shrinking import as_test, shrunk
from quant_platform_kit.testing.simulation.trait_sets import TRAIT_SETS
from quant_platform_kit.testing.simulation.world import play

from chaos.arguments import positive
from chaos.simulate.campaign import catch, digests, run
from chaos.simulate.mutants import MUTANTS

SHOWN = 5
"""Failing seeds that are cut down, per trait set."""


def main() -> int:
    """Return 0 where everything held, 1 where it did not."""
    arguments = _arguments()
    sets = arguments.traits
    if arguments.digests:
        for traits in sets:
            for line in digests(traits, arguments.seed, arguments.digests):
                _say(line)
        return 0
    if arguments.replay:
        return _replay(arguments.replay)
    if arguments.determinism:
        return _determinism(sets, arguments.seed, arguments.determinism)
    if arguments.mutant:
        return _mutants(arguments)
    return _campaign(sets, arguments)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos.simulate", description=__doc__)
    parser.add_argument("--traits", type=_sets, default="all", help=f"all, or some of {','.join(TRAIT_SETS)}")
    parser.add_argument("--runs", type=positive, default=2000, help="runs per trait set")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--workers", type=positive, default=os.cpu_count() or 1, help="processes that play")
    parser.add_argument(
        "--overlap", type=positive, default=2, help="workers of the account that overlap on one trigger"
    )
    parser.add_argument("--mutant", choices=("all", *MUTANTS), help="look for a planted defect")
    parser.add_argument("--most", type=positive, default=20_000, help="runs within which a defect is to be caught")
    parser.add_argument("--determinism", type=positive, metavar="N", help="play N seeds twice and compare their traces")
    parser.add_argument("--replay", type=_scenario, metavar="FILE", help="play the scenario in a file of JSON")
    parser.add_argument("--digests", type=positive, metavar="N", help="print the digests of N traces")
    return parser.parse_args()


def _sets(text: str) -> list[str]:
    """Read the names of trait sets."""
    named = list(TRAIT_SETS) if text == "all" else text.split(",")
    if wrong := [name for name in named if name not in TRAIT_SETS]:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is none of {', '.join(TRAIT_SETS)}")
    return named


def _scenario(text: str) -> Scenario:
    """Read a scenario out of a file."""
    try:
        read = load(Path(text))
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise argparse.ArgumentTypeError(f"{text} is not a scenario as a failing seed prints it: {first}") from None
    _sets(read.traits)
    return read


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _campaign(sets: list[str], arguments: argparse.Namespace) -> int:
    coverage, broken = Coverage(), 0
    for traits in sets:
        counted, seconds = run(traits, arguments.seed, arguments.runs, arguments.workers, arguments.overlap)
        coverage.add(counted.coverage.hits, counted.coverage.met)
        broken += len(counted.broken)
        line = {
            "traits": traits,
            "runs": counted.runs,
            "scenarios": counted.scenarios,
            "broken": counted.broken,
            "seconds": round(seconds, 1),
            "runs_per_second": round(counted.runs / seconds),
        }
        _say(json.dumps(line))
        for seed, what in counted.broken[:SHOWN]:
            cut = shrunk(scenario(seed, traits, arguments.overlap))
            _say(f"seed {seed}: {what}\n{text(cut)}\n\n{as_test(cut)}")
    _say(coverage.table())
    for boundary, fault in coverage.empty:
        _say(f"empty: {fault} past {boundary}")
    return 1 if broken or coverage.empty else 0


def _mutants(arguments: argparse.Namespace) -> int:
    names = list(MUTANTS) if arguments.mutant == "all" else [arguments.mutant]
    missed = 0
    for caught in catch(names, arguments.most, arguments.workers):
        missed += caught.seed is None
        line = {"mutant": caught.mutant, "traits": caught.traits, "runs": caught.runs}
        _say(json.dumps({**line, "seed": caught.seed, "invariant": caught.invariant}))
    return 1 if missed else 0


def _determinism(sets: list[str], first: int, number: int) -> int:
    """Play seeds, shared out among the sets, in two fresh processes each."""
    share = -(-number // len(sets))
    command = [sys.executable, "-m", "chaos.simulate", "--traits", ",".join(sets)]
    command += ["--seed", str(first), "--digests", str(share)]
    played = [
        subprocess.Popen(["env", f"PYTHONHASHSEED={hash_seed}", *command], stdout=subprocess.PIPE, text=True)
        for hash_seed in ("1", "4242")
    ]
    first_lines, second_lines = (process.communicate()[0].splitlines() for process in played)
    differing = [a for a, b in zip(first_lines, second_lines, strict=True) if a != b]
    _say(json.dumps({"seeds": len(first_lines), "differing": differing}))
    return 1 if differing or len(first_lines) < number else 0


def _replay(scenario: Scenario) -> int:
    played = play(scenario)
    _say("\n".join(played.trace))
    _say(played.broken or "every invariant held")
    return 1 if played.broken else 0


if __name__ == "__main__":
    sys.exit(main())
