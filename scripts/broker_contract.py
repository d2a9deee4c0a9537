#!/usr/bin/env python3
"""Run the broker contract on every subject, and write docs/reference/broker-contract.md.

A subject is a broker as one client library drives it. Those with packages of their own run in an isolated environment
in .cache/contract/<environment>, made anew where its packages changed; the others in this one. Each run leaves a file
of results in .cache/contract/results, and the page is made of these.

Exit status 1: a case failed, a case or a whole subject has no result, or a test file does not exist.

Usage
-----
``python scripts/broker_contract.py``; ``--subject NAME`` (repeatable) runs only these and takes the results of the
others as they are, ``--merge`` runs nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quant_platform_kit.testing.broker_contract import BrokerContract
from quant_platform_kit.testing.contract_case import Case, cases
from quant_platform_kit.testing.contract_results import FAILED, NOT_APPLICABLE, PASSED
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import Stand
from venue_sandbox.stands.stand import Subject as Tested

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "contract"
RESULTS = CACHE / "results"
PAGE = ROOT / "docs" / "reference" / "broker-contract.md"
MISSING = "missing"
HEAD = """\
# Broker contract

What every broker adapter owes, case by case, and which of them each one passes: on its own client library, unmodified,
against its venue. Written by `make contract`, which runs every case and fails if one fails or is missing. `n/a` is a
case that a subject cannot have, and why. The cases are in `quant_platform_kit.testing.broker_contract`.
"""


@dataclass(frozen=True)
class Subject:
    """A broker to test.

    Attributes
    ----------
    tests
        What pytest runs: a file of the checkout, and a class in it where there are several.
    library
        Distribution whose version the page shows.
    packages
        Beside `COMMON`, what its environment holds; none: the tests run in this environment.
    environment
        Name of that environment.
    """

    name: str
    tests: str
    library: str = "quant-platform-kit"
    packages: tuple[str, ...] = ()
    environment: str = ""


COMMON = (
    *("-e", "packages/quant_platform_kit[data,sql]", "-e", "packages/us_equity_strategies"),
    *("-e", "packages/venue_sandbox", "pytest>=9", "pytest-socket>=0.7"),
)
TESTS = "tests/services/brokers/test_broker_contract.py"
PAPER_BOOK = Subject("paper-book", "packages/quant_platform_kit/tests/paper/test_broker.py::TestPaperBroker")
"""The paper broker without a venue: there is no stand for it."""


def subject_of(stand: type[Stand], one: Tested) -> Subject:
    """Return what is run for a subject of a stand; what needs the kit alone runs in this environment."""
    if one.library == Subject.library:
        return Subject(one.name, TESTS)
    app = f"apps/{stand.name}[{one.extra}]" if one.extra else f"apps/{stand.name}"
    return Subject(one.name, TESTS, one.library, ("-e", app), one.library)


SUBJECTS = (*(subject_of(stand, one) for stand in STANDS.values() for one in stand.subjects), PAPER_BOOK)


@dataclass(frozen=True)
class Result:
    """What came of a subject's cases, by number."""

    library: str
    cases: Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """Run subjects, write the page, and complain of what is wrong; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--subject", action="append", choices=[subject.name for subject in SUBJECTS])
    parser.add_argument("--merge", action="store_true", help="run nothing")
    chosen = parser.parse_args(arguments)
    for subject in SUBJECTS:
        if not chosen.merge and subject.name in (chosen.subject or [subject.name]):
            run(subject)
    listed = cases(BrokerContract)
    results = {subject.name: read(subject) for subject in SUBJECTS}
    PAGE.write_text(page(listed, results), "utf-8")
    for name, result in results.items():
        if result is not None:
            print(f"broker-contract: {name}, {result.library}: {summary(result)}")
    wrong = complaints(listed, results)
    for line in wrong:
        print(f"broker-contract: {line}", file=sys.stderr)
    return 1 if wrong else 0


def result_file(subject: Subject) -> Path:
    """Return where a subject's results are."""
    return RESULTS / f"{subject.name}.json"


def run(subject: Subject) -> None:
    """Run a subject's tests; what came of them is in its file, and without a file nothing did."""
    result_file(subject).unlink(missing_ok=True)
    if not (ROOT / subject.tests.partition("::")[0]).is_file():
        return
    print(f"broker-contract: {subject.name}", flush=True)
    python = environment(subject) if subject.packages else Path(sys.executable)
    if python is None:
        return
    variables = {
        **os.environ,
        "BROKER_CONTRACT_RESULTS": str(RESULTS),
        "BROKER_CONTRACT_SUBJECT": subject.name,
        "BROKER_CONTRACT_LIBRARY": subject.library,
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    plugin = "quant_platform_kit.testing.contract_results"
    command = [str(python), "-m", "pytest", "-q", "--no-header", "-r", "fE", "-p", plugin, subject.tests]
    subprocess.run(command, cwd=ROOT, env=variables, check=False)


def environment(subject: Subject) -> Path | None:
    """Return the interpreter of a subject's environment, brought up to date; None if it could not be made."""
    uv = next((path for path in (ROOT / ".tools" / "uv", shutil.which("uv")) if path and Path(path).exists()), None)
    if uv is None:
        print("broker-contract: there is no uv; run `make contract`, which fetches it", file=sys.stderr)
        return None
    folder = CACHE / subject.environment
    python = folder / "bin" / "python"
    steps = [["pip", "install", "--quiet", "--python", str(python), *COMMON, *subject.packages]]
    if not python.exists():
        steps.insert(0, ["venv", "--quiet", "--python", sys.executable, str(folder)])
    for step in steps:
        if subprocess.run([str(uv), *step], cwd=ROOT, check=False).returncode:
            return None
    return python


def read(subject: Subject) -> Result | None:
    """Return a subject's results, None if there are none."""
    file = result_file(subject)
    if not file.exists():
        return None
    document = json.loads(file.read_text("utf-8"))
    return Result(document["library"], document["cases"])


def page(listed: Sequence[Case], results: Mapping[str, Result | None]) -> str:
    """Return the page: a row for each case, a column for each subject."""
    names = [f"{name}<br>{result.library}" if result else name for name, result in results.items()]
    rows = [["", "about", "case", *names], ["---"] * (3 + len(names))]
    for one in listed:
        outcomes = (result.cases.get(one.number, MISSING) if result else MISSING for result in results.values())
        rows.append([one.number, one.topic, one.title, *outcomes])
    return HEAD + "\n" + "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def complaints(listed: Sequence[Case], results: Mapping[str, Result | None]) -> list[str]:
    """Return what is wrong, a line each."""
    found: list[str] = []
    files = {subject.name: subject.tests for subject in SUBJECTS}
    for name, result in results.items():
        tests = ROOT / files[name].partition("::")[0]
        if result is None:
            why = "the tests did not run" if tests.is_file() else f"{tests.relative_to(ROOT)} does not exist"
            found.append(f"{name} has no results: {why}")
            continue
        for one in listed:
            outcome = result.cases.get(one.number, MISSING)
            if outcome == MISSING or outcome.startswith(FAILED):
                found.append(f"{name} {one.number} {one.title}: {outcome}")
    return found


def summary(result: Result) -> str:
    """Return how many cases came out in which way."""
    counts = Counter(outcome.partition(":")[0] for outcome in result.cases.values())
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in (PASSED, NOT_APPLICABLE, FAILED))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
