"""A copy of this repository that a release begins with, without the tests that have runs of their own."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from quant_release.demo.baseline import copy_of
from quant_release.repository.git import Git

__all__ = ["copy_without_tests"]

ROOT = Path(__file__).resolve().parents[4]


def copy_without_tests(folder: Path, app: str, monkeypatch: pytest.MonkeyPatch) -> Git:
    """Copy this repository into a folder, without the tests of its packages and of an app; uv is on the PATH then."""
    if shutil.which("uv") is None:
        monkeypatch.setenv("PATH", f"{ROOT / '.tools'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("STORE_URL", raising=False)
    git = copy_of(ROOT, folder)
    for manifest in git.root.glob("packages/*/pyproject.toml"):
        manifest.write_text(re.sub(r"(?ms)^tests = \[.*?\]$", "tests = []", manifest.read_text(), count=1))
    tests = git.root / "apps" / app / "tests"
    shutil.rmtree(tests)
    tests.mkdir()
    (tests / "test_nothing.py").write_text("def test_nothing(): pass\n")
    git.run("add", "--all")
    git.commit_staged("Without tests")
    return git
