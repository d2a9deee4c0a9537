"""Let many strategies guess, and see whether the best of them is taken for skill.

``python -m chaos.luck --repetitions 50`` shuffles the days of real returns, which are taken off their mean, so that
nothing can be known of them. Of 200 strategies each holds one fund after the other, by a seed. The whole way of a sweep
is gone: trials, journal, judgement. Then the same with one that knows something: what it holds gains a little more each
day, an annual Sharpe ratio of ``--edge``. It prints a JSON line for each, and ends with 1 where luck passes for skill,
with a deflated Sharpe ratio of 0.95 or more, in more than 5 % of the repetitions, or skill is found in less than 80 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import date
from itertools import starmap

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.testing.guesses import repeated

from chaos.arguments import positive
from chaos.sweep import PRICES

FUNDS = ("DBC", "EEM", "EFA", "EWJ", "GLD", "IEF", "IWM", "QQQ", "SPY", "TLT", "VNQ", "XLE")
FIRST, LAST = date(2010, 1, 4), date(2023, 12, 29)
LIKELY = 0.95
MOST_LUCK, LEAST_SKILL = 0.05, 0.8
CALENDAR = load_calendar("XNYS")


def real_returns() -> FloatArray:
    """Return the daily returns of the funds, shape (n, k), each column taken off its mean."""
    table = price_table(read_prices(PRICES, ["close", "adj_close"]), FUNDS, "adj_close", CALENDAR)
    rows = [FIRST <= session <= LAST for session in table.sessions]
    close = table.fields["close"][rows]
    returns = close[1:] / close[:-1] - 1
    return returns - returns.mean(axis=0)


def main() -> int:
    """Return 0 where luck is told from skill."""
    parser = argparse.ArgumentParser(prog="python -m chaos.luck", description=__doc__)
    parser.add_argument("--repetitions", type=positive, default=50)
    parser.add_argument("--strategies", type=positive, default=200)
    parser.add_argument("--edge", type=float, default=1.5, help="annual Sharpe ratio (%(default)s)")
    asked = parser.parse_args()
    if not PRICES.is_file():
        parser.error(f"{PRICES} is not there; set TEST_DATA_DIR")
    returns = real_returns()
    passed = starmap(_line, ((returns, asked, 0.0), (returns, asked, asked.edge)))
    return 0 if all(list(passed)) else 1


def _line(returns: FloatArray, asked: argparse.Namespace, knowing: float) -> bool:
    began = time.perf_counter()
    found = [repeated(returns, seed, asked.strategies, knowing) for seed in range(asked.repetitions)]
    deflated = [one.deflated for one in found]
    likely = [one for one in found if one.deflated >= LIKELY]
    share = sum(one.best == 0 for one in likely) / len(found) if knowing else len(likely) / len(found)
    met = share >= LEAST_SKILL if knowing else share <= MOST_LUCK
    line = {
        "edge": knowing,
        "repetitions": len(found),
        "strategies": asked.strategies,
        "sessions": len(returns),
        "taken_for_skill" if not knowing else "found": share,
        "deflated_median": round(float(np.median(deflated)), 3),
        "deflated_highest": round(max(deflated), 3),
        "best_sharpe_median": round(float(np.median([one.inside[one.best] for one in found])), 2),
        "overfitting_median": round(float(np.median([one.overfitting or 0.0 for one in found])), 3),
        "seconds": round(time.perf_counter() - began, 1),
        "met": met,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    return met


if __name__ == "__main__":
    sys.exit(main())
