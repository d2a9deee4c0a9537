"""The control endpoint: what the venue has received and done, and what a test may do to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError

from venue_sandbox.servers.control import CONTROL, fault_routes
from venue_sandbox.servers.faults import FaultError
from venue_sandbox.venues.near.operations import OPERATIONS, Floor

__all__ = ["control_application"]

Operation = Callable[[Floor, Any], Any]
Look = Callable[[Floor, str | None], Any]


def control_application(floor: Floor) -> web.Application:
    """Return the control endpoint of a venue."""
    application = web.Application()
    faults = floor.bus.faults
    application.add_routes(fault_routes(faults.arm, faults.clear, faults.requests))
    application.add_routes([_look(floor, name, look) for name, look in _LOOKS.items()])
    application.add_routes([_do(floor, name, model, do) for name, (model, do) in OPERATIONS.items()])
    return application


def _look(floor: Floor, name: str, look: Look) -> web.RouteDef:
    async def show(request: web.Request) -> web.Response:
        return web.json_response(look(floor, request.query.get("account")))

    return web.get(f"{CONTROL}{name}", show)


def _do(floor: Floor, name: str, model: type[BaseModel], do: Operation) -> web.RouteDef:
    async def run(request: web.Request) -> web.Response:
        try:
            answer = do(floor, model.model_validate_json(await request.text() or "{}"))
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in detail["loc"])
            return web.Response(status=400, text=f"{place}: {detail['msg']}\n")
        except FaultError as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(status=204) if answer is None else web.json_response(answer)

    return web.post(f"{CONTROL}{name}", run)


# --- what is looked at -----------------------------------------------------------------------------


def _answers(floor: Floor, account: str | None) -> list[dict[str, Any]]:
    return [asdict(arrival) for arrival in floor.relay.arrivals.of(account)]


def _summary(floor: Floor, account: str | None) -> dict[str, Any]:
    """Return by quote how many different bytes were taken, and how often answers came."""
    found: dict[str, Any] = {}
    for arrival in floor.relay.arrivals.of(account):
        row = found.setdefault(arrival.quote_id, {"came": 0, "taken": [], "outcomes": []})
        row["came"] += 1
        row["outcomes"].append(arrival.outcome)
        if arrival.outcome in ("taken", "second"):
            row["taken"].append(arrival.digest)
    return found


def _settled(floor: Floor, account: str | None) -> list[dict[str, Any]]:
    """Return every answer that was settled, in sequence, of a signer or of all."""
    relay = floor.relay
    return [
        {
            "quote_id": answer.quote_id,
            "quote_hash": answer.signed.hash,
            "signer_id": answer.signed.signer_id,
            "diff": {token: str(change) for token, change in answer.signed.diff.items()},
            "intent_hash": publication.intent_hash,
            "tx_hash": publication.tx_hash,
        }
        for publication in relay.publications.values()
        if publication.status == "SETTLED"
        for answer in (relay.answers[one] for one in publication.quote_hashes)
        if account in (None, answer.signed.signer_id)
    ]


def _balances(floor: Floor, account: str | None) -> dict[str, dict[str, str]]:
    return {
        name: {token: str(amount) for token, amount in balances.items()}
        for name, balances in floor.relay.contract.balances.items()
        if account in (None, name)
    }


def _state(floor: Floor, account: str | None) -> dict[str, Any]:
    relay, sockets = floor.relay, floor.bus.sockets
    return {
        "now": relay.clock.now().isoformat(),
        "salt": relay.contract.salts.current.hex(),
        "good_salts": [salt.hex() for salt in relay.contract.salts.good],
        "settings": asdict(relay.settings),
        "finality": relay.contract.finality,
        "sockets": [
            {
                "number": it.number,
                "account": it.account,
                "subscriptions": [one.kind for one in it.wanted()],
            }
            for it in sockets.of(account)
        ],
        "auctions": {"opened": relay.opened, "open": sum(not it.closed for it in relay.auctions.values())},
        "used_nonces": sum(account in (None, name) for name, _ in relay.contract.used),
    }


def _auctions(floor: Floor, account: str | None) -> list[dict[str, Any]]:
    del account
    return [
        {**it.document, "opened": it.opened.isoformat(), "closed": it.closed, "answers": list(it.answers)}
        for it in floor.relay.auctions.values()
    ]


def _publications(floor: Floor, account: str | None) -> list[dict[str, Any]]:
    del account
    return [asdict(publication) for publication in floor.relay.publications.values()]


_LOOKS: dict[str, Look] = {
    "answers": _answers,
    "summary": _summary,
    "settled": _settled,
    "balances": _balances,
    "state": _state,
    "auctions": _auctions,
    "publications": _publications,
    "drive": lambda floor, account: floor.driver.document,
}
