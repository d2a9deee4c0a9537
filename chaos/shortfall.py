"""Hold paper accounts against their back-tests: one that differs in nothing, one for each part, one with all at once.

``python -m chaos.shortfall --sessions 60`` plays them on virtual time and prints one JSON line each. It ends with 1
where an effect that is alone is not the whole difference, the parts do not add up to it to the cent, or the interaction
is 5 % of the sum of absolute parts or more.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from decimal import Decimal

from quant_platform_kit.domain.shortfall import Shortfall
from quant_platform_kit.testing.shortfall_cases import ALONE, cases, played

from chaos.arguments import positive

MOST_INTERACTION = Decimal("0.05")
FEWEST = 8


def main() -> int:
    """Return 0 where everything adds up."""
    parser = argparse.ArgumentParser(prog="python -m chaos.shortfall", description=__doc__)
    parser.add_argument("--sessions", type=positive, default=60, help=f"sessions traded in, {FEWEST} at least")
    sessions = parser.parse_args().sessions
    if sessions < FEWEST:
        parser.error(f"--sessions is {sessions}; the accidents take {FEWEST}")
    wrong = 0
    for name in ("equal", *ALONE, "many"):
        began = time.perf_counter()
        _, found = played(name, sessions)
        faults = _faults(name, found)
        wrong += len(faults)
        lines = {part: str(amount) for part, amount in found.whole.lines.items() if amount}
        line = {"case": name, "sessions": sessions, "difference": str(found.whole.total), **lines, "faults": faults}
        share = f"{found.whole.interaction_share:.4f}"
        line |= {"interaction_share": share, "seconds": round(time.perf_counter() - began, 2)}
        sys.stdout.write(json.dumps(line) + "\n")
    return 1 if wrong else 0


def _faults(name: str, found: Shortfall) -> list[str]:
    """Return what does not hold."""
    whole, faults = found.whole, list[str]()
    if sum(whole.lines.values()) != found.live[-1] - found.backtest[-1]:
        faults.append("the parts do not add up")
    if any(sum(one.cost.lines[part] for one in found.decisions) != amount for part, amount in whole.lines.items()):
        faults.append("the decisions do not add up")
    alone = cases(found.sessions[1:])[name].alone
    present = {part for part, amount in whole.lines.items() if amount}
    if name != "many" and present != ({alone.value} if alone else set()):
        faults.append(f"there is {', '.join(sorted(present)) or 'nothing'}")
    if whole.interaction_share >= MOST_INTERACTION:
        faults.append(f"the interaction is {whole.interaction_share:.2%}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
