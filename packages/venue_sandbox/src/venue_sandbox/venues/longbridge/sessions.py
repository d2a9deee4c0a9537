"""One-time passwords and sessions of websockets; they do not outlive the venue."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

__all__ = ["SESSION_SECONDS", "Sessions"]

PASSWORD_SECONDS = 60.0
SESSION_SECONDS = 3600.0


class Sessions:
    """Which account a password or a session stands for, and until when."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._passwords: dict[str, tuple[str, float]] = {}
        self._sessions: dict[str, tuple[str, float]] = {}

    def password(self, account: str) -> str:
        """Return a password that opens one session."""
        password = secrets.token_urlsafe(16)
        self._passwords[password] = (account, self._now() + PASSWORD_SECONDS)
        return password

    def open(self, password: str) -> str | None:
        """Return the id of a new session; None if the password is not good."""
        account, until = self._passwords.pop(password, ("", 0.0))
        return self._session(account) if until > self._now() else None

    def reopen(self, session: str) -> str | None:
        """Return the id of a session that goes on with an old one; None if that has ended."""
        account, until = self._sessions.pop(session, ("", 0.0))
        return self._session(account) if until > self._now() else None

    def account(self, session: str) -> str:
        """Return the account of a session."""
        return self._sessions[session][0]

    def expires(self, session: str) -> int:
        """Return when a session ends, in epoch milliseconds."""
        return int(self._sessions[session][1] * 1000)

    def expire(self) -> None:
        """End all sessions."""
        self._sessions.clear()

    def _session(self, account: str) -> str:
        session = secrets.token_urlsafe(16)
        self._sessions[session] = (account, self._now() + SESSION_SECONDS)
        return session
