"""Clean environments: what a package's or an app's tests run in, made by uv from tags and wheels alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quant_release.commands import call
from quant_release.repository.archive import unpack
from quant_release.repository.git import Git
from quant_release.repository.pins import Pin
from quant_release.repository.workspace import App, Package
from quant_release.steps.machine import StepFailed

__all__ = ["CleanEnvironments", "Installed", "check_commits", "installed_in"]

_ASK = """
import json, sys
from importlib.metadata import distribution
found = {}
for name in sys.argv[1:]:
    origin = json.loads(distribution(name).read_text("direct_url.json") or "{}")
    found[name] = [distribution(name).version, origin.get("url"), origin.get("vcs_info", {}).get("commit_id")]
print(json.dumps(found))
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """A package in an environment; ``url`` and ``commit`` as its ``direct_url.json`` says."""

    version: str
    url: str | None
    commit: str | None


class CleanEnvironments:
    """Builds and tests trees of a repository outside of any checkout."""

    def __init__(self, git: Git) -> None:
        self.git = git

    def check_package(self, package: Package, commit: str, files: Mapping[str, bytes], pins: Sequence[Pin]) -> None:
        """Build a package's wheel from a commit with some files changed, install it and run its pre-tag tests.

        Parameters
        ----------
        pins
            The packages it depends on, at their tags.

        Raises
        ------
        StepFailed
            The wheel cannot be built or installed without sources, or a test fails.
        """
        with self._tree(commit, files) as tree:
            call(["uv", "build", "--quiet", "--wheel", "--no-sources", package.folder, "--out-dir", "wheels"], tree)
            (wheel,) = (tree / "wheels").glob("*.whl")
            extras = f"[{','.join(package.extras)}]" if package.extras else ""
            wanted = [f"{package.name}{extras} @ {wheel.as_uri()}", *map(str, pins)]
            python = self._environment(tree, package.name, ["--all-extras"], package.manifest, wanted)
            _test(tree, python, package.tests)

    def test_app(self, app: App, commit: str, requirements: bytes, tags: Mapping[str, str]) -> None:
        """Install an app from its pins and run its tests.

        Parameters
        ----------
        tags
            The commit of the tag of each package it is pinned to.

        Raises
        ------
        StepFailed
            It cannot be installed without sources, what is installed is not the tags' commits, or a test fails.
        """
        with self._tree(commit, {app.requirements: requirements}) as tree:
            extras = [part for extra in app.extras for part in ("--extra", extra)]
            wanted = ["-r", app.requirements, f"./{app.installs}", *(f"./{folder}" for folder in app.beside)]
            python = self._environment(tree, app.distribution, extras, f"{app.folder}/pyproject.toml", wanted)
            check_commits(installed_in(python, tree, tags), tags)
            _test(tree, python, [app.tests])

    @contextmanager
    def _tree(self, revision: str, files: Mapping[str, bytes]) -> Generator[Path]:
        with tempfile.TemporaryDirectory(prefix="quant-release-") as folder:
            tree = Path(folder).resolve() / "tree"
            unpack(self.git.archive(revision), tree)
            for path, data in files.items():
                (tree / path).write_bytes(data)
            yield tree

    def _environment(
        self, tree: Path, distribution: str, extras: Sequence[str], manifest: str, wanted: Sequence[str]
    ) -> Path:
        """Make an environment with some requirements and the test group of a manifest; return its interpreter.

        Versions of everything else are those of ``uv.lock``.
        """
        export = ["uv", "export", "--quiet", "--frozen", "--package", distribution, *extras, "--group", "test"]
        call([*export, "--no-emit-workspace", "--no-hashes", "--no-annotate", "-o", "constraints.txt"], tree)
        call(["uv", "venv", "--quiet", "../environment"], tree)
        python = tree.parent / "environment" / "bin" / "python"
        install = ["uv", "pip", "install", "--quiet", "--no-sources", "--python", str(python)]
        call([*install, "-c", "constraints.txt", "--group", f"{manifest}:test", *wanted], tree)
        return python


def installed_in(python: Path, folder: Path, packages: Sequence[str] | Mapping[str, str]) -> dict[str, Installed]:
    """Return what an environment has of some packages."""
    said = call([str(python), "-I", "-c", _ASK, *packages], folder)
    return {name: Installed(*values) for name, values in json.loads(said).items()}


def check_commits(found: Mapping[str, Installed], tags: Mapping[str, str]) -> None:
    """Raise `StepFailed` unless packages were installed from the commits of tags."""
    for name, commit in tags.items():
        if found[name].commit != commit:
            raise StepFailed(
                f"{name} {found[name].version} was installed from commit {found[name].commit}, its tag is {commit}"
            )


def _test(tree: Path, python: Path, tests: Sequence[str]) -> None:
    """Run tests that need no servers."""
    if tests:
        call([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not services", *tests], tree)
