"""What goes wrong at Alpaca, and what is changed behind the client's back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from venue_sandbox.exchange.faults import Change, RequestFault, VenueFault
from venue_sandbox.venues.http.faults import HTTP_FAULTS

__all__ = [
    "ALPACA_FAULTS",
    "BARS",
    "CALENDAR",
    "CLOCK",
    "AccountState",
    "AssetState",
    "BadBar",
    "CloseDay",
    "CutJson",
    "Html",
    "RepeatToken",
    "Seldom",
    "ShownStatus",
    "StreamError",
    "StreamMute",
    "StreamedBar",
]

BARS, CALENDAR, CLOCK = "bars", "calendar", "clock"

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
    """The calendar says that a session is none, or one again."""

    kind: Literal["close_day"]
    session: date
    closed: bool = True


class AccountState(Change):
    """An account says of itself what is not None here, and takes no orders where that forbids them."""

    kind: Literal["account_state"]
    account: str
    status: str | None = None
    trading_blocked: bool | None = None
    account_blocked: bool | None = None
    trade_suspended_by_user: bool | None = None
    pattern_day_trader: bool | None = None
    daytrade_count: int | None = None
    multiplier: str | None = None


class AssetState(Change):
    """An asset says of itself what is not None here, and is not traded where that forbids it."""

    kind: Literal["asset_state"]
    symbol: str
    status: str | None = None
    tradable: bool | None = None
    fractionable: bool | None = None


class Seldom(Change):
    """The newest trade of a symbol at IEX is older by ``seconds`` than that of all exchanges."""

    kind: Literal["seldom"]
    symbol: str
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1800.0


class ShownStatus(Change):
    """An order is shown under a status, whatever became of it; None shows the true one again."""

    kind: Literal["shown_status"]
    order: str
    status: str | None


class StreamedBar(Change):
    """A minute bar is streamed otherwise: never, twice, ``seconds`` late, or with a correction after these.

    A bar that is more than a minute late comes out of order.
    """

    kind: Literal["streamed_bar"]
    symbol: str
    start: AwareDatetime
    harm: Literal["lost", "duplicate", "late", "updated"]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 90.0

    @property
    def later(self) -> timedelta:
        """How long after its bar something comes, by the venue's clock."""
        return timedelta(seconds=self.seconds)


class StreamError(Change):
    """Every login at the stream of bars is answered with an error; no code lets them in again."""

    kind: Literal["stream_error"]
    code: int | None
    message: str = "refused by a fault of the sandbox"


class StreamMute(Change):
    """Streams stay open, and nothing is sent over them."""

    kind: Literal["stream_mute"]
    mute: bool = True


ALPACA_FAULTS: tuple[type[VenueFault], ...] = (
    *HTTP_FAULTS,
    *(Html, CutJson, RepeatToken, BadBar, CloseDay, AccountState, AssetState, Seldom, ShownStatus),
    *(StreamedBar, StreamError, StreamMute),
)
