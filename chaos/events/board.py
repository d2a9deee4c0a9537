"""What is on the bus, as one who only listens sees it: commands and where they stand."""

import threading
from collections import Counter
from dataclasses import dataclass, field

from event_trading_app.names import Topic
from event_trading_app.payloads import ExecuteTrade, TradeResult, TradeState
from event_trading_app.schemas import SCHEMAS
from quant_platform_kit.events.bus import Received

__all__ = ["Board"]


@dataclass(slots=True)
class Board:
    """Commands by their id, and every state that was told of each, in sequence.

    Attributes
    ----------
    other
        Commands that came again, and asked for something else.
    """

    commands: dict[str, ExecuteTrade] = field(default_factory=dict[str, ExecuteTrade])
    results: dict[str, list[TradeResult]] = field(default_factory=dict[str, list[TradeResult]])
    other: set[str] = field(default_factory=set[str])
    messages: Counter[str] = field(default_factory=Counter[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, message: Received) -> None:
        """Take note of a message, however often it is told."""
        event = message.event()
        payload = SCHEMAS.check(event)
        with self._lock:
            self.messages[event.event_type] += 1
            if isinstance(payload, ExecuteTrade):
                known = self.commands.setdefault(payload.command_id, payload)
                if known.model_dump(exclude={"inputs"}) != payload.model_dump(exclude={"inputs"}):
                    self.other.add(payload.command_id)
            elif isinstance(payload, TradeResult):
                told = self.results.setdefault(payload.command_id, [])
                if payload not in told:
                    told.append(payload)

    @property
    def answered(self) -> int:
        """How many commands have an answer of the venue, or an end."""
        with self._lock:
            return sum(any(_answers(each.state) for each in self.results.get(name, ())) for name in self.commands)

    @property
    def open(self) -> list[str]:
        """The commands that have no end yet."""
        with self._lock:
            return [
                name for name in self.commands if not any(each.state.terminal for each in self.results.get(name, ()))
            ]


def _answers(state: TradeState) -> bool:
    return state.terminal or state is TradeState.ACKNOWLEDGED


TOPICS = (Topic.EXECUTE_TRADE, Topic.TRADE_RESULT)
