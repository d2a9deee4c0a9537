"""What goes wrong at Schwab only, beside what goes wrong at every venue that speaks HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from venue_sandbox.exchange.faults import Change, RequestFault, VenueFault
from venue_sandbox.venues.http.faults import HTTP_FAULTS

__all__ = ["SCHWAB_FAULTS", "AgeLogin", "ExpireAccess", "MissingLocation", "RefreshFailure", "WrongLocation"]


class MissingLocation(RequestFault):
    """The order is taken, and the answer does not say which one it is."""

    kind: Literal["missing_location"]


class WrongLocation(RequestFault):
    """The order is taken, and the answer names another: ``order_id``, or one that nobody has."""

    kind: Literal["wrong_location"]
    order_id: Annotated[int, Field(ge=1)] | None = None


class RefreshFailure(RequestFault):
    """The token endpoint answers with an error of OAuth."""

    kind: Literal["refresh_failure"]
    operation: str = "token"
    error: str = "invalid_grant"
    description: str = "Refused by a fault of the sandbox"


class ExpireAccess(Change):
    """No access token is accepted any more; refresh tokens are."""

    kind: Literal["expire_access"]


class AgeLogin(Change):
    """The login, and with it its refresh token, is older by ``seconds``; by default too old."""

    kind: Literal["age_login"]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 7 * 86400.0


SCHWAB_FAULTS: tuple[type[VenueFault], ...] = (
    *HTTP_FAULTS,
    *(MissingLocation, WrongLocation, RefreshFailure, ExpireAccess, AgeLogin),
)
