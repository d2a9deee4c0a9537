#!/usr/bin/env python3
"""Write how long the tests of each file take into tests/durations.json, from reports of pytest.

Usage
-----
``make test PYTEST_ADDOPTS=--junitxml=tests.xml``, ``make test-services PYTEST_ADDOPTS=--junitxml=services.xml``, then
``python scripts/record_durations.py tests.xml services.xml``. Of a test in several reports the last one counts.
"""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DURATIONS = ROOT / "tests" / "durations.json"
LEAST_SECONDS = 0.5
"""Files that take less are not worth a line."""


def main(reports: list[str]) -> int:
    """Write what every file's tests take together, setup included; the longest first."""
    tests: dict[tuple[str, str], float] = {}
    for report in reports:
        for case in ElementTree.parse(report).iterfind(".//testcase[@classname]"):
            tests[case.attrib["classname"], case.attrib["name"]] = float(case.attrib["time"])
    taken: dict[str, float] = defaultdict(float)
    for (classname, _), seconds in tests.items():
        taken[file_of(classname)] += seconds
    longest_first = sorted(taken.items(), key=lambda entry: -entry[1])
    slow = {file: round(seconds, 1) for file, seconds in longest_first if seconds >= LEAST_SECONDS}
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
