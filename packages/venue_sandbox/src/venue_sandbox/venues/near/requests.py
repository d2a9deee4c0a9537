"""What a taker asks for: a swap of two tokens, one of whose amounts is given, and how long it waits for answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from venue_sandbox.venues.near.errors import Rejected

__all__ = ["QuoteRequest", "amount"]

MIN_DEADLINE_MS, MIN_WAIT_MS, MAX_WAIT_MS = 60_000, 300, 3_000
MOST_DIGITS = 39
"""Amounts are 128 bits wide on the chain."""


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """One request; exactly one of the two amounts is given.

    Attributes
    ----------
    token_in
        What the taker gives, and a solver gets.
    min_deadline_ms
        How long an answer has to be good for, from when it arrives.
    min_wait_ms, max_wait_ms
        When the auction ends: at the first answer after the one, and at the other in any case.
    """

    token_in: str
    token_out: str
    exact_amount_in: int | None = None
    exact_amount_out: int | None = None
    min_deadline_ms: int = MIN_DEADLINE_MS
    min_wait_ms: int = MIN_WAIT_MS
    max_wait_ms: int = MAX_WAIT_MS

    @classmethod
    def read(cls, document: object) -> QuoteRequest:
        """Read the parameters of ``quote``; `Rejected` where they make no sense."""
        if not isinstance(document, dict):
            raise Rejected("the parameter of quote is an object")
        given = cast(Mapping[str, Any], document)
        tokens = [given.get(f"defuse_asset_identifier_{side}") for side in ("in", "out")]
        if not all(isinstance(token, str) and token for token in tokens) or tokens[0] == tokens[1]:
            raise Rejected(f"defuse_asset_identifier_in and _out are two tokens, not {tokens}")
        amounts = {name: amount(given[name], name) for name in _AMOUNTS if given.get(name) is not None}
        if len(amounts) != 1:
            raise Rejected("exactly one of exact_amount_in and exact_amount_out is given")
        waits = {name: _milliseconds(given[name], name) for name in _WAITS if given.get(name) is not None}
        request = cls(str(tokens[0]), str(tokens[1]), **amounts, **waits)
        if request.min_wait_ms > request.max_wait_ms:
            raise Rejected(f"min_wait_ms {request.min_wait_ms} is over max_wait_ms {request.max_wait_ms}")
        return request

    @property
    def document(self) -> dict[str, Any]:
        """What solvers are told of it."""
        given = {name: str(value) for name in _AMOUNTS if (value := getattr(self, name)) is not None}
        return {
            "defuse_asset_identifier_in": self.token_in,
            "defuse_asset_identifier_out": self.token_out,
            **given,
            **{name: getattr(self, name) for name in _WAITS},
        }


_AMOUNTS = ("exact_amount_in", "exact_amount_out")
_WAITS = ("min_deadline_ms", "min_wait_ms", "max_wait_ms")


def amount(value: object, name: str) -> int:
    """Return an amount that was written as a text of digits; `Rejected` where it is none, or zero."""
    if not (isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS):
        raise Rejected(f"{name} is {value!r}, not a text of digits")
    if not int(value):
        raise Rejected(f"{name} is zero")
    return int(value)


def _milliseconds(value: object, name: str) -> int:
    if type(value) is not int or value < 0:
        raise Rejected(f"{name} is {value!r}, not milliseconds from 0 on")
    return value
