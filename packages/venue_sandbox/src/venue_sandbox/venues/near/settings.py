"""How the relay behaves where its documents leave it open, and what it takes for granted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["AnswersFrom", "LateDuplicate", "SecondAnswer", "Settings", "Shape"]

Shape = Literal["event", "subscribe"]
"""Of events: ``params.data`` as deployed solvers read it, or flat ``params`` as the documents show it."""
SecondAnswer = Literal["settle", "replace", "refuse"]
"""Of a solver that has answered an auction already: it counts too, it takes the first one's place, or it is refused."""
AnswersFrom = Literal["any", "account", "socket"]
"""Whose socket may answer: any, one of an account the quote was told to, or one on which it was told."""
LateDuplicate = Literal["refuse", "acknowledge"]
"""Of an answer that was taken, and comes again after the auction: refused as any late one, or acknowledged."""


@dataclass(slots=True)
class Settings:
    """The settings.

    Attributes
    ----------
    status_subscription
        Whether status events name their subscription.
    settle_delay
        Seconds from publishing an intent to its execution.
    """

    shape: Shape = "event"
    status_subscription: bool = True
    second_answer: SecondAnswer = "settle"
    answers_from: AnswersFrom = "any"
    late_duplicate: LateDuplicate = "refuse"
    settle_delay: float = 0.0
    seed: int = 1
