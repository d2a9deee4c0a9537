"""What raw events of the solver bus carry: the venue's own names and values, as far as they are read."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from quant_platform_kit.events.amounts import Amount
from quant_platform_kit.events.schemas import Schema

from event_trading_app.names import Topic

__all__ = ["MAX_WAIT_MS", "RAW_SCHEMAS", "VERSION", "RawQuote", "RawQuoteStatus"]

VERSION = 1
MAX_WAIT_MS = 1_000
"""For how long the relay collects answers to a quote that does not say so."""

Name = Annotated[str, Field(strict=True, min_length=1, max_length=256)]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=86_400_000)]


class Raw(BaseModel):
    """What the venue says may have more fields than are read here."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class RawQuote(Raw):
    """A taker asks for a swap.

    Attributes
    ----------
    defuse_asset_identifier_in
        What the taker gives.
    exact_amount_in, exact_amount_out
        In the token's smallest unit; one of the two.
    min_deadline_ms
        For how long an answer has to be good at least.
    min_wait_ms, max_wait_ms
        For how long answers are collected.
    """

    quote_id: Name
    defuse_asset_identifier_in: Name
    defuse_asset_identifier_out: Name
    exact_amount_in: Amount | None = None
    exact_amount_out: Amount | None = None
    min_deadline_ms: Milliseconds
    min_wait_ms: Milliseconds = 0
    max_wait_ms: Milliseconds = MAX_WAIT_MS


class RawQuoteStatus(Raw):
    """An answer was settled.

    Attributes
    ----------
    quote_hash
        Of the solver's signed answer.
    intent_hash
        Of the taker's intent that it was settled with.
    tx_hash
        Of the transaction.
    """

    quote_hash: Name
    intent_hash: Name
    tx_hash: Name


RAW_SCHEMAS = (
    Schema(Topic.RAW_QUOTE.value, VERSION, RawQuote),
    Schema(Topic.RAW_QUOTE_STATUS.value, VERSION, RawQuoteStatus),
)
