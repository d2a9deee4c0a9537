"""What goes wrong at LongBridge only, beside what goes wrong at every venue that speaks HTTP."""

from __future__ import annotations

from typing import Literal

from venue_sandbox.exchange.faults import Change, VenueFault
from venue_sandbox.venues.http.faults import HTTP_FAULTS

__all__ = ["LONGBRIDGE_FAULTS", "DeadSocket", "ExpireSessions", "ExpireToken", "Gzip"]


class ExpireToken(Change):
    """An account's access token (every account's, if none is named) has expired, until it logs in again."""

    kind: Literal["expire_token"]
    account: str | None = None


class ExpireSessions(Change):
    """No websocket session can be taken up again; a new one-time password is needed."""

    kind: Literal["expire_sessions"]


class DeadSocket(Change):
    """The websockets there are, of one sort or of both, go dead without an end; new ones are served."""

    kind: Literal["dead_socket"]
    socket: Literal["quote", "trade"] | None = None


class Gzip(Change):
    """What the websockets send is gzipped, or is not any more."""

    kind: Literal["gzip"]
    state: bool = True


LONGBRIDGE_FAULTS: tuple[type[VenueFault], ...] = (*HTTP_FAULTS, ExpireToken, ExpireSessions, DeadSocket, Gzip)
