"""The figures of the tear sheet against empyrical-reloaded, on a curve and a benchmark of 16 years.

Where both define a figure alike they have to agree to 1e-9. Where they do not, ``differs`` says how, and what the
library's definition gives is computed here from ours: it has to meet the library's value too, or the words are wrong.
"""

# pyright: reportMissingImports=false

import math
from datetime import date
from typing import Any

import empyrical
import numpy as np
import pandas as pd
from quant_platform_kit.domain.measures import measures, relative
from quant_platform_kit.domain.performance import SESSIONS_PER_YEAR, drawdown, returns_of

from bench.market import CALENDAR

START, END = date(2008, 6, 2), date(2023, 12, 29)
TOLERANCE = 1e-9


def measure() -> dict[str, Any]:
    """Return the greatest difference where definitions are alike, and of the stated differences."""
    sessions, own, peer = _curves()
    ours, beside = measures(sessions, own), relative(own, peer)
    index = pd.DatetimeIndex(sessions)[1:]
    r, b = (pd.Series(returns_of(curve), index=index) for curve in (own, peer))
    years = len(r) / SESSIONS_PER_YEAR
    library_growth = (own[-1] / own[0]) ** (1 / years) - 1
    cut = int((len(r) - 1) * 0.05)
    same = {
        "volatility": (ours.volatility, empyrical.annual_volatility(r)),
        "sharpe": (ours.sharpe, empyrical.sharpe_ratio(r)),
        "sortino": (ours.sortino, empyrical.sortino_ratio(r)),
        "max_drawdown": (ours.max_drawdown, empyrical.max_drawdown(r)),
        "var": (ours.var, empyrical.value_at_risk(r, 0.05)),
        "beta": (beside.beta, empyrical.beta(r, b)),
    }
    differs = {
        "cagr: years are n/252, not calendar years": (library_growth, empyrical.annual_return(r)),
        "calmar: of that cagr": (library_growth / -ours.max_drawdown, empyrical.calmar_ratio(r)),
        "cvar: the mean of the k lowest days, k rounded down, not of those at or below the quantile": (
            float(np.sort(r.to_numpy())[: cut + 1].mean()),
            empyrical.conditional_value_at_risk(r, 0.05),
        ),
        "alpha: compounded over 252 days, not times 252": (
            (1 + (beside.alpha or 0) / SESSIONS_PER_YEAR) ** SESSIONS_PER_YEAR - 1,
            empyrical.alpha(r, b),
        ),
        "information ratio: not annualised": (
            (beside.information_ratio or 0) / math.sqrt(SESSIONS_PER_YEAR),
            empyrical.excess_sharpe(r, b),
        ),
    }
    alike, stated = (max(abs(ours - theirs) for ours, theirs in each.values()) for each in (same, differs))
    return {
        "sessions": len(sessions),
        "alike": list(same),
        "differs": list(differs),
        "greatest_difference": float(f"{alike:.2g}"),
        "greatest_unexplained": float(f"{stated:.2g}"),
        "cagr": round(ours.cagr or 0, 5),
        "cagr_of_the_library": round(library_growth, 5),
        "ulcer": round(math.sqrt(float((drawdown(own) ** 2).mean())), 5),
        "met": max(alike, stated) < TOLERANCE,
    }


def _curves() -> tuple[tuple[date, ...], np.ndarray, np.ndarray]:
    """Return sessions, and a curve and its benchmark that move together in part."""
    sessions = CALENDAR.between(START, END)
    rng = np.random.default_rng(20081)
    market = rng.standard_t(4, len(sessions) - 1) * 0.008 + 0.0004
    own = 0.6 * market + rng.standard_t(4, len(sessions) - 1) * 0.004 + 0.0001
    begun = [100 * np.cumprod(np.concatenate(([1.0], 1 + each))) for each in (own, market)]
    return sessions, begun[0], begun[1]
