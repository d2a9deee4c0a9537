"""How the venue treats orders: the settings of its command line, and exceptions for some users, symbols or orders."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Duplicates", "Exceptions", "FillPolicy", "Settings", "Treatment", "Way"]

Duplicates = Literal["notify", "silent", "overwrite"]
"""What becomes of an insert whose id is known: refused with a notice or without a word, or it is another order."""
FillPolicy = Literal["marketable", "rest", "all"]
"""Which orders trade by themselves: those that meet the quote, none, or all, at their own limit."""
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Way:
    """How an order is worked: ``slices`` trades, ``slice_delay`` seconds before each, after ``accept_delay``."""

    fill: FillPolicy = "marketable"
    slices: int = 1
    slice_delay: float = 0.0
    accept_delay: float = 0.0


@dataclass(slots=True)
class Settings:
    """The settings.

    Attributes
    ----------
    balance
        With which an account begins that nobody has funded.
    """

    way: Way = Way()
    duplicates: Duplicates = "notify"
    enforce_hours: bool = False
    seed: int = 1
    balance: float = 10_000_000.0
    funded: dict[str, float] = field(default_factory=dict[str, float])


class Treatment(BaseModel):
    """An exception: what is given holds for the orders of a user, a symbol or an id; None means any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str | None = None
    symbol: str | None = None
    order: str | None = None
    fill: FillPolicy | None = None
    slices: Annotated[int, Field(ge=1)] | None = None
    slice_delay: Seconds | None = None
    accept_delay: Seconds | None = None

    def hits(self, user: str, symbol: str, order: str) -> bool:
        """Whether an order is one that it is meant for."""
        return all(
            wish in (None, fact) for wish, fact in ((self.user, user), (self.symbol, symbol), (self.order, order))
        )

    def over(self, way: Way) -> Way:
        """Return a way with what the exception gives."""
        given = self.model_dump(exclude_none=True, exclude={"user", "symbol", "order"})
        return replace(way, **given)


class Exceptions:
    """The exceptions there are; later ones win."""

    def __init__(self) -> None:
        self._all: list[Treatment] = []

    def add(self, treatment: Treatment) -> None:
        """Add an exception."""
        self._all.append(treatment)

    def clear(self) -> None:
        """Forget every exception."""
        self._all.clear()

    def way(self, usual: Way, user: str, symbol: str, order: str) -> Way:
        """Return how an order is worked."""
        for treatment in self._all:
            if treatment.hits(user, symbol, order):
                usual = treatment.over(usual)
        return usual
