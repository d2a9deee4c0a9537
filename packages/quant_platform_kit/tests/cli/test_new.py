"""`quant new strategy`: the package passes its own tests, and is not made where it would be in the way."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from ..command import Quant, assert_refused

QUANT = Path(sys.executable).with_name("quant")
FILES = {
    "README.md",
    "pyproject.toml",
    "src/my_trend/__init__.py",
    "src/my_trend/strategy.py",
    "tests/conftest.py",
    "tests/test_entry_point.py",
    "tests/test_golden_decisions.py",
    "tests/test_no_look_ahead.py",
}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def new(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(folder, str(QUANT), "new", "strategy", *words)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elsewhere")
    done = new(folder, "my_trend", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)["files"]) == FILES
    return folder / "my_trend"


def test_nothing_but_the_package_is_left(made: Path) -> None:
    assert {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()} == FILES
    assert list(made.parent.iterdir()) == [made]


def test_its_own_tests_pass_and_fail_when_the_rule_is_another(made: Path) -> None:
    pytest_ = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    passed = run(made, *pytest_)
    assert (passed.returncode, "6 passed" in passed.stdout) == (0, True), passed.stdout
    rule = made / "src" / "my_trend" / "strategy.py"
    text = rule.read_text()
    for change in (
        text.replace("[-1, spy] >", "[-1, spy] <"),
        text.replace(
            "history.close[-1,", "history._table.fields['close'][min(history.stop, len(history._table.dates) - 1),"
        ),
    ):
        rule.write_text(change)
        try:
            assert change != text
            assert run(made, *pytest_).returncode == 1
        finally:
            rule.write_text(text)


def test_it_requires_the_kit_that_made_it(made: Path) -> None:
    project = tomllib.loads((made / "pyproject.toml").read_text())
    assert project["project"]["dependencies"][-1] == "quant-platform-kit"
    spec = find_spec("quant_platform_kit")
    assert spec is not None
    source = Path(project["tool"]["uv"]["sources"]["quant-platform-kit"]["path"])
    assert Path(str(spec.origin)).is_relative_to(source)


def test_its_file_is_back_tested_as_it_stands(made: Path, tmp_path: Path) -> None:
    reference = f"{made}/src/my_trend/strategy.py:MyTrend"
    rows = json.loads(run(tmp_path, str(QUANT), "profiles", "--json", "--strategy", reference).stdout)
    assert {row["profile"] for row in rows} == {"my_trend"}
    assert {tuple(row["reasons"]) for row in rows if row["platform"] == "paper"} == {("not enabled in platform.toml",)}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My-Trend", "is no name of a profile"),
        ("class", "is no name of a profile"),
        ("../up", "is no name of a profile"),
        ("a_b_c_d_e", "is no name of a profile"),
        ("json", "json is installed already: choose another name"),
        ("dual_momentum", "dual_momentum is installed already"),
        ("taken", "taken exists; nothing was written"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_in_one_line(quant: Quant, name: str, words: str) -> None:
    Path("taken").mkdir()
    assert_refused(quant("new", "strategy", name), words)
    assert [path.name for path in Path().rglob("*")] == ["taken"]


def test_a_folder_that_is_not_there_is_named(quant: Quant) -> None:
    told = "quant: --out nowhere: No such file or directory; name a folder that is there and can be written\n"
    assert quant("new", "strategy", "my_trend", "--out", "nowhere") == (1, "", told)
