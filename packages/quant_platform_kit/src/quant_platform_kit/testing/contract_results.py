"""A pytest plugin that writes what came of the numbered cases of one contract subject.

``pytest -p quant_platform_kit.testing.contract_results`` with the environment variables

BROKER_CONTRACT_RESULTS
    Folder to write to; without it the plugin does nothing.
BROKER_CONTRACT_SUBJECT
    Name of the subject, and of the file.
BROKER_CONTRACT_LIBRARY
    Distribution whose version is told with the results.

writes ``<subject>.json``: ``subject``, ``library`` and ``cases``, by number ``passed``, ``n/a: why`` or
``failed: why``. A case that was skipped without being declared as not applicable has failed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path

import pytest

from quant_platform_kit.testing.contract_case import case_of

__all__ = ["FAILED", "NOT_APPLICABLE", "PASSED", "pytest_configure"]

PASSED, NOT_APPLICABLE, FAILED = "passed", "n/a", "failed"
_WORST_FIRST = (FAILED, NOT_APPLICABLE, PASSED)


class _Results:
    """Collects the outcome of each case; of a case with several tests the worst."""

    def __init__(self, file: Path, subject: str, library: str) -> None:
        self._file, self._subject, self._library = file, subject, library
        self._cases: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the outcome of a phase of a test."""
        report = yield
        one = case_of(getattr(item, "function", None))
        if one is not None and (report.when == "call" or not report.passed):
            outcomes = [_outcome(report), *filter(None, [self._cases.get(one.number)])]
            self._cases[one.number] = min(outcomes, key=lambda text: _WORST_FIRST.index(text.partition(":")[0]))
        return report

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        library = f"{self._library} {version(self._library)}"
        document = {"subject": self._subject, "library": library, "cases": self._cases}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def _outcome(report: pytest.TestReport) -> str:
    if report.passed:
        return PASSED
    lines = report.longreprtext.strip().splitlines() or [report.outcome]
    if report.failed:
        return f"{FAILED}: {lines[-1]}"
    reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else lines[-1]
    return reason if reason.startswith(f"{NOT_APPLICABLE}: ") else f"{FAILED}: skipped: {reason}"


def pytest_configure(config: pytest.Config) -> None:
    """Collect results where a folder for them is named."""
    environment = os.environ  # noqa: TID251 - a plugin has no settings
    if folder := environment.get("BROKER_CONTRACT_RESULTS"):
        subject = environment.get("BROKER_CONTRACT_SUBJECT", "subject")
        library = environment.get("BROKER_CONTRACT_LIBRARY", "quant-platform-kit")
        config.pluginmanager.register(_Results(Path(folder) / f"{subject}.json", subject, library))
