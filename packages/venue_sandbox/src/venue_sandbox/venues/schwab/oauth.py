"""The OAuth endpoints: log in, exchange a code, refresh."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from venue_sandbox.exchange.faults import VenueFault
from venue_sandbox.venues.http.front import Endpoint, named
from venue_sandbox.venues.schwab.faults import RefreshFailure
from venue_sandbox.venues.schwab.logins import ACCESS_SECONDS, Login, Logins

__all__ = ["OAUTH", "Application", "oauth_endpoints", "token_document"]

OAUTH = "/v1/oauth/"
TOO_OLD = json.dumps(
    {
        "error_description": "Exception while authenticating refresh token",
        "error": "refresh_token_authentication_error",
    }
)


@dataclass(frozen=True, slots=True)
class Application:
    """The client application that may log in: its key and secret."""

    key: str
    secret: str

    @property
    def authorization(self) -> str:
        """The header with which it says who it is."""
        return "Basic " + base64.b64encode(f"{self.key}:{self.secret}".encode()).decode()


class _OAuthError(Exception):
    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error


def token_document(login: Login) -> dict[str, Any]:
    """Return what is answered for a login's newest access token."""
    return {
        "expires_in": ACCESS_SECONDS,
        "token_type": "Bearer",
        "scope": "api",
        "refresh_token": login.refresh_token,
        "access_token": list(login.access)[-1],
        "id_token": "sandbox-id-token",
    }


def oauth_endpoints(logins: Logins, application: Application) -> list[Endpoint]:
    """Return the endpoints; they are open to who has no access token."""

    async def authorize(request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
        address = request.query.get("redirect_uri", "")
        if request.query.get("client_id") != application.key or not address:
            return web.json_response({"error": "invalid_client"}, status=401)
        answer = {"code": logins.offer(address), "session": "sandbox"}
        if state := request.query.get("state"):
            answer["state"] = state
        raise web.HTTPFound(f"{address}?{urlencode(answer)}")

    async def token(request: web.Request, fault: VenueFault | None) -> web.StreamResponse:
        try:
            if isinstance(fault, RefreshFailure):
                raise _OAuthError(400, fault.error, fault.description)
            if request.headers.get("Authorization") != application.authorization:
                raise _OAuthError(401, "invalid_client", "Unauthorized")
            return web.json_response(token_document(await _granted(request, logins)))
        except _OAuthError as error:
            document = {"error": error.error, "error_description": str(error)}
            return web.json_response(document, status=error.status)

    return [
        Endpoint("GET", f"{OAUTH}authorize", authorize, named("authorize")),
        Endpoint("POST", f"{OAUTH}token", token, named("token")),
    ]


async def _granted(request: web.Request, logins: Logins) -> Login:
    form = {name: str(value) for name, value in (await request.post()).items()}
    match form.get("grant_type"):
        case "authorization_code":
            login = logins.exchange_code(form.get("code", ""), form.get("redirect_uri", ""))
            if login is None:
                raise _OAuthError(400, "invalid_grant", "Bad authorization code")
            return login
        case "refresh_token":
            login = logins.current
            if login is None or login.refresh_token != form.get("refresh_token"):
                raise _OAuthError(400, "invalid_grant", "Unknown refresh token")
            if logins.is_too_old(login):
                raise _OAuthError(400, "unsupported_token_type", f'400 Bad Request: "{TOO_OLD}"')
            return logins.refresh(login)
        case kind:
            raise _OAuthError(400, "unsupported_grant_type", f"Grant type {kind}")
