"""The cases of the broker contract are numbered once and listed, and the results of a subject are told as they were."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import pytest
from quant_platform_kit.testing import broker_contract
from quant_platform_kit.testing.broker_contract import BrokerContract
from quant_platform_kit.testing.contract_case import case, cases

NEEDED = (
    *("login", "account values", "positions", "quotes", "daily history", "unfinished bar", "market orders"),
    *("limit orders", "partial fill", "cancel", "reject", "reconnect", "recovery by id", "stale quote"),
    *("unknown symbol", "session closed", "second session", "HKD-base account", "split", "stop orders"),
)

SUBJECT = """
import pytest
from quant_platform_kit.testing.contract_case import case

class TestSubject:
    @case("B1", "a")
    def test_one(self):
        '''Passes.'''

    @case("B2", "a")
    @pytest.mark.parametrize("way", [1, 2])
    def test_two(self, way):
        '''Fails one way.'''
        assert way == 1, "the other way"

    @case("B3", "a")
    def test_three(self):
        '''Is not to be had.'''
        pytest.skip("n/a: no wire")

    @case("B4", "a")
    def test_four(self):
        '''Is skipped in silence.'''
        pytest.skip("today not")

    @case("B5", "a")
    def test_five(self, no_such_fixture):
        '''Cannot begin.'''

    def test_without_a_number(self):
        pass
"""


def test_the_table_of_the_contract_is_that_of_its_cases() -> None:
    listed = re.findall(r"^(B\d+) +(.+)$", broker_contract.__doc__ or "", re.MULTILINE)
    assert listed == [(one.number, one.title) for one in cases(BrokerContract)]


def test_cases_are_numbered_without_gaps_and_cover_every_topic() -> None:
    found = cases(BrokerContract)
    assert [one.number for one in found] == [f"B{number}" for number in range(1, len(found) + 1)]
    assert {one.topic for one in found} == set(NEEDED)


def test_every_test_of_the_contract_is_a_case() -> None:
    names = [name for name in dir(BrokerContract) if name.startswith("test")]
    assert len(names) == len(cases(BrokerContract))


def test_a_number_is_given_once() -> None:
    class Twice:
        @case("B1", "a")
        def test_one(self) -> None:
            """One."""

        @case("B1", "a")
        def test_two(self) -> None:
            """Two."""

    with pytest.raises(ValueError, match="B1 is both 'One' and 'Two'"):
        cases(Twice)


def test_a_subject_cannot_excuse_itself_from_a_case_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r"Hasty\.not_applicable names B99: there is no such case"):

        class Hasty(BrokerContract):
            not_applicable: ClassVar = {"B1": "no login", "B99": "no idea"}


def test_the_results_of_a_subject_are_written_case_by_case(tmp_path: Path) -> None:
    (tmp_path / "test_subject.py").write_text(SUBJECT)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {
        **os.environ,
        "BROKER_CONTRACT_RESULTS": str(tmp_path / "results"),
        "BROKER_CONTRACT_SUBJECT": "mine@1",
        "BROKER_CONTRACT_LIBRARY": "pytest",
    }
    plugin = "quant_platform_kit.testing.contract_results"
    command = [sys.executable, "-m", "pytest", "-q", "-p", plugin, "-p", "no:cacheprovider", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    written = json.loads((tmp_path / "results" / "mine@1.json").read_text())
    failed, missing = written["cases"].pop("B2"), written["cases"].pop("B5")
    assert written == {
        "subject": "mine@1",
        "library": f"pytest {version('pytest')}",
        "cases": {"B1": "passed", "B3": "n/a: no wire", "B4": "failed: skipped: today not"},
    }
    assert failed.startswith("failed: ")
    assert missing.startswith("failed: ")
