"""What a stage counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from quant_platform_kit.events.bus import Place

__all__ = ["Figures"]


@dataclass(slots=True)
class Figures:
    """What a stage has done since its process began, and where it stands.

    Attributes
    ----------
    handled
        Messages that were processed.
    sent
        Messages that a transform has made of them.
    dead_letters
        Messages that became dead letters.
    suppressed
        Messages that had been processed before, and were passed over.
    retried
        Attempts after which a message was tried again.
    paused
        How often a partition was paused, as too many of its messages waited.
    transactions, aborted
        Transactions that were committed, and that were not: what these had processed was processed again.
    restarts
        How often the stage has joined its group anew after a failure.
    seconds
        Spent in the stage's own function or handler, all messages together.
    lag
        Messages by partition that wait; a mark that ends a transaction counts as one.
    state
        ``starting``, ``consuming``, ``stopped``, or ``waiting: `` with the reason.
    """

    handled: int = 0
    sent: int = 0
    dead_letters: int = 0
    suppressed: int = 0
    retried: int = 0
    paused: int = 0
    transactions: int = 0
    aborted: int = 0
    restarts: int = 0
    seconds: float = 0.0
    lag: dict[Place, int] = field(default_factory=dict[Place, int])
    state: str = "starting"
