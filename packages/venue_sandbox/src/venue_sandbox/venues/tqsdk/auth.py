"""The auth server: tokens with grants, whose signature no client checks, and the list of holidays."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from venue_sandbox.venues.tqsdk.venue import Venue

__all__ = ["AuthServer"]

REALM = "/auth/realms/shinnytech"
KEY = b"sandbox"
FEATURES = ("futr", "sec", "lmt_idx", "opt", "tq_ma", "adv")
DAY = 86_400
DAYS = 3650
BAD_PASSWORD = "bad"
SUBJECT = "DUSBX-"


@dataclass(slots=True)
class AuthServer:
    """Grants everything to everybody, except to those whose password is ``bad``."""

    venue: Venue
    accounts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def routes(self) -> list[web.RouteDef]:
        """Return its endpoints."""
        return [
            web.post(f"{REALM}/protocol/openid-connect/token", self._token),
            web.get(f"{REALM}/rest/get-grant/tq", self._grant),
            web.put(f"{REALM}/rest/update-grant-accounts/{{account}}", self._add),
            web.get("/holiday.json", self._holidays),
        ]

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        user = str(form.get("username") or str(form.get("refresh_token", "")).partition("/")[2])
        if form.get("password") == BAD_PASSWORD or not user:
            refused = {"error": "invalid_grant", "error_description": "Invalid user credentials"}
            return web.json_response(refused, status=401)
        funded = list(self.venue.settings.funded)
        claims = {
            "sub": f"{SUBJECT}{user}",
            "exp": int(self.venue.clock.now().timestamp()) + DAY,
            "grants": {"features": list(FEATURES), "accounts": funded + self.accounts.get(user, [])},
        }
        return web.json_response({"access_token": _signed(claims), "refresh_token": f"refresh/{user}"})

    async def _grant(self, request: web.Request) -> web.Response:
        expires = int(self.venue.clock.now().timestamp()) + DAYS * DAY
        return web.json_response({"exp": expires, "daysleft": DAYS, "account_type": "sandbox"})

    async def _add(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        user = _subject(token).removeprefix(SUBJECT)
        self.accounts.setdefault(user, []).append(request.match_info["account"])
        return web.json_response({})

    async def _holidays(self, request: web.Request) -> web.Response:
        return web.json_response([f"{day:%Y-%m-%d}" for day in sorted(self.venue.day.closed)])


def _signed(claims: Mapping[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    text = ".".join(_url_safe(part) for part in parts)
    return f"{text}.{_url_safe(hmac.digest(KEY, text.encode(), hashlib.sha256))}"


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _subject(token: str) -> str:
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])
    except (IndexError, KeyError, ValueError):
        return ""
