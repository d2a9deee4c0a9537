"""The chart of the account page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from quant_platform_kit.domain.returns import Valuation
from quant_platform_kit.report.charts import TimeAxis, equity_chart
from quant_platform_kit.report.curves import Curve

__all__ = ["value_chart"]


def value_chart(valuations: Sequence[Valuation]) -> Markup | None:
    """Return the value after each run; None where there is no line to draw."""
    days = [one.at.date() for one in valuations]
    if len({*days}) < 2 or any(one.value <= 0 for one in valuations):
        return None
    values = np.array([float(one.value) for one in valuations])
    return equity_chart(TimeAxis(days), [Curve("Value", "own", values)])
