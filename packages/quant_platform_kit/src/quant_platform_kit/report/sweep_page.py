"""The page of a sweep: every text made ready, so that the template only places it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quant_platform_kit.domain.sweeping import Sweep, annual
from quant_platform_kit.domain.walking import Walk
from quant_platform_kit.report import charts, formats
from quant_platform_kit.report.cards import Card
from quant_platform_kit.report.curves import Curve
from quant_platform_kit.report.heat_map import heat_map
from quant_platform_kit.report.page import Key, numbers, template
from quant_platform_kit.report.readings import curve_readings
from quant_platform_kit.report.sweep_charts import scatter_chart

__all__ = ["render_sweep"]

LISTED = 20
"""Trials in the table, the best ones."""
LIKELY = 0.95
NONE = "\N{EM DASH}"


def render_sweep(found: Sweep, *, settings: Mapping[str, str]) -> str:
    """Return a sweep as one HTML page that loads nothing; ``settings`` are rows to list, in their order."""
    axis = charts.TimeAxis(found.sessions)
    curves = [
        Curve(f"Best: {_told(found, found.best)}", "own", found.equity[:, found.best]),
        Curve(f"Median: {_told(found, found.median)}", "peer", found.equity[:, found.median]),
    ]
    outside = found.outside
    return template("sweep.html.j2").render(
        name=found.display_name,
        profile=found.profile,
        first=found.sessions[0].isoformat(),
        last=found.sessions[-1].isoformat(),
        until=found.chosen_until.isoformat(),
        trials=formats.number(len(found.trials)),
        sentence=_sentence(found),
        cards=_cards(found),
        counted=_counted(found),
        journal=found.counted.journal,
        heat=heat_map(found),
        scatter=None if outside is None else scatter_chart(found, found.inside, outside),
        equity=charts.equity_chart(axis, curves),
        curves=[Key(curve.name, curve.tone, formats.money(float(curve.values[-1]))) for curve in curves],
        curve_rows=numbers(range(0, 2 * len(curves), 2)),
        data={"curve-readings": curve_readings(axis, curves)},
        walk=None if found.walk is None else _walk(found, found.walk),
        varied=found.varied,
        rows=_rows(found),
        listed=min(LISTED, len(found.trials)),
        split=outside is not None,
        settings=settings,
    )


def _told(found: Sweep, place: int) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.trials[place].point.items())


def _ratio(value: float) -> str:
    return formats.number(value, 2)


def _sentence(found: Sweep) -> str:
    best = _ratio(float(found.inside[found.best]))
    chance = formats.percent(found.deflated)
    verdict = "is more than luck would bring" if found.deflated >= LIKELY else "may be luck"
    many = formats.number(found.counted.trials)
    trials = "one trial" if found.counted.trials == 1 else f"the best of {many} trials"
    return f"The best Sharpe ratio is {best}. As {trials} it {verdict}: with {chance} the true one is above luck's."


def _cards(found: Sweep) -> tuple[Card, ...]:
    own = Card("Best Sharpe ratio", _ratio(float(found.inside[found.best])), f"until {found.chosen_until}")
    middle = Card("Median Sharpe ratio", _ratio(float(found.inside[found.median])), "of these trials")
    over = NONE if found.overfitting is None else formats.percent(found.overfitting)
    cards = [
        own,
        middle,
        Card("Deflated Sharpe ratio", formats.percent(found.deflated), "probability to be above luck"),
        Card("Overfitting", over, "probability (CSCV)"),
        Card("Trials counted", formats.number(found.counted.trials), f"{len(found.trials)} of them here"),
    ]
    if found.outside is not None:
        after = _ratio(float(found.outside[found.best]))
        cards.append(Card("Best, after the split", after, f"Sharpe ratio; median {_ratio(_median(found))}"))
    if found.walk is not None:
        cards.append(Card("Walking forward", _ratio(annual(found.walk.sharpe)), "Sharpe ratio of what was chosen"))
    return tuple(cards)


def _median(found: Sweep) -> float:
    return 0.0 if found.outside is None else float(np.median(found.outside))


def _counted(found: Sweep) -> str:
    counted = found.counted
    others = f"{formats.number(counted.others)} of them of other sweeps" if counted.others else "none of other sweeps"
    many = formats.number(counted.trials)
    return f"{many} trials of this profile on these prices are counted, {others}. The journal:"


def _walk(found: Sweep, walk: Walk) -> list[dict[str, str]]:
    later = found.sessions[1:]
    return [
        {
            "past": f"{later[part.past[0]]} to {later[part.past[1] - 1]}",
            "ahead": f"{later[part.ahead[0]]} to {later[part.ahead[1] - 1]}",
            "chosen": _told(found, chosen),
            "in": _ratio(annual(past)),
            "out": _ratio(annual(ahead)),
        }
        for part, chosen, past, ahead in zip(walk.windows, walk.chosen, walk.past, walk.ahead, strict=True)
    ]


def _rows(found: Sweep) -> list[dict[str, object]]:
    """Return the best trials, the best first."""
    order = sorted(range(len(found.trials)), key=lambda one: -found.inside[one])[:LISTED]
    return [
        {
            "point": list(found.trials[one].point.values()),
            "inside": _ratio(float(found.inside[one])),
            "outside": "" if found.outside is None else _ratio(float(found.outside[one])),
            "growth": _share(found.figures[one].get("cagr")),
            "depth": _share(found.figures[one].get("max_drawdown")),
        }
        for one in order
    ]


def _share(value: object) -> str:
    return formats.percent(value) if isinstance(value, float) else NONE
