"""Check that what decides and what is simulated does the same on every run; ``--prove`` shows that each rule bites.

Ports and adapters are where time, chance and threads come in: `adapters`, `paper`, `runtime`, `web`, `cli` and the apps
are not looked at.
"""

from __future__ import annotations

import argparse
import sys

from checkout import ROOT
from repeats.proof import PLANTS, prove
from repeats.rules import RULES, findings

KIT = "packages/quant_platform_kit/src/quant_platform_kit"
ROOMS = (
    f"{KIT}/domain",
    f"{KIT}/ports",
    f"{KIT}/services",
    f"{KIT}/testing/simulation",
    "packages/trading_playbook/src/trading_playbook/dp20",
    "packages/trading_playbook/src/trading_playbook/journal",
    "packages/us_equity_strategies/src",
)

EXCUSED = {
    (f"{KIT}/services/observe/notifying.py", "threads"): "a lock: two triggers of a service may tell of the same run",
    (f"{KIT}/services/observe/notifying.py", "hash"): "which store of this process: the number is written nowhere",
    (f"{KIT}/services/research/replay.py", "threads"): "it tells its own thread from others, and starts none",
}
"""What may stay, and why."""


def check() -> list[str]:
    """Return what breaks a rule, and the excuses that are not needed any more."""
    excused: set[tuple[str, str]] = set()
    complaints: list[str] = []
    for file in (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))):
        path = file.relative_to(ROOT).as_posix()
        for found in findings(file.read_text("utf-8")):
            if (path, found.rule) in EXCUSED:
                excused.add((path, found.rule))
            else:
                complaints.append(f"{path}:{found.line}: {found.rule}: {found.text}; {RULES[found.rule]}")
    unneeded = [(path, rule) for path, rule in EXCUSED if (path, rule) not in excused]
    return complaints + [f"{path} needs no excuse for {rule} any more" for path, rule in unneeded]


def main() -> int:
    """Return the exit status: 0 where nothing was found, or each rule bites."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prove", action="store_true", help="plant what the rules forbid")
    proving = parser.parse_args().prove
    complaints = prove() if proving else check()
    for complaint in complaints:
        print(complaint)
    plants = f", {sum(map(len, PLANTS.values()))} plants" if proving else ""
    print(f"{len(RULES)} rules{plants}, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
