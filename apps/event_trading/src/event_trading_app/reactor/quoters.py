"""Quoters: one at par, for trials, and one that keeps a spread from the reference price."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.amounts import MOST, Amount

from event_trading_app.reactor.deciding import Amounts, Known, Pass, Quoter

__all__ = ["DummyQuoter", "SpreadQuoter", "quoter_of"]

WHOLE = 10_000
"""Basis points of one."""


class _Limits(BaseModel):
    """What both have in common: frozen settings, and limits that bind every answer.

    Attributes
    ----------
    limits
        By token the most that one answer gives of it, in smallest units; other tokens are not given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    limits: dict[str, Amount] = Field(default={}, description="Most of a token in one answer.")

    def bounded(self, known: Known, amounts: Amounts) -> Amounts | Pass:
        """Return amounts if all limits allow them."""
        token, given = known.demand.token_out, amounts.amount_out
        limit = self.limits.get(token)
        if limit is None:
            return Pass(f"{token} has no limit, and so is not given")
        if not 0 < amounts.amount_in <= MOST or given <= 0:
            return Pass(f"{amounts.amount_in} for {given}: too little, or too much, to be an answer")
        if given > int(limit):
            return Pass(f"{given} of {token}: one answer gives {limit} at most")
        if known.inventory is None:
            return Pass(f"what there is of {token} is not known")
        if given > known.free:
            committed = known.inventory - known.free
            return Pass(f"{given} of {token}: there are {known.inventory}, and {committed} are committed")
        return amounts


class DummyQuoter(_Limits):
    """Answers at par: as much as is asked for, for the same number of smallest units."""

    @property
    def name(self) -> str:
        """What a command calls it."""
        return "dummy/1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it is made with."""
        return self.model_dump(mode="json")

    def decide(self, known: Known) -> Amounts | Pass:
        """Return the amounts at par."""
        amount = int(known.demand.exact_amount_in or known.demand.exact_amount_out or 0)
        return self.bounded(known, Amounts(amount, amount))


class SpreadQuoter(_Limits):
    """Answers the reference price less a spread, rounded to its own favour.

    Attributes
    ----------
    spread_bps
        In basis points of what is given.
    max_price_age_seconds
        No answer with an older price; the age is counted when the demand is seen.
    """

    spread_bps: int = Field(default=20, ge=0, lt=WHOLE)
    max_price_age_seconds: int = Field(default=10, gt=0, le=86_400)

    @property
    def name(self) -> str:
        """What a command calls it."""
        return "spread/1"

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it is made with."""
        return self.model_dump(mode="json")

    def decide(self, known: Known) -> Amounts | Pass:
        """Return the amounts less the spread, or why there is no answer."""
        price, demand = known.price, known.demand
        if price is None:
            return Pass(f"no price of {demand.token_in} in {demand.token_out} is known")
        age = known.observed_at - price.priced_at
        if abs(age) > timedelta(seconds=self.max_price_age_seconds):
            return Pass(f"the price is {age.total_seconds():g} s old; the oldest may be {self.max_price_age_seconds} s")
        got, given, kept = int(price.amount_in), int(price.amount_out), WHOLE - self.spread_bps
        if demand.exact_amount_in is not None:
            amount_in = int(demand.exact_amount_in)
            return self.bounded(known, Amounts(amount_in, amount_in * given * kept // (got * WHOLE)))
        amount_out = int(demand.exact_amount_out or 0)
        return self.bounded(known, Amounts(-(-amount_out * got * WHOLE // (given * kept)), amount_out))


_KINDS: dict[str, type[DummyQuoter | SpreadQuoter]] = {"dummy": DummyQuoter, "spread": SpreadQuoter}


def quoter_of(name: str, settings: Mapping[str, Any]) -> Quoter:
    """Return the quoter of a name, such as ``spread`` or ``spread/1``, with its settings; raises `InvalidInput`."""
    kind = _KINDS.get(name.partition("/")[0])
    if kind is None:
        raise InvalidInput(f"quoter {name!r} is not known; known are {', '.join(_KINDS)}")
    try:
        return kind.model_validate(settings)
    except ValueError as error:
        raise InvalidInput(f"quoter {name}: {' '.join(str(error).split())}") from None
