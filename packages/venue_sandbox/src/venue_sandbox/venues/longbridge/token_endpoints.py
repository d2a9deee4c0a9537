"""Access tokens and one-time passwords."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from aiohttp import web

from venue_sandbox.exchange.faults import RequestFacts, VenueFault
from venue_sandbox.venues.http.front import Endpoint
from venue_sandbox.venues.longbridge.context import LongBridgeContext, data

__all__ = ["token_endpoints"]

CONNECTIONS = 10


def token_endpoints(context: LongBridgeContext) -> list[Endpoint]:
    """Return the endpoints that give out tokens and passwords."""

    async def token_facts(request: web.Request) -> RequestFacts:
        return RequestFacts("refresh_token", context.named_account(request))

    async def password_facts(request: web.Request) -> RequestFacts:
        return RequestFacts("socket_token", context.named_account(request))

    async def refresh(request: web.Request, fault: VenueFault | None) -> web.Response:
        account = context.named_account(request)
        issued = datetime.fromtimestamp(time.time(), UTC)
        answer = {
            "token": context.tokens.renew(account),
            "expired_at": request.query.get("expired_at", issued.isoformat()),
            "issued_at": issued.isoformat(),
            "account_info": {"member_id": "1", "aaid": account, "account_channel": "lb"},
        }
        return data(answer)

    async def password(request: web.Request, fault: VenueFault | None) -> web.Response:
        one = context.sessions.password(context.named_account(request))
        return data({"otp": one, "limit": CONNECTIONS, "online": 0})

    return [
        Endpoint("GET", "/v1/token/refresh", refresh, token_facts),
        Endpoint("GET", "/v1/socket/token", password, password_facts),
    ]
