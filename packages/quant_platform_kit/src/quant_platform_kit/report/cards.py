"""The summary in one sentence, and as cards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quant_platform_kit.domain.measures import Measures
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.report import formats
from quant_platform_kit.report.figures import blocked_days, tear_sheet

__all__ = ["Card", "cards", "sentence"]

NONE = "\N{EM DASH}"
LARGEST_GROWTH = 10.0
LEAST_DEPTH = 0.0005


@dataclass(frozen=True, slots=True)
class Card:
    """A figure: its name, its value, and a line of context such as the benchmark's value."""

    label: str
    value: str
    note: str


def sentence(result: BacktestResult) -> str:
    """Return what became of the money, in one sentence of plain words."""
    first, last = float(result.equity[0]), float(result.equity[-1])
    days = _days(result)
    growth = result.summary.cagr
    pace = formats.percent(last / first - 1, sign=True)
    if growth is not None and _a_year(result):
        pace = f"{formats.percent(growth)} a year"
    depth = formats.percent(-result.summary.max_drawdown)
    worst = f"at worst {depth} below a previous high"
    if result.summary.max_drawdown > -LEAST_DEPTH:
        worst = "hardly ever below a previous high" if result.summary.max_drawdown else "never below a previous high"
    return f"{formats.money(first)} became {formats.money(last)} in {formats.duration(days)}: {pace}, {worst}."


def cards(result: BacktestResult) -> tuple[Card, ...]:
    """Return the cards in their order; the benchmark's figures stand beside where there is one."""
    sheet = tear_sheet(result)
    own, peer = sheet.measures, sheet.benchmark
    name = result.benchmark_symbol or "Benchmark"
    other = "of the starting equity" if result.benchmark is None else f"{name} {_multiple(result.benchmark)}"

    def beside(label: str, figure: Callable[[Measures], str], otherwise: str) -> Card:
        return Card(label, figure(own), f"{name} {figure(peer)}" if peer else otherwise)

    return (
        Card("Final multiple", _multiple(result.equity), other),
        beside("Growth per year" if _a_year(result) else "Growth per year, extrapolated", _growth, "compound (CAGR)"),
        beside("Maximum drawdown", lambda s: formats.percent(s.max_drawdown), "below the highest close"),
        beside("Volatility", lambda s: formats.percent(s.volatility), "of daily returns, a year"),
        beside(f"Sharpe ratio above {sheet.risk_free}" if sheet.risk_free else "Sharpe ratio", _sharpe, "above zero"),
        *_trading(result),
    )


def _multiple(equity: FloatArray) -> str:
    return formats.multiple(float(equity[-1] / equity[0]))


def _trading(result: BacktestResult) -> tuple[Card, ...]:
    summary = result.summary
    blocked = len(blocked_days(result))
    runs = f"of {formats.number(summary.runs)} decision{'' if summary.runs == 1 else 's'}"
    always = (
        Card("Turnover per year", formats.multiple(summary.turnover), "of the mean equity"),
        Card("Costs", formats.money(summary.costs), _drag(result)),
        Card("Rebalances", formats.number(summary.rebalance_decisions), runs),
    )
    return (*always, Card("Blocked days", formats.number(blocked), runs)) if blocked else always


def _growth(summary: Measures) -> str:
    if summary.cagr is None or summary.cagr > LARGEST_GROWTH:
        return f"> {formats.percent(LARGEST_GROWTH, 0)}"
    return formats.percent(summary.cagr)


def _sharpe(summary: Measures) -> str:
    return NONE if summary.sharpe is None else formats.number(summary.sharpe, 2)


def _drag(result: BacktestResult) -> str:
    """Return the costs against the mean equity, per year where there is a year."""
    drag = result.summary.costs / float(result.equity.mean())
    if not _a_year(result):
        return f"{formats.percent(drag, 2)} of the mean equity"
    return f"{formats.percent(drag / _days(result) * formats.DAYS_PER_YEAR, 2)} of equity a year"


def _a_year(result: BacktestResult) -> bool:
    return _days(result) >= formats.FULL_YEAR


def _days(result: BacktestResult) -> int:
    return (result.sessions[-1] - result.sessions[0]).days
