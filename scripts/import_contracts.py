"""Check the rules of who may import whom; ``--prove`` shows on a copy of the sources that each can be broken."""

from __future__ import annotations

import argparse
import sys
import time

from checkout import ROOT, Checkout
from contracts.linting import check
from contracts.proof import prove


def main() -> int:
    """Return the exit status: 0 where all rules are kept, or each could be broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prove", action="store_true", help="plant imports that break the rules, in a copy")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        is_well = prove(ROOT) if options.prove else check(Checkout(ROOT))
    except (LookupError, ValueError) as error:
        print(f"a rule names what is not there: {error} Mend scripts/contracts/rules.py", file=sys.stderr)
        return 1
    print(f"{time.monotonic() - started:.1f} s")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
