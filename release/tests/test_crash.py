"""A release that is killed anywhere is finished by the next one, and nothing happens twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from quant_release.images.builders import DockerBuilder
from quant_release.run.journal import ImageRecord, Journal
from quant_release.run.scopes.images import ImageSteps
from quant_release.steps.machine import Boundary, Subject
from quant_release.testing.crashing import (
    count_pushes,
    faults_of,
    kill_once_at_each,
    release_in_child,
    release_to_the_end,
    start_release,
)
from quant_release.testing.rehearsal import Rehearsal

pytestmark = pytest.mark.services
SAMPLE = 4


def test_a_release_killed_around_every_action_ends_as_if_it_had_not_been(rehearsal: Rehearsal, tmp_path: Path) -> None:
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    seen = tmp_path / "seen"
    killed = release_to_the_end(rehearsal, kill_once_at_each(seen, {Boundary.RECORDED, Boundary.ACTED}))
    assert faults_of(rehearsal, base) == []
    assert killed == len(seen.read_text().splitlines()) == 2 * 25


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_a_release_killed_at_any_instant_ends_as_if_it_had_not_been(
    rehearsal: Rehearsal, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REHEARSAL_SLEEP", "0.03")
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    draw = random.Random(seed)
    release_in_child(rehearsal, kill_after=draw.uniform(0.0, 3.0))
    release_in_child(rehearsal, kill_after=draw.uniform(0.0, 1.0))
    release_to_the_end(rehearsal)
    assert faults_of(rehearsal, base) == []


def killed_before_its_image_is_recorded(monkeypatch: pytest.MonkeyPatch, once: Path) -> None:
    """Let the first process that built an image die before the journal knows of it."""
    record = Journal.record_image

    def record_or_die(self: Journal, image: ImageRecord) -> None:
        if not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        record(self, image)

    monkeypatch.setattr(Journal, "record_image", record_or_die)


def test_an_image_that_was_pushed_and_not_recorded_is_found_and_not_built_again(
    rehearsal: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    killed_before_its_image_is_recorded(monkeypatch, tmp_path / "once")
    assert release_to_the_end(rehearsal) == 1
    assert faults_of(rehearsal, base) == []


def test_the_verdict_sees_an_image_that_is_built_twice(
    rehearsal: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    killed_before_its_image_is_recorded(monkeypatch, tmp_path / "once")
    build = DockerBuilder.build
    monkeypatch.setattr(ImageSteps, "_build", without_looking(build))
    assert release_to_the_end(rehearsal) == 1
    assert faults_of(rehearsal, base) == ["images"]


def without_looking(build: Callable[..., str]) -> Callable[[ImageSteps, Subject], None]:
    """Return a mutant of the build that does not ask whether the image is there."""
    real = ImageSteps._build

    def mutant(self: ImageSteps, subject: Subject) -> None:
        builder = self.tools.builder
        assert builder is not None
        blind = type("Blind", (), {"find": lambda *_: None, "build": lambda _, *given: build(builder, *given)})()
        real(ImageSteps(replace(self.tools, builder=blind), self.reading), subject)

    return mutant


def test_the_verdict_sees_a_commit_and_a_push_too_many(rehearsal: Rehearsal) -> None:
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    release_to_the_end(rehearsal)
    rehearsal.commit("README.md", "Once more.\n", "Bump shared strategy package pins")
    rehearsal.git.push()
    assert faults_of(rehearsal, base) == ["commits", "pushes", "refs"]


def test_a_resume_waits_for_a_push_that_outlived_its_release(rehearsal: Rehearsal) -> None:
    count_pushes(rehearsal)
    base = rehearsal.git.commit()
    hook = rehearsal.origin.root / "hooks" / "pre-receive"
    pushing = rehearsal.origin.root / "pushing"
    hook.write_text(f"#!/bin/sh\ntouch {pushing}; sleep 0.6\n")
    hook.chmod(0o755)
    child = start_release(rehearsal)
    while not pushing.exists():
        time.sleep(0.01)
    child.kill()
    child.join()
    assert rehearsal.origin.commit("main") == base
    hook.unlink()
    assert release_to_the_end(rehearsal) == 0
    assert faults_of(rehearsal, base) == []
