"""What goes wrong at Alpaca, and what is changed behind the client's back."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from venue_sandbox.exchange.faults import Change, Clock, DropBefore, RequestFault, Silent, SplitSet, VenueFault
from venue_sandbox.venues.http.faults import HttpError

__all__ = ["ALPACA_FAULTS", "BARS", "CALENDAR", "CORE", "BadBar", "CloseDay", "CutJson", "Html", "RepeatToken"]

BARS, CALENDAR = "bars", "calendar"

Harm = Literal[
    "missing", "nan", "infinite", "negative", "zero", "high_below_low", "duplicate", "holiday", "named_by_end"
]


class Html(RequestFault):
    """The request is answered with a page, as by something in front of the venue."""

    kind: Literal["html"]
    operation: str = BARS
    status: Annotated[int, Field(ge=200, le=599)] = 200


class CutJson(RequestFault):
    """The answer ends in its middle, and the connection in good order."""

    kind: Literal["cut_json"]
    operation: str = BARS


class RepeatToken(RequestFault):
    """The answer names itself as the next page."""

    kind: Literal["repeat_token"]
    operation: str = BARS


class BadBar(RequestFault):
    """The middle bar of a page is one that cannot be meant, or all are named by their end."""

    kind: Literal["bad_bar"]
    operation: str = BARS
    harm: Harm


class CloseDay(Change):
    """The calendar says that a session is none."""

    kind: Literal["close_day"]
    session: date


CORE: tuple[type[VenueFault], ...] = (DropBefore, Silent, Clock, SplitSet)
"""Those of every venue that one without orders has."""
ALPACA_FAULTS: tuple[type[VenueFault], ...] = (HttpError, Html, CutJson, RepeatToken, BadBar, CloseDay)
