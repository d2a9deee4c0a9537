"""What goes wrong with HTTP and its connections, beside what goes wrong at every venue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from venue_sandbox.exchange.faults import Change, RequestFault

__all__ = ["HTTP_FAULTS", "PHANTOM", "DuplicateOrder", "HalfOpen", "HttpError", "PhantomOrder"]

PHANTOM = 500_000
"""How far from the newest order's number an order's is that nobody has."""


class HttpError(RequestFault):
    """The request is answered with an HTTP status, as by a gateway in front of the venue.

    Attributes
    ----------
    applied
        Whether it has its effect all the same.
    body
        The body of the answer; None for an error of the protocol, an empty text for none at all.
    retry_after
        Seconds in the header Retry-After; None for no such header.
    """

    kind: Literal["http_error"]
    status: Annotated[int, Field(ge=400, le=599)]
    applied: bool = False
    body: str | None = None
    retry_after: Annotated[int, Field(ge=0)] | None = None


class DuplicateOrder(RequestFault):
    """The order is entered twice, as after a gateway that sent it again.

    The answer tells of the second; unless ``answered``, the connection is reset instead.
    """

    kind: Literal["duplicate_order"]
    answered: bool = True


class PhantomOrder(RequestFault):
    """The order is acknowledged under an id of its own, and is never there."""

    kind: Literal["phantom_order"]


class HalfOpen(Change):
    """Every connection there is goes dead without an end: nothing is read or written on it any more.

    New connections are served.
    """

    kind: Literal["half_open"]


HTTP_FAULTS = (HttpError, DuplicateOrder, PhantomOrder, HalfOpen)
