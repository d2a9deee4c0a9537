"""The page: every text of the report made ready, so that the template only places it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from quant_platform_kit.domain.performance import BacktestResult, drawdown
from quant_platform_kit.report import charts, figures, formats, tables
from quant_platform_kit.report.cards import cards, sentence
from quant_platform_kit.report.readings import curve_readings, holdings_readings

__all__ = ["Key", "render_report", "template"]

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend."""

    name: str
    tone: str
    value: str


def render_report(result: BacktestResult, *, settings: Mapping[str, str], label: str | None = None) -> str:
    """Return the report of a back-test as one HTML page that loads nothing.

    Parameters
    ----------
    result
        At least two sessions; equity, cash, holdings and benchmark finite.
    settings
        Rows to list, such as ``{"Fill": "next close"}``, in their order.
    label
        A banner over everything, such as "Synthetic market: invented prices, for demonstration".

    Raises
    ------
    InvalidInput
        A result that cannot be drawn; see `figures.check`.
    """
    figures.check(result)
    context = {"label": label, "settings": settings, "head": _head(result)}
    return template("report.html.j2").render(**context, **_drawn(result), **_told(result))


@cache
def template(name: str) -> Template:
    """Return a template of this room."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _head(result: BacktestResult) -> dict[str, str]:
    return {
        "name": result.display_name,
        "profile": result.profile,
        "first": result.sessions[0].isoformat(),
        "last": result.sessions[-1].isoformat(),
        "sessions": formats.number(result.summary.sessions),
        "sentence": sentence(result),
        "digest": result.summary.decisions_digest,
    }


def _told(result: BacktestResult) -> dict[str, object]:
    """Return the figures and tables."""
    return {
        "cards": cards(result),
        "blocked": tables.blocked_rows(result),
        "months": tables.heat_rows(result),
        "falls": tables.fall_rows(result),
        "final": tables.decision(result.final, float(result.equity[-1])),
        "trades": tables.trade_rows(result),
        "trade_count": formats.number(len(result.trades)),
    }


def _drawn(result: BacktestResult) -> dict[str, object]:
    """Return the charts over time with their legends and readings, and the bars by year."""
    axis = charts.TimeAxis(result.sessions)
    curves = [charts.Curve(result.display_name, "own", result.equity)]
    if result.benchmark is not None:
        curves.append(charts.Curve(result.benchmark_symbol or "Benchmark", "peer", result.benchmark))
    bands = figures.holding_bands(result)
    return {
        "equity": charts.equity_chart(axis, curves),
        "drawdown": charts.drawdown_chart(axis, curves),
        "holdings": charts.holdings_chart(axis, bands),
        "curves": [Key(c.name, c.tone, formats.money(float(c.values[-1]))) for c in curves],
        "depths": [Key(c.name, c.tone, formats.percent(float(drawdown(c.values).min()))) for c in curves],
        "bands": [Key(b.name, b.tone, formats.percent(float(b.weights.mean()))) for b in bands],
        "curve_readings": curve_readings(result.sessions, curves),
        "holdings_readings": holdings_readings(result.sessions, bands),
        **_bars(result),
    }


def _bars(result: BacktestResult) -> dict[str, Markup]:
    years = figures.years_of_trading(result)
    turnover = [charts.Bar(str(year.year), year.turnover, formats.multiple(year.turnover)) for year in years]
    costs = [charts.Bar(str(year.year), year.costs, formats.money(year.costs)) for year in years]
    return {
        "turnover": charts.bar_chart("turnover", "Turnover by year", turnover, formats.TIMES),
        "costs": charts.bar_chart("costs", "Costs by year", costs),
    }
