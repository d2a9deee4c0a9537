"""What takers ask for over HTTP: quotes, settlements, and how these stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.relay import Relay
from venue_sandbox.venues.near.requests import QuoteRequest
from venue_sandbox.venues.near.signatures import read_signed

__all__ = ["TakerCalls"]

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TakerCalls:
    """The calls of a taker."""

    relay: Relay

    async def call(self, method: str, params: Params) -> Any:
        """Return the result of a call.

        Raises
        ------
        Rejected
            Its parameters make no sense.
        LookupError
            There is no such call.
        """
        match method:
            case "quote":
                return await self.quote(QuoteRequest.read(params))
            case "publish_intent":
                return self.publish(params)
            case "get_status":
                return self.relay.status(str(params.get("intent_hash")))
            case _:
                raise LookupError(method)

    async def quote(self, request: QuoteRequest) -> list[dict[str, Any]] | None:
        """Hold an auction; return the answers, the best first, or None if there is none."""
        auction = self.relay.open(request)
        await auction.run()
        return [answer.shown(request) for answer in auction.ranked()] or None

    def publish(self, params: Params) -> dict[str, Any]:
        """Publish an intent."""
        hashes: object = params.get("quote_hashes")
        try:
            named = tuple(map(str, cast(list[object], hashes))) if isinstance(hashes, list) else ()
            publication = self.relay.publish(named, read_signed(params.get("signed_data")))
        except Rejected as error:
            return {"status": "FAILED", "reason": str(error), "intent_hash": ""}
        return {"status": "OK", "intent_hash": publication.intent_hash}
