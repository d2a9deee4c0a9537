"""The packages of this repository, tagged in a copy, installed from its origin: by uv and by plain pip."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, bundle_text, copy_of, make_origin
from quant_release.inspect.status import read_status
from quant_release.repository.git import Git
from quant_release.run.apply import apply
from quant_release.run.clean_environments import Installed, check_commits, installed_in
from quant_release.run.opening import Options

pytestmark = pytest.mark.services
ROOT = Path(__file__).resolve().parents[2]
TAGS = {KIT: f"{KIT}-v0.7.10", STRATEGIES: f"{STRATEGIES}-v0.7.13"}


@pytest.fixture(scope="module", autouse=True)
def uv() -> None:
    """Put the uv of the checkout on PATH where there is no other."""
    if shutil.which("uv") is None:
        os.environ["PATH"] = f"{ROOT / '.tools'}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Git:
    """Return a copy of this repository whose first bundle is released up to the pins of Interactive Brokers."""
    folder = tmp_path_factory.mktemp("released")
    git, url = copy_of(ROOT, folder / "work"), f"file://localhost{folder}/origin.git"
    make_origin(git, folder / "origin.git", bundle_text(more=f'url = "{url}"'), url)
    options = Options(git.root, "ana", f"file://{folder}/store", local=True, builder=f"venv:{folder}/images")
    apply(options, BUNDLE, until="push-pins:ibkr")
    return git


def commits(git: Git) -> Mapping[str, str]:
    return {name: git.tags()[tag] for name, tag in TAGS.items()}


def uv_install(folder: Path, *requirements: str) -> Mapping[str, Installed]:
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    install = ["uv", "pip", "install", "--quiet", "--no-sources", "--python", str(python)]
    subprocess.run([*install, *requirements], check=True)
    return installed_in(python, folder, list(TAGS))


def test_two_packages_tagged_at_different_commits_install_together_from_their_tags(
    released: Git, tmp_path: Path
) -> None:
    requirements = released.root / "apps" / "ibkr" / "requirements.txt"
    found = uv_install(tmp_path / "environment", "-r", str(requirements))
    wanted = commits(released)
    assert wanted[KIT] != wanted[STRATEGIES]
    check_commits(found, wanted)
    assert {name: one.version for name, one in found.items()} == {KIT: "0.7.10", STRATEGIES: "0.7.13"}
    assert {one.url for one in found.values()} == {f"file://{released.origin}"}


def test_the_strategies_are_installed_alone_with_plain_pip_as_their_page_says(released: Git, tmp_path: Path) -> None:
    page = (ROOT / "packages" / "us_equity_strategies" / "README.md").read_text()
    (command,) = re.findall(r"(?ms)^pip install .*?(?=^```$)", page)
    assert command.count("@ $ORIGIN") == 1
    venv.create(tmp_path / "environment", with_pip=True, symlinks=True)
    programs = tmp_path / "environment" / "bin"
    variables = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "VERSION": "0.7.13",
        "ORIGIN": f"git+file://localhost{released.origin}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    subprocess.run(["sh", "-ec", command], check=True, env=variables, cwd=tmp_path)
    check_commits(installed_in(programs / "python", tmp_path, list(TAGS)), commits(released))
    asked = "from us_equity_strategies.catalog import CATALOG; print(len(CATALOG))"
    said = subprocess.run([str(programs / "python"), "-Ic", asked], check=True, capture_output=True, text=True)
    assert int(said.stdout) >= 6
    said = subprocess.run([str(programs / "quant"), "--help"], check=True, capture_output=True, text=True)
    assert "Systematic strategies" in said.stdout


def test_the_status_of_the_copy_names_the_members_that_are_still_behind(released: Git) -> None:
    behind = {one["subject"] for one in read_status(released.root)["mismatches"]}
    assert behind == {
        "alpaca",
        "schwab",
        "longbridge",
        "snapshot_pipelines",
        "tq_broker",
        "event_trading",
        "trading-playbook",
    }
