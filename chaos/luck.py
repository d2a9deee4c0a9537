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
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.adapters.trial_records import TrialFolder
from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.performance import SESSIONS_PER_YEAR
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.sweeping import Outcome, Plan, Sweep
from quant_platform_kit.services.research.sweep import sweep

from chaos.arguments import positive
from chaos.sweep import PRICES

__all__ = ["Guesses", "repeated"]

FUNDS = ("DBC", "EEM", "EFA", "EWJ", "GLD", "IEF", "IWM", "QQQ", "SPY", "TLT", "VNQ", "XLE")
FIRST, LAST = date(2010, 1, 4), date(2023, 12, 29)
HELD = 21
"""Sessions that a fund is held for."""
LIKELY = 0.95
MOST_LUCK, LEAST_SKILL = 0.05, 0.8
CALENDAR = load_calendar("XNYS")


@dataclass(frozen=True)
class Guesses:
    """`Swept`: strategies that guess what to hold, by their number.

    Attributes
    ----------
    returns
        Of funds, shape (n, k).
    knowing
        Annual Sharpe ratio that strategy 0 has beyond luck.
    """

    returns: FloatArray
    knowing: float = 0.0
    profile: str = "guesses"
    display_name: str = "Guesses"

    @property
    def question(self) -> Mapping[str, object]:
        """What there is to guess."""
        return {"prices": str(abs(float(self.returns[0].sum()))), "knowing": self.knowing}

    @property
    def sessions(self) -> Sequence[date]:
        """As many as there are returns, and the one before."""
        return CALENDAR.sessions[: len(self.returns) + 1]

    def config(self, point: Point) -> Mapping[str, object]:
        """Return the number of a strategy."""
        return {"number": int(point["number"])}

    def outcome(self, point: Point) -> Outcome:
        """Return what a strategy makes, without costs."""
        number = int(point["number"])
        sessions, funds = self.returns.shape
        guesses = np.random.default_rng(number).integers(funds, size=-(-sessions // HELD))
        made = self.returns[np.arange(sessions), np.repeat(guesses, HELD)[:sessions]]
        if number == 0 and self.knowing:
            made = made + self.knowing / math.sqrt(SESSIONS_PER_YEAR) * made.std(ddof=1)
        equity: FloatArray = 100_000 * np.cumprod(np.concatenate(([1.0], 1 + made)), dtype=np.float64)
        return Outcome(tuple(self.sessions), equity, {})


def repeated(returns: FloatArray, seed: int, strategies: int, knowing: float) -> Sweep:
    """Return the sweep over one shuffle of the days, its trials counted in a journal of its own."""
    order = np.random.default_rng([seed, 1]).permutation(len(returns))
    subject = Guesses(returns[order], knowing)
    points = [{"number": str(number)} for number in range(strategies)]
    with TemporaryDirectory(prefix="luck-") as folder:
        records = TrialFolder(Path(folder) / "out", None, subject.profile, str(subject.question["prices"]))
        return sweep(subject, points, Plan(), records, lambda one, trials: (one.outcome(t.point) for t in trials))


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
