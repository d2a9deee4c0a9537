"""A back-test by columns: of its sessions, fills and decisions."""

from __future__ import annotations

from typing import Any

from quant_platform_kit.domain.performance import BacktestResult, drawdown

__all__ = ["decision_columns", "equity_columns", "order_columns"]


def equity_columns(result: BacktestResult) -> dict[str, Any]:
    """Return what there is of each session, by column."""
    columns: dict[str, Any] = {
        "session": list(result.sessions),
        "equity": result.equity.tolist(),
        "drawdown": drawdown(result.equity).tolist(),
        "cash": result.cash.tolist(),
    }
    if result.earned:
        columns["interest"] = [float(interest) for interest, _ in result.earned]
        columns["dividends"] = [float(dividends) for _, dividends in result.earned]
    if result.benchmark is not None:
        columns["benchmark"] = result.benchmark.tolist()
    return columns | {f"value_{symbol}": result.holdings[:, i].tolist() for i, symbol in enumerate(result.symbols)}


def order_columns(result: BacktestResult) -> dict[str, Any]:
    """Return what there is of each fill, by column."""
    trades = result.trades
    return {
        "as_of": [trade.as_of for trade in trades],
        "session": [trade.session for trade in trades],
        "client_order_id": [trade.fill.client_order_id for trade in trades],
        "symbol": [trade.fill.symbol for trade in trades],
        "side": [trade.fill.side.value for trade in trades],
        "quantity": [float(trade.fill.quantity) for trade in trades],
        "quote": [float(trade.quote) for trade in trades],
        "price": [float(trade.fill.price) for trade in trades],
        "commission": [float(trade.fill.commission) for trade in trades],
        "cost": [float(trade.cost) for trade in trades],
    }


def decision_columns(result: BacktestResult) -> dict[str, Any]:
    """Return what there is of each decision, by column; one without targets has None of them."""
    decisions = [record.decision for record in result.decisions]
    intents = [decision.intent for decision in decisions]
    return {
        "as_of": [decision.as_of for decision in decisions],
        "action": [decision.action.value for decision in decisions],
        "targets": [
            None if intent is None else {symbol: float(target) for symbol, target in intent.targets.items()}
            for intent in intents
        ],
        "digest": [record.digest for record in result.decisions],
        "reasons": ["; ".join(decision.reasons) for decision in decisions],
        "blocked": ["; ".join(record.blocked) for record in result.decisions],
    }
