"""Processes and brokers that are killed or stand still: nothing is lost, and a transaction counts once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from quant_platform_kit.events.bus import Settings
from quant_platform_kit.events.stages import Durable, Transform
from venue_sandbox.servers.kafka import kafka

from .bus_frame import CLOCK, Bench, Diary, running, until

Start = Callable[[str], subprocess.Popen[bytes]]
EACH = 1_000
"""Messages that are there before a process is killed: three seconds of work."""
KILLS = 3
COUNT = EACH * KILLS


@pytest.fixture
def start(bench: Bench, tmp_path: Path) -> Generator[Start]:
    """Return a function that starts a stage as a process; those that are left are killed at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def run(kind: str) -> subprocess.Popen[bytes]:
        script = Path(__file__).with_name("stage_process.py")
        command = [sys.executable, str(script), kind, bench.bus.url, bench.name, str(tmp_path / "done")]
        with (tmp_path / "log").open("ab") as log:
            started.append(subprocess.Popen(command, stderr=log))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def done(folder: Path) -> dict[int, list[int]]:
    """Return the offsets that are durable, by partition."""
    found: dict[int, list[int]] = {0: [], 1: []}
    file = folder / "done"
    for line in file.read_text().splitlines() if file.exists() else ():
        partition, offset = map(int, line.split())
        found[partition].append(offset)
    return found


def without_gap(offsets: list[int]) -> int:
    """Return before which offset all are there."""
    known = set(offsets)
    return next(number for number in range(len(known) + 1) if number not in known)


def kills(bench: Bench, start: Start, kind: str, chance: random.Random) -> Generator[dict[int, int]]:
    """Kill a stage in the middle of its work, some times; yield what was committed then."""
    for number in range(KILLS):
        before = sum(bench.committed().values())
        bench.put_events(EACH, first=number * EACH)
        process = start(kind)
        until(lambda before=before: sum(bench.committed().values()) > before)
        time.sleep(chance.random() * 0.1)
        process.kill()
        process.wait()
        committed = bench.committed()
        assert sum(committed.values()) < (number + 1) * EACH
        yield committed


def test_a_killed_transform_makes_everything_once(bench: Bench, start: Start) -> None:
    for _ in kills(bench, start, "transform", random.Random(5)):
        pass
    process = start("transform")
    until(lambda: sum(bench.committed().values()) >= COUNT)
    process.terminate()
    assert process.wait(20) == 0
    assert bench.numbers() == sorted(bench.doubles(COUNT))


def test_a_killed_durable_stage_has_committed_nothing_that_it_had_not_done(
    bench: Bench, start: Start, tmp_path: Path
) -> None:
    for committed in kills(bench, start, "durable", random.Random(6)):
        durable = done(tmp_path)
        assert all(offset <= without_gap(durable[number]) for number, offset in committed.items())
    process = start("durable")
    until(lambda: sum(bench.committed().values()) == COUNT)
    process.terminate()
    assert process.wait(20) == 0
    durable = done(tmp_path)
    assert sum(map(without_gap, durable.values())) == COUNT
    assert sum(map(len, durable.values())) > COUNT  # some were under way when a process was killed


def test_a_stage_that_is_told_to_end_finishes_what_is_under_way_and_repeats_nothing(
    bench: Bench, start: Start, tmp_path: Path
) -> None:
    for number in range(4):
        before = sum(bench.committed().values())
        bench.put_events(EACH, first=number * EACH)
        process = start("durable")
        until(lambda before=before: sum(bench.committed().values()) > before)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert sum(map(len, done(tmp_path).values())) == sum(bench.committed().values())
    for offsets in done(tmp_path).values():
        assert sorted(offsets) == list(range(len(offsets)))


@pytest.mark.parametrize("kind", ["transform", "durable"])
def test_a_stage_that_stood_still_finds_that_others_went_on(
    bench: Bench, start: Start, tmp_path: Path, kind: str
) -> None:
    bench.put_events(COUNT)
    asleep = start(kind)
    until(lambda: sum(bench.committed().values()) > 0)
    os.kill(asleep.pid, signal.SIGSTOP)
    time.sleep(0.5)  # the broker does what it was asked before
    before, other = sum(bench.committed().values()), start(kind)
    assert before < COUNT
    until(lambda: sum(bench.committed().values()) > before)
    os.kill(asleep.pid, signal.SIGCONT)
    until(lambda: sum(bench.committed().values()) >= COUNT)
    bench.put_events(500, first=COUNT)
    until(lambda: sum(bench.committed().values()) >= COUNT + 500)
    for process in (asleep, other):
        process.terminate()
        assert process.wait(20) == 0
    if kind == "transform":
        assert bench.numbers() == sorted(bench.doubles(COUNT + 500))
    else:
        assert sum(map(without_gap, done(tmp_path).values())) == COUNT + 500


def test_a_broker_that_is_killed_loses_nothing_and_stages_go_on_by_themselves() -> None:
    """Producers try again, and the broker sees which messages it has already."""
    with kafka() as server:
        bench = Bench(Settings(server.url), "killed").made()
        other = Bench(Settings(server.url), "durable").made()
        diary = Diary()
        transform = Transform(bench.member, bench.doubled, CLOCK)
        durable = Durable(other.member, diary.handle, CLOCK)
        with running(transform, durable):
            for each in (bench, other):
                each.put_events(500)
            until(lambda: transform.figures.handled and diary.lines)
            server.kill()
            server.start()
            for each in (bench, other):
                each.put_events(500, first=500)
            until(lambda: transform.figures.handled >= 1_000 and sum(other.committed().values()) == 1_000)
            assert bench.numbers() == sorted(bench.doubles(1_000))
            server.kill()
        assert len(diary.lines) >= 1_000
        assert (transform.figures.state, durable.figures.state) == ("stopped", "stopped")
