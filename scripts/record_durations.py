#!/usr/bin/env python3
"""Write how long the tests of each file take into tests/durations.json, from reports of pytest.

Usage
-----
``make test PYTEST_ADDOPTS=--junitxml=tests.xml``, ``make test-services PYTEST_ADDOPTS=--junitxml=services.xml``, then
``python scripts/record_durations.py tests.xml services.xml``.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path
from statistics import fmean

ROOT = Path(__file__).resolve().parents[1]
DURATIONS = ROOT / "tests" / "durations.json"
LEAST_SECONDS = 0.05
"""Files whose tests take less are not worth a line."""


def main(reports: list[str]) -> int:
    """Write the mean duration of every file's tests, setup included; the longest first."""
    taken: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            taken[file_of(case.attrib["classname"])].append(float(case.attrib["time"]))
    means = {file: round(fmean(seconds), 2) for file, seconds in taken.items()}
    slow = {file: mean for file, mean in sorted(means.items(), key=lambda entry: -entry[1]) if mean >= LEAST_SECONDS}
    DURATIONS.write_text(json.dumps(slow, indent=2) + "\n", encoding="utf-8")
    return 0


def file_of(classname: str) -> str:
    """Return the file of a test's module or class, such as ``tests.services.stores.test_x.TestClass``."""
    parts = classname.split(".")
    for length in range(len(parts), 0, -1):
        file = "/".join(parts[:length]) + ".py"
        if (ROOT / file).is_file():
            return file
    raise SystemExit(f"{classname} is in no file of this checkout")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
