"""The page of a comparison of back-tests: every text made ready, so that the template only places it."""

from __future__ import annotations

from decimal import Decimal

from quant_platform_kit.domain.performance import drawdown
from quant_platform_kit.domain.strategy import TargetMode
from quant_platform_kit.report import charts, formats
from quant_platform_kit.report.comparison import Comparison, comparison_rows, multiple, year_rows
from quant_platform_kit.report.curves import Curve
from quant_platform_kit.report.kept_results import KeptDecision
from quant_platform_kit.report.origin import origin_rows
from quant_platform_kit.report.page import PAGE, Key, numbers, template
from quant_platform_kit.report.readings import curve_readings
from quant_platform_kit.report.tear_sheet import Figure, period_rows

__all__ = ["render_comparison"]

TONES = ("own", "peer", "c2", "c6", "c3", "c5", "c9", "c7")
"""Colours of the curves, in the order of the results."""
MOST_TARGETS = 6


def render_comparison(found: Comparison) -> str:
    """Return a comparison as one HTML page that loads nothing."""
    axis = charts.TimeAxis(found.sessions)
    named = zip(found.names, TONES, found.curves, strict=False)
    curves = [Curve(name, tone, values) for name, tone, values in named]
    rows = [[one.as_of.isoformat(), *map(_decided, one.decisions)] for one in reversed(found.differences)]
    settings = _settings(found)
    return template("comparison.html.j2").render(
        names=found.names,
        first=found.sessions[0].isoformat(),
        last=found.sessions[-1].isoformat(),
        sessions=formats.number(len(found.sessions)),
        sentence=_sentence(found),
        equity=charts.equity_chart(axis, curves),
        drawdown=charts.drawdown_chart(axis, curves),
        curves=[Key(c.name, c.tone, formats.number(float(c.values[-1]), 1)) for c in curves],
        depths=[Key(c.name, c.tone, formats.percent(float(drawdown(c.values).min()))) for c in curves],
        curve_rows=numbers(range(0, 2 * len(curves), 2)),
        fall_rows=numbers(range(1, 2 * len(curves), 2)),
        figure_rows=comparison_rows(found),
        period_rows=period_rows(found.measures),
        years=year_rows(found),
        trading_rows=_trading(found),
        decided=formats.number(found.decided),
        differ=formats.number(len(rows)),
        differences=rows[:PAGE],
        hidden=len(rows) > PAGE,
        unlike={name: values for name, values in settings.items() if len(set(values)) > 1},
        alike={name: values[0] for name, values in settings.items() if len(set(values)) == 1},
        data={
            "curve-readings": curve_readings(axis, curves),
            **({"difference-rows": {"rows": rows, "size": PAGE}} if rows else {}),
        },
    )


def _sentence(found: Comparison) -> str:
    ends = [float(curve[-1]) for curve in found.curves]
    depths = [one.max_drawdown for one in found.measures]
    most, safest = ends.index(max(ends)), depths.index(max(depths))
    grew = f"{found.names[most]} grew most, {multiple(found.curves[most])}"
    fell = f"at worst {formats.percent(-depths[safest])} below a previous high"
    if most == safest:
        return f"{grew}, and fell least, {fell}."
    return f"{grew}; {found.names[safest]} fell least, {fell}."


def _trading(found: Comparison) -> list[Figure]:
    """Return what each result traded over its own whole period."""
    each = [result.summary for result in found.results]
    return [
        Figure("First session", tuple(result.sessions[0].isoformat() for result in found.results)),
        Figure("Last session", tuple(result.sessions[-1].isoformat() for result in found.results)),
        Figure("Turnover per year", tuple(formats.multiple(one["turnover"]) for one in each)),
        Figure("Costs", tuple(formats.money(one["costs"]) for one in each)),
        Figure("Rebalances", tuple(formats.number(one["rebalance_decisions"]) for one in each)),
        Figure("Blocked decisions", tuple(formats.number(one["blocked_decisions"]) for one in each)),
    ]


def _settings(found: Comparison) -> dict[str, list[str]]:
    """Return what each result was made with, row by row."""
    each = [{"Profile": result.origin["profile"], **origin_rows(result.origin)} for result in found.results]
    return {name: [one.get(name, "") for one in each] for name in dict.fromkeys(name for one in each for name in one)}


def _decided(decision: KeptDecision) -> str:
    if decision.targets is None:
        return decision.action
    targets = {symbol: Decimal(target) for symbol, target in decision.targets.items()}
    held = sorted(((s, t) for s, t in targets.items() if t), key=lambda row: (-row[1], row[0]))
    is_weight = decision.target_mode == TargetMode.WEIGHT.value
    texts = [f"{s} {formats.percent(float(t)) if is_weight else formats.money(t)}" for s, t in held[:MOST_TARGETS]]
    more = f" and {len(held) - MOST_TARGETS} more" if len(held) > MOST_TARGETS else ""
    return (", ".join(texts) or "nothing") + more
