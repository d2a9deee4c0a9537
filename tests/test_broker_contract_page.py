"""The page of the broker contract shows every result, and what failed or is missing is complained of."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from quant_platform_kit.testing.contract_case import Case

SCRIPT = Path(__file__).resolve().parent.parent / "scripts/broker_contract.py"
SPEC = importlib.util.spec_from_file_location("broker_contract_script", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
script = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = script
SPEC.loader.exec_module(script)

CASES = [Case("B1", "login", "One"), Case("B2", "split", "Two | three")]
THERE, ABSENT = "tests/test_there.py", "tests/test_absent.py"


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep all that is written in a folder of the test."""
    (tmp_path / "tests").mkdir()
    (tmp_path / THERE).write_text("")
    (tmp_path / "results").mkdir()
    for name, value in {
        "ROOT": tmp_path,
        "RESULTS": tmp_path / "results",
        "PAGE": tmp_path / "page.md",
        "SUBJECTS": (script.Subject("good", THERE), script.Subject("bad@1", f"{THERE}::TestBad")),
        "cases": lambda contract: CASES,
    }.items():
        monkeypatch.setattr(script, name, value)


def result(tmp_path: Path, subject: str, **cases: str) -> None:
    document = {"subject": subject, "library": "lib 1.2", "cases": cases}
    (tmp_path / "results" / f"{subject}.json").write_text(json.dumps(document))


def test_a_page_of_good_results_has_a_row_for_each_case_and_no_complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result(tmp_path, "good", B1="passed", B2="passed")
    result(tmp_path, "bad@1", B1="passed", B2="n/a: no splits")
    assert script.main(["--merge"]) == 0
    rows = (tmp_path / "page.md").read_text().splitlines()[-4:]
    assert rows == [
        "|  | about | case | good<br>lib 1.2 | bad@1<br>lib 1.2 |",
        "| --- | --- | --- | --- | --- |",
        "| B1 | login | One | passed | passed |",
        "| B2 | split | Two / three | passed | n/a: no splits |",
    ]
    assert "bad@1, lib 1.2: 1 passed, 1 n/a, 0 failed" in capsys.readouterr().out


def test_what_failed_or_is_missing_is_complained_of_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result(tmp_path, "good", B1="failed: E assert 1 == 2")
    assert script.main(["--merge"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "broker-contract: good B1 One: failed: E assert 1 == 2",
        "broker-contract: good B2 Two | three: missing",
        "broker-contract: bad@1 has no results: the tests did not run",
    ]
    assert "| B2 | split | Two / three | missing | missing |" in (tmp_path / "page.md").read_text()


def test_a_test_file_that_does_not_exist_is_named_and_old_results_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "SUBJECTS", (script.Subject("new", f"{ABSENT}::TestNew"),))
    result(tmp_path, "new", B1="passed", B2="passed")
    assert script.main([]) == 1
    assert capsys.readouterr().err == f"broker-contract: new has no results: {ABSENT} does not exist\n"
