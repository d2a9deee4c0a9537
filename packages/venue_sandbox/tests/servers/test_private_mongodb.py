"""The private server of MongoDB's protocol where Go is missing, fails, or has done its work before."""

from __future__ import annotations

from pathlib import Path

import pytest
from venue_sandbox.servers import mongodb
from venue_sandbox.servers.machine import CannotRun


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of programs, empty, on a machine without Go."""
    folder = tmp_path / "servers"
    monkeypatch.setattr(mongodb, "cache_folder", lambda: folder)
    monkeypatch.setattr(mongodb, "GO_PLACES", ())
    monkeypatch.setattr(mongodb, "system", lambda name: None)
    return folder


def go(folder: Path, script: str) -> str:
    """Return a program that stands for Go."""
    program = folder / "go"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_without_go_it_is_said_how_to_get_it(cache: Path) -> None:
    with pytest.raises(CannotRun, match=r"apt-get install golang-go(.|\n)*TEST_MONGODB_URL"), mongodb.mongodb():
        pass
    assert not cache.exists()


def test_a_build_that_fails_is_told_and_leaves_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb, "system", lambda name: go(tmp_path, "echo no such module >&2; exit 1"))
    with pytest.raises(CannotRun, match="no such module"), mongodb.mongodb():
        pass
    assert list(cache.iterdir()) == []


def test_it_is_built_once_for_its_sources(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> None:
        raise CannotRun("no folder")

    built = f'echo built >> {tmp_path}/log; while [ "$1" != -o ]; do shift; done; echo program > "$2"'
    monkeypatch.setattr(mongodb, "system", lambda name: go(tmp_path, built))
    monkeypatch.setattr(mongodb, "guarded_folder", nowhere)
    for _ in range(2):
        with pytest.raises(CannotRun, match="no folder"), mongodb.mongodb():
            pass
    assert (tmp_path / "log").read_text() == "built\n"
    (program,) = cache.iterdir()
    assert program.name.startswith("ferretdb-")
