"""What is told of a command: an event for each state it comes to, the same again however often it is told."""

from __future__ import annotations

from typing import Any

from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.events.envelope import Event, derived_id

from event_trading_app.executor.ledger import Command, Trade
from event_trading_app.names import Topic
from event_trading_app.payloads import TradeResult, TradeState

__all__ = ["other_command", "result_of"]

VERSION = 1


def result_of(trade: Trade, mode: Mode, tx_hash: str = "") -> Event:
    """Return what is told of where an answer stands."""
    signed, standing = trade.answer.signed, trade.standing
    return _event(
        trade.answer.command,
        f"{standing.state.value}/{len(trade.steps.transitions)}",
        state=standing.state,
        mode=mode.value,
        reason=trade.reason,
        intent_hash=signed and signed.intent_hash,
        tx_hash=tx_hash or None,
        deadline=signed.deadline if signed else trade.asked.deadline,
        sends=standing.sends,
        at=trade.at,
    )


def other_command(command: Command, recorded: Trade, mode: Mode) -> Event:
    """Return what is told of a command for a quote that another command has."""
    return _event(
        command,
        f"{TradeState.REJECTED.value}/other",
        state=TradeState.REJECTED,
        mode=mode.value,
        reason=f"quote {command.asked.quote_id} has its answer already, by command {recorded.asked.command_id}",
        intent_hash=None,
        tx_hash=None,
        deadline=command.asked.deadline,
        sends=0,
        at=recorded.answer.at,
    )


def _event(command: Command, stage: str, **told: Any) -> Event:
    asked = command.asked
    result = TradeResult(
        command_id=asked.command_id,
        account=asked.account,
        quote_id=asked.quote_id,
        token_in=asked.token_in,
        token_out=asked.token_out,
        amount_in=asked.amount_in,
        amount_out=asked.amount_out,
        **told,
    )
    name = Topic.TRADE_RESULT.value
    identity = derived_id(command.venue, asked.command_id, f"{name}/{stage}", VERSION)
    times = command.observed_at, command.ingested_at
    return Event(identity, name, command.venue, *times, VERSION, result.model_dump(mode="json"))
