"""A small workspace at the baseline of the first bundle, with stand-ins for uv and docker on PATH."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES
from quant_release.run.apply import apply
from quant_release.run.opening import Options, Release, read_release
from quant_release.settings import settings_of
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope
from quant_release.testing.rehearsal import Rehearsal, make_rehearsal, rehearsal_in
from quant_release.testing.rolled import Rolled, make_rolled, rolled_in


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the workspace, made once; a copy beside it is what each test begins with."""
    folder = tmp_path_factory.mktemp("rehearsal") / "folder"
    make_rehearsal(folder)
    shutil.copytree(folder, folder.with_name("pristine"))
    return folder


@pytest.fixture
def rehearsal(baseline: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    return _begun_anew(baseline, monkeypatch)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a release of workloads that stopped after their image; a copy beside it is begun with."""
    folder = tmp_path_factory.mktemp("rolled") / "folder"
    rehearsal = make_rehearsal(folder)
    with settings_of({"PATH": f"{rehearsal.tools}{os.pathsep}{os.environ['PATH']}"}):
        apply(make_rolled(rehearsal).options, BUNDLE, until="image")
    shutil.copytree(folder, folder.with_name("pristine"))
    return folder


@pytest.fixture
def rolled(built: Path, monkeypatch: pytest.MonkeyPatch) -> Rolled:
    return rolled_in(_begun_anew(built, monkeypatch))


def _begun_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    """Return the rehearsal of a folder as its pristine copy has it, with its programs on the path."""
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("pristine"), folder)
    made = rehearsal_in(folder)
    monkeypatch.setenv("PATH", f"{made.tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("STORE_URL", raising=False)
    return made


@pytest.fixture
def options(rehearsal: Rehearsal) -> Options:
    return Options(rehearsal.root, "ana", rehearsal.store, local=True, builder="docker")


@pytest.fixture
def release(options: Options) -> Callable[[], Release]:
    """Return a maker of sites: what is there at the time of the call."""
    return lambda: read_release(options, BUNDLE)


@pytest.fixture
def kit() -> Subject:
    return Subject(Scope.PACKAGE, KIT)


@pytest.fixture
def strategies() -> Subject:
    return Subject(Scope.PACKAGE, STRATEGIES)
