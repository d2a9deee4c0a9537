"""Run every benchmark, or those named: ``python -m bench [NAME ...]``."""

import json
import sys

from bench import (
    backtest_growth,
    backtest_vs_bt,
    ibkr_run,
    ibkr_start,
    import_cost,
    release_status,
    store_cost,
    web_no_action,
    web_start,
)

BENCHMARKS = {
    "backtest_vs_bt": backtest_vs_bt.measure,
    "backtest_growth": backtest_growth.measure,
    "import_cost": import_cost.measure,
    "store_cost": store_cost.measure,
    "web_start": web_start.measure,
    "web_no_action": web_no_action.measure,
    "ibkr_run": ibkr_run.measure,
    "ibkr_start": ibkr_start.measure,
    "release_status": release_status.measure,
}


def main(names: list[str]) -> int:
    """Print one JSON line per benchmark; return 1 if one misses its bound."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown benchmark {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    results = [{"benchmark": name, **BENCHMARKS[name]()} for name in names or BENCHMARKS]
    for result in results:
        print(json.dumps(result))
    return 0 if all(result["met"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
