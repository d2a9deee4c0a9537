"""Who may use the API: one login, its refresh token, and the access tokens made with it. Real time, not the venue's."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from venue_sandbox.exchange.exchange import Exchange

__all__ = ["ACCESS_SECONDS", "Login", "Logins"]

ACCESS_SECONDS = 1800
REFRESH_SECONDS = 7 * 86400
CODE_SECONDS = 30
NOTE = "schwab.login"


@dataclass(frozen=True, slots=True)
class Login:
    """A login: when it took place, in epoch seconds, and until when each of its access tokens is good."""

    refresh_token: str
    at: float
    access: dict[str, float] = field(default_factory=dict[str, float])


_ADAPTER = TypeAdapter(Login)


class Logins:
    """The newest login, which ends the one before; kept by the journal."""

    def __init__(self, exchange: Exchange, now: Callable[[], float] = time.time) -> None:
        self._exchange = exchange
        self._now = now
        self._codes: dict[str, tuple[str, float]] = {}

    @property
    def current(self) -> Login | None:
        """The newest login; None before the first."""
        note = self._exchange.book.notes.get(NOTE)
        return None if note is None else _ADAPTER.validate_json(note)

    def log_in(self) -> Login:
        """Log in anew: another refresh token, and a first access token."""
        login = Login(secrets.token_urlsafe(48), self._now())
        return self._with_access(login)

    def offer(self, redirect_uri: str) -> str:
        """Return a code that can be exchanged for a login once, within a short time."""
        code = f"C0.{secrets.token_urlsafe(24)}@"
        self._codes[code] = (redirect_uri, self._now() + CODE_SECONDS)
        return code

    def exchange_code(self, code: str, redirect_uri: str) -> Login | None:
        """Log in with a code; None if it is not, or no longer, good for this address."""
        wanted, until = self._codes.pop(code, ("", 0.0))
        return self.log_in() if wanted == redirect_uri and self._now() <= until else None

    def is_too_old(self, login: Login) -> bool:
        """Whether a login can make access tokens no more."""
        return self._now() - login.at >= REFRESH_SECONDS

    def refresh(self, login: Login) -> Login:
        """Make another access token; those before stay good for their time."""
        return self._with_access(login)

    def accepts(self, access_token: str) -> bool:
        """Whether an access token is good now."""
        login = self.current
        return login is not None and login.access.get(access_token, 0.0) > self._now()

    def age(self, seconds: float) -> None:
        """Have the login have taken place earlier."""
        if (login := self.current) is not None:
            self._keep(replace(login, at=login.at - seconds))

    def expire_access(self) -> None:
        """Let every access token have expired."""
        if (login := self.current) is not None:
            self._keep(replace(login, access={}))

    def _with_access(self, login: Login) -> Login:
        good = {token: until for token, until in login.access.items() if until > self._now()}
        return self._keep(replace(login, access={**good, secrets.token_urlsafe(48): self._now() + ACCESS_SECONDS}))

    def _keep(self, login: Login) -> Login:
        self._exchange.note(NOTE, _ADAPTER.dump_json(login).decode())
        return login
