"""The page of a comparison: every text made ready, so that the template only places it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np

from quant_platform_kit.domain.shortfall import Part, Shortfall
from quant_platform_kit.report import charts, formats
from quant_platform_kit.report.curves import Curve
from quant_platform_kit.report.page import Key, template
from quant_platform_kit.report.readings import curve_readings

__all__ = ["render_shortfall"]

MEANINGS = {
    Part.DECISION.value: "decided otherwise than the rule decides now, on these prices",
    Part.DELAY.value: "decided and planned at other prices than the back-test's fill",
    Part.SPREAD.value: "filled at other prices than planned, beyond the slippage of the model",
    Part.COMMISSION.value: "beyond the commission of the model",
    Part.LOTS.value: "orders rounded, held back or buffered otherwise",
    Part.CARRY.value: "executed later, in part, or not at all",
    Part.OUTSIDE.value: "deposits, withdrawals, dividends, trades by hand",
    "interaction": "what the parts do to each other",
}


def render_shortfall(found: Shortfall, *, settings: Mapping[str, str]) -> str:
    """Return a comparison as one HTML page that loads nothing; ``settings`` are rows to list."""
    whole = found.whole
    axis, curves = charts.TimeAxis(found.sessions), _curves(found)
    return template("shortfall.html.j2").render(
        account=found.account_id,
        profile=found.profile,
        currency=found.currency,
        first=found.sessions[0].isoformat(),
        last=found.sessions[-1].isoformat(),
        sentence=_sentence(found),
        chart=charts.equity_chart(axis, curves),
        data={"curve-readings": curve_readings(axis, curves)},
        keys=[
            Key("Live", "own", formats.number(found.live[-1], 2)),
            Key("Back-test", "peer", formats.number(found.backtest[-1], 2)),
        ],
        parts=[_part(name, amount) for name, amount in whole.lines.items()],
        total=_signed(whole.total),
        names=list(whole.lines),
        decisions=[
            {
                "as_of": one.as_of.isoformat(),
                "session": one.session.isoformat(),
                "total": _signed(one.cost.total),
                "lines": [_signed(amount) for amount in one.cost.lines.values()],
            }
            for one in reversed(found.decisions)
        ],
        settings=settings,
    )


def _sentence(found: Shortfall) -> str:
    made = found.whole.execution
    word = "more" if made > 0 else "less"
    share = formats.percent(abs(float(found.execution_share)), 2)
    if not made:
        return "Without outside changes the account made what the back-test made, to the cent."
    amount = f"{formats.number(abs(made), 2)} {found.currency}"
    return (
        f"Without outside changes the account made {amount} {word} than the back-test, {share} of what both began with."
    )


def _curves(found: Shortfall) -> list[Curve]:
    own, peer = (np.array([float(value) for value in curve]) for curve in (found.live, found.backtest))
    return [Curve("Live", "own", own), Curve("Back-test", "peer", peer)]


def _part(name: str, amount: Decimal) -> dict[str, str]:
    return {"name": name, "amount": _signed(amount), "meaning": MEANINGS[name]}


def _signed(amount: Decimal) -> str:
    return formats.number(amount, 2, sign=True)
