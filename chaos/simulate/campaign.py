"""Many scenarios in several processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from multiprocessing import get_context

from quant_platform_kit.testing.simulation.coverage import Coverage
from quant_platform_kit.testing.simulation.generating import scenario
from quant_platform_kit.testing.simulation.world import play

from chaos.simulate.mutants import MUTANTS, SETS

__all__ = ["Caught", "Count", "catch", "digests", "run"]

CHUNK = 20


@dataclass(slots=True)
class Count:
    """What a campaign counted; ``broken`` names seed, invariant and what happened."""

    runs: int = 0
    scenarios: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, other: Count) -> None:
        """Take over another count."""
        self.runs += other.runs
        self.scenarios += other.scenarios
        self.broken += other.broken
        self.coverage.add(other.coverage.hits, other.coverage.met)


@dataclass(frozen=True, slots=True)
class Caught:
    """How a defect was caught: after how many runs, by which seed and invariant; None where it was not."""

    mutant: str
    traits: str
    runs: int
    seed: int | None
    invariant: str | None


def run(traits: str, first: int, runs: int, processes: int, overlap: int) -> tuple[Count, float]:
    """Play scenarios of one trait set until enough runs were due; return what was counted, and the seconds it took."""
    began, total = time.monotonic(), Count()
    with get_context("forkserver").Pool(processes) as pool:
        for counted in pool.imap(partial(_chunk, traits, overlap), _chunks(first, runs)):
            total.add(counted)
            if total.runs >= runs:
                break
    return total, time.monotonic() - began


def _chunks(first: int, runs: int) -> Iterator[int]:
    """Yield where chunks of seeds begin: as many as could be needed, if every scenario had two runs only."""
    return iter(range(first, first + runs // 2 + CHUNK, CHUNK))


def _chunk(traits: str, overlap: int, first: int) -> Count:
    counted = Count()
    for seed in range(first, first + CHUNK):
        played = play(scenario(seed, traits, overlap))
        counted.runs += played.runs
        counted.scenarios += 1
        counted.coverage.add(played.hits, played.met)
        if played.broken:
            counted.broken.append((seed, str(played.broken)))
    return counted


def catch(names: list[str], most: int, processes: int) -> Iterator[Caught]:
    """Look for defects, each in a process of its own, until an invariant is broken or ``most`` runs were due."""
    with get_context("forkserver").Pool(processes, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(partial(_catch, most), names, chunksize=1)


def _catch(most: int, name: str) -> Caught:
    MUTANTS[name]()
    traits, runs = SETS.get(name, "paper"), 0
    for seed in count():
        played = play(scenario(seed, traits))
        runs += played.runs
        if played.broken:
            return Caught(name, traits, runs, seed, played.broken.invariant)
        if runs >= most:
            break
    return Caught(name, traits, runs, None, None)


def digests(traits: str, first: int, number: int) -> Iterator[str]:
    """Yield the digest of every scenario's trace."""
    for seed in range(first, first + number):
        yield f"{traits} {seed} {play(scenario(seed, traits)).digest}"
