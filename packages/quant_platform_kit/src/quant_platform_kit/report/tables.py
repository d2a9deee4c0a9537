"""The rows of the report's tables, as text."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from quant_platform_kit.domain.performance import BacktestResult, DecisionRecord, TradedOrder
from quant_platform_kit.domain.strategy import AllocationIntent, TargetMode
from quant_platform_kit.report import formats
from quant_platform_kit.report.figures import MonthlyRow, blocked_days, monthly_rows, worst_falls

__all__ = ["DecisionView", "HeatCell", "TargetRow", "blocked_rows", "decision", "fall_rows", "heat_rows", "trade_rows"]

STEPS = (0.0025, 0.02, 0.05, 0.10)
LAST_BLOCKED = 50
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A month: its return with one decimal, the same without for narrow pages, and the name of its colour."""

    text: str
    short: str
    tone: str


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target as text, and as a share of the equity for its bar."""

    symbol: str
    text: str
    share: str


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision to read; ``zeros`` names the managed symbols without a position to hold, or counts them."""

    as_of: str
    action: str
    buy_only: bool
    targets: tuple[TargetRow, ...]
    zeros: str
    reasons: tuple[str, ...]
    blocked: tuple[str, ...]
    digest: str


def heat_rows(result: BacktestResult) -> list[tuple[int, list[HeatCell], HeatCell]]:
    """Return (year, its 12 months, its total), ascending by year."""
    return [_heat_row(row) for row in monthly_rows(result.sessions, result.equity)]


def _heat_row(row: MonthlyRow) -> tuple[int, list[HeatCell], HeatCell]:
    total = HeatCell(formats.number(100 * row.total, 1), formats.number(100 * row.total), "")
    return row.year, [_heat_cell(month) for month in row.months], total


def _heat_cell(month: float | None) -> HeatCell:
    if month is None:
        return HeatCell("", "", "none")
    strength = bisect_right(STEPS, round(abs(month), 9))
    tone = f"{'up' if month > 0 else 'down'}{strength}" if strength else "level"
    return HeatCell(formats.number(100 * month, 1), formats.number(100 * month), tone)


def fall_rows(result: BacktestResult) -> list[dict[str, str]]:
    """Return the five deepest falls."""
    return [
        {
            "depth": formats.percent(fall.depth),
            "peak": fall.peak.isoformat(),
            "trough": fall.trough.isoformat(),
            "recovery": fall.recovery.isoformat() if fall.recovery else "not yet",
            "days": formats.number(fall.days),
        }
        for fall in worst_falls(result.sessions, result.equity)
    ]


def trade_rows(result: BacktestResult) -> list[tuple[str, ...]]:
    """Return session, side, symbol, quantity, price, notional and cost of every fill, the latest first."""
    return [_trade_row(trade) for trade in reversed(result.trades)]


def _trade_row(trade: TradedOrder) -> tuple[str, ...]:
    fill = trade.fill
    return (
        trade.session.isoformat(),
        fill.side.value.capitalize(),
        fill.symbol,
        formats.quantity(fill.quantity),
        formats.price(fill.price),
        formats.number(trade.notional, 2),
        formats.number(trade.cost, 2),
    )


def blocked_rows(result: BacktestResult) -> list[tuple[str, str]]:
    """Return (session, why) of the last 50 blocked days, the latest first."""
    return [
        (record.decision.as_of.isoformat(), "; ".join(record.blocked or record.decision.reasons) or "no reason given")
        for record in reversed(blocked_days(result)[-LAST_BLOCKED:])
    ]


def decision(record: DecisionRecord, equity: float) -> DecisionView:
    """Return a decision to read; ``equity`` is the account's when it was taken."""
    made = record.decision
    intent = made.intent
    return DecisionView(
        as_of=made.as_of.isoformat(),
        action=made.action.value,
        buy_only=intent is not None and intent.buy_only,
        targets=_targets(intent, equity) if intent else (),
        zeros=_zeros(intent) if intent else "",
        reasons=made.reasons,
        blocked=record.blocked,
        digest=record.digest,
    )


def _zeros(intent: AllocationIntent) -> str:
    symbols = [symbol for symbol, target in intent.targets.items() if not target]
    return ", ".join(symbols) if len(symbols) <= MOST_NAMED else f"{len(symbols)} symbols"


def _targets(intent: AllocationIntent, equity: float) -> tuple[TargetRow, ...]:
    """Return the targets above zero, the largest first."""
    held = sorted(((s, t) for s, t in intent.targets.items() if t), key=lambda row: (-row[1], row[0]))
    if intent.target_mode is TargetMode.WEIGHT:
        return tuple(TargetRow(symbol, formats.percent(float(t)), f"{float(t):.1%}") for symbol, t in held)
    return tuple(TargetRow(symbol, formats.money(t), f"{min(float(t) / equity, 1.0):.1%}") for symbol, t in held)
