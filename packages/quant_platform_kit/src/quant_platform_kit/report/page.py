"""The page: every text of the report made ready, so that the template only places it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from quant_platform_kit.domain.measures import WINDOW
from quant_platform_kit.domain.performance import BacktestResult, drawdown
from quant_platform_kit.report import charts, figures, formats, tables, tear_sheet
from quant_platform_kit.report.cards import cards, sentence
from quant_platform_kit.report.curves import Bar, Rolling
from quant_platform_kit.report.readings import curve_readings, holdings_readings, rolling_readings

__all__ = ["PAGE", "Key", "numbers", "render_report", "template"]

HERE = Path(__file__).parent
PAGE = 20
"""Trades on a page of their table."""


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
    drawn, traded = _drawn(result), _traded(result)
    data = {**drawn.pop("readings"), **traded.pop("data")}
    context = {"label": label, "settings": settings, "head": _head(result), "data": data}
    return template("report.html.j2").render(**context, **drawn, **traded, **_told(result), **_measured(result))


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
        "trade_count": formats.number(len(result.trades)),
    }


def _traded(result: BacktestResult) -> dict[str, Any]:
    """Return the latest fills, and all of them for the script to turn the pages of."""
    rows = tables.trade_rows(result)
    data = {"trade-rows": {"rows": rows, "size": PAGE}} if rows else {}
    return {"trades": rows[:PAGE], "hidden_trades": len(rows) > PAGE, "data": data}


def _measured(result: BacktestResult) -> dict[str, object]:
    """Return the tear sheet."""
    sheet = figures.tear_sheet(result)
    each = [sheet.measures, *([sheet.benchmark] if sheet.benchmark else [])]
    bars = tear_sheet.return_bars(result)
    return {
        "names": ["Back-test", *([result.benchmark_symbol or "Benchmark"] if sheet.benchmark else [])],
        "risk_free": sheet.risk_free or "zero",
        "figure_rows": tear_sheet.figure_rows(each),
        "period_rows": tear_sheet.period_rows(each),
        "against_rows": tear_sheet.against_rows(sheet),
        "years": tear_sheet.year_rows(result),
        "distribution": charts.bar_chart("returns", "Days by their return", bars) if bars else "",
    }


def _drawn(result: BacktestResult) -> dict[str, Any]:
    """Return the charts over time with their legends and readings, and the bars by year."""
    axis, curves = charts.TimeAxis(result.sessions), tear_sheet.curves_of(result)
    bands, rolling = figures.holding_bands(result), tear_sheet.rolling_charts(result)
    return {
        "equity": charts.equity_chart(axis, curves),
        "drawdown": charts.drawdown_chart(axis, curves),
        "holdings": charts.holdings_chart(axis, bands),
        "curves": [Key(c.name, c.tone, formats.money(float(c.values[-1]))) for c in curves],
        "depths": [Key(c.name, c.tone, formats.percent(float(drawdown(c.values).min()))) for c in curves],
        "bands": [Key(b.name, b.tone, formats.percent(float(b.weights.mean()))) for b in bands],
        "rolling": _rolling(axis, rolling),
        "window": WINDOW,
        "curve_rows": numbers(range(0, 2 * len(curves), 2)),
        "fall_rows": numbers(range(1, 2 * len(curves), 2)),
        "band_rows": numbers(range(len(bands))),
        "readings": {
            "curve-readings": curve_readings(axis, curves),
            "holdings-readings": holdings_readings(axis, bands),
            **({"rolling-readings": rolling_readings(axis, rolling)} if rolling else {}),
        },
        **_bars(result),
    }


def _rolling(axis: charts.TimeAxis, each: Sequence[Rolling]) -> list[dict[str, object]]:
    """Return the charts with their legends, and the rows of the readings that each draws."""
    shown: list[dict[str, object]] = []
    row = 0
    for chart in each:
        keys = [Key(curve.name, curve.tone, chart.written(float(curve.values[-1]), 2)) for curve in chart.curves]
        rows = numbers(range(row, row + len(keys)))
        shown.append({"title": chart.title, "legend": keys, "rows": rows, "drawn": charts.rolling_chart(axis, chart)})
        row += len(keys)
    return shown


def numbers(rows: range) -> str:
    """Return the numbers of the readings' rows that a chart draws, as its attribute names them."""
    return " ".join(map(str, rows))


def _bars(result: BacktestResult) -> dict[str, Markup]:
    years = figures.years_of_trading(result)
    turnover = [Bar(str(year.year), year.turnover, formats.multiple(year.turnover)) for year in years]
    costs = [Bar(str(year.year), year.costs, formats.money(year.costs)) for year in years]
    return {
        "turnover": charts.bar_chart("turnover", "Turnover by year", turnover, formats.TIMES),
        "costs": charts.bar_chart("costs", "Costs by year", costs),
    }
