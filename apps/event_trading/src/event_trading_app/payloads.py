"""What events of our own carry: models of their payloads, one a version.

Amounts are integers in a token's smallest unit, written as text; there is no float in any event.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from quant_platform_kit.events.amounts import Amount
from quant_platform_kit.events.instants import Instant

__all__ = [
    "ExactAmount",
    "ExecuteTrade",
    "Input",
    "Inventory",
    "Payload",
    "ReferencePrice",
    "SwapDemand",
    "TradeResult",
    "TradeState",
]

Name = Annotated[str, Field(min_length=1, max_length=256)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Payload(BaseModel):
    """What every payload is: frozen; fields that are not known are passed over, as newer code may have written them."""

    model_config = ConfigDict(frozen=True)


class ExactAmount(StrEnum):
    """Which of the two amounts of a swap the taker has fixed."""

    IN = "exact_amount_in"
    OUT = "exact_amount_out"


class SwapDemand(Payload):
    """Somebody wants to swap: he gives ``token_in``, and whoever answers gives ``token_out``.

    Attributes
    ----------
    exact_amount_in, exact_amount_out
        In the token's smallest unit; one of them, the other is what an answer says.
    min_deadline_ms
        For how long an answer has to stand at least, from when it is given.
    min_wait_ms, max_wait_ms
        For how long answers are collected, from when the venue asked.
    """

    quote_id: Name
    token_in: Name
    token_out: Name
    exact_amount_in: Amount | None = None
    exact_amount_out: Amount | None = None
    min_deadline_ms: int = Field(ge=0, le=86_400_000)
    min_wait_ms: int = Field(default=0, ge=0, le=3_600_000)
    max_wait_ms: int = Field(ge=0, le=3_600_000)

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.exact_amount_in is None) is (self.exact_amount_out is None):
            given = "none" if self.exact_amount_in is None else "exact_amount_in and exact_amount_out"
            raise ValueError(f"exact amounts given: {given}; a demand has exactly one")
        if self.token_in == self.token_out:
            raise ValueError(f"token_in and token_out are both {self.token_in}; a swap is of two tokens")
        return self

    @property
    def exact(self) -> ExactAmount:
        """Which of the two amounts is fixed."""
        return ExactAmount.IN if self.exact_amount_in is not None else ExactAmount.OUT


class ReferencePrice(Payload):
    """What a swap is worth: ``amount_in`` of one token for ``amount_out`` of the other, in smallest units.

    Attributes
    ----------
    priced_at
        When the source says that it held.
    source
        Who says so.
    """

    token_in: Name
    token_out: Name
    amount_in: Amount
    amount_out: Amount
    priced_at: Instant
    source: Name

    @model_validator(mode="after")
    def _a_price(self) -> Self:
        if not (int(self.amount_in) and int(self.amount_out)):
            raise ValueError("an amount is 0; a price needs two positive amounts")
        return self


class Inventory(Payload):
    """What an account has of a token at the venue, in its smallest unit."""

    account: Name
    token: Name
    amount: Amount
    as_of: Instant


class Input(Payload):
    """An event that a decision used, with the values that it had."""

    event_id: Name
    event_type: Name
    values: dict[str, Any]


class ExecuteTrade(Payload):
    """A command: answer a demand with these amounts, before it expires.

    Attributes
    ----------
    command_id
        Derived of the demand: deciding again makes the same one.
    account
        Whose inventory is committed; together with ``quote_id`` it is the idempotency key.
    amount_in, amount_out
        What the account gets and gives, in smallest units.
    exact
        Which of the two the taker has fixed.
    expires_at
        From then on the answer is not sent any more.
    deadline
        Of the signed answer: after it nobody can settle it.
    inputs
        Every event that the decision used.
    """

    command_id: Digest
    account: Name
    quote_id: Name
    token_in: Name
    token_out: Name
    amount_in: Amount
    amount_out: Amount
    exact: ExactAmount
    expires_at: Instant
    deadline: Instant
    quoter: Name
    inputs: tuple[Input, ...]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.deadline < self.expires_at:
            raise ValueError(f"deadline {self.deadline} is before expires_at {self.expires_at}")
        return self

    @property
    def key(self) -> str:
        """The execution key: commands of one key stand in one partition."""
        return execution_key(self.account, self.token_in)


def execution_key(account: str, token_in: str) -> str:
    """Return the key by which commands are partitioned."""
    return f"{account}|{token_in}"


class TradeState(StrEnum):
    """Where a command stands."""

    RECORDED = "RECORDED"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    SETTLED = "SETTLED"
    NOT_SELECTED = "NOT_SELECTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"

    @property
    def terminal(self) -> bool:
        """Whether nothing more can happen to the command."""
        return self in (TradeState.SETTLED, TradeState.NOT_SELECTED, TradeState.REJECTED, TradeState.EXPIRED)


class TradeResult(Payload):
    """Where a command stands, told once a state.

    Attributes
    ----------
    mode
        ``live``, ``paper`` or ``dry_run``.
    reason
        Why, in words; empty where the state says it all.
    token_out, amount_out
        What the command commits as long as it is open.
    intent_hash
        Of the signed answer, by which the venue names it; None if none was signed.
    tx_hash
        Of the transaction that settled it, where the venue told it.
    sends
        How often the same bytes were handed to the venue.
    at
        When it came to stand there.
    """

    command_id: Digest
    account: Name
    quote_id: Name
    token_in: Name
    token_out: Name
    amount_in: Amount
    amount_out: Amount
    state: TradeState
    mode: str
    reason: str = ""
    intent_hash: str | None = None
    tx_hash: str | None = None
    deadline: Instant
    sends: int = Field(ge=0)
    at: Instant
