"""A quote of the solver bus as a demand: a pure function of the raw event."""

from __future__ import annotations

from pydantic import ValidationError
from quant_platform_kit.events.envelope import Event, Unreadable, derived, derived_id
from quant_platform_kit.events.schemas import Schemas

from event_trading_app.names import NEAR_INTENTS, Topic
from event_trading_app.payloads import SwapDemand
from event_trading_app.venues.near_intents.raw import RAW_SCHEMAS, RawQuote

__all__ = ["SCHEMA_VERSION", "normalize"]

SCHEMA_VERSION = 1
"""Of the demands that are made."""

_SCHEMAS = Schemas(RAW_SCHEMAS)


def normalize(event: Event) -> list[Event]:
    """Return the demand that a raw quote is; the same event gives the same bytes.

    Raises
    ------
    Unreadable
        It is no quote of this venue, or one that makes no sense; the message says why.
    """
    if event.venue != NEAR_INTENTS or event.event_type != Topic.RAW_QUOTE.value:
        raise Unreadable(
            f"{event.event_type} of {event.venue}: this normalizer reads {Topic.RAW_QUOTE.value} of {NEAR_INTENTS}"
        )
    quote = _SCHEMAS.check(event)
    assert isinstance(quote, RawQuote)
    payload = _demand(quote).model_dump(mode="json", exclude_none=True)
    event_id = derived_id(NEAR_INTENTS, quote.quote_id, Topic.SWAP_DEMAND.value, SCHEMA_VERSION)
    return [derived(event, Topic.SWAP_DEMAND.value, SCHEMA_VERSION, payload, event_id)]


def _demand(quote: RawQuote) -> SwapDemand:
    if quote.min_wait_ms > quote.max_wait_ms:
        raise Unreadable(f"min_wait_ms {quote.min_wait_ms} is over max_wait_ms {quote.max_wait_ms}")
    if "0" in (quote.exact_amount_in, quote.exact_amount_out):
        name = "exact_amount_in" if quote.exact_amount_in == "0" else "exact_amount_out"
        raise Unreadable(f"{name} is 0: nothing is asked for")
    try:
        return SwapDemand(
            quote_id=quote.quote_id,
            token_in=quote.defuse_asset_identifier_in,
            token_out=quote.defuse_asset_identifier_out,
            exact_amount_in=quote.exact_amount_in,
            exact_amount_out=quote.exact_amount_out,
            min_deadline_ms=quote.min_deadline_ms,
            min_wait_ms=quote.min_wait_ms,
            max_wait_ms=quote.max_wait_ms,
        )
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise Unreadable(f"{place}: {detail['msg']}" if place else detail["msg"]) from None
