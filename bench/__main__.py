"""Run every benchmark, or those named: ``python -m bench [NAME ...]``."""

import json
import sys
from importlib import import_module

BENCHMARKS: dict[str, tuple[str, ...]] = {
    **{
        name: (name,)
        for name in (
            "backtest_growth",
            "backtest_process",
            "import_cost",
            "store_cost",
            "web_start",
            "web_no_action",
            "ledger_verify",
            "release_status",
            "snapshots_load",
            "snapshots_backtest",
            "playbook",
            "tq",
            "events",
            "rollout",
            "prices",
            "measures",
            "sweep",
        )
    },
    **{f"backtest_vs_{peer}": ("backtest_peers", peer) for peer in ("bt", "vectorbt")},
    **{f"release_{what}": ("release_services", what) for what in ("own_time", "hold", "status_services")},
    **{f"snapshots_build_{what}": ("snapshots_build", what) for what in ("one", "many", "memory", "growth", "workers")},
    **{
        f"{broker}_{what}": (f"broker_{what}", broker)
        for broker in ("alpaca", "ibkr", "schwab", "longbridge", "longport")
        for what in ("run", "start")
    },
    **{f"{broker}_contact": ("contact", broker) for broker in ("ibkr", "schwab", "longbridge")},
    **{
        f"{broker}_rebalance": ("broker_rebalance", broker)
        for broker in ("paper", "alpaca", "ibkr", "schwab", "longbridge")
    },
}
"""By name: the module, and what it is to measure. Worker processes import this module too: it imports no other."""


def main(names: list[str]) -> int:
    """Print one JSON line per benchmark; return 1 if one misses its bound."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown benchmark {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    met = True
    for name in names or BENCHMARKS:
        module, *arguments = BENCHMARKS[name]
        result = {"benchmark": name, **import_module(f"bench.{module}").measure(*arguments)}
        print(json.dumps(result), flush=True)
        met = met and result["met"]
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
