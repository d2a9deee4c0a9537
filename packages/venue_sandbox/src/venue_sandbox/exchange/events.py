"""What can happen at a venue: every event is one line of its journal, and together they are its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from venue_sandbox.exchange.orders import Execution, OrderStatus, VenueOrder

__all__ = [
    "Amended",
    "CashSet",
    "ClockSet",
    "Closed",
    "Entered",
    "Event",
    "Executed",
    "Founded",
    "Funded",
    "HoldingSet",
    "HoursSet",
    "Noted",
    "Priced",
    "Released",
    "Split",
    "SplitAnnounced",
    "Triggered",
    "Worked",
    "decode",
    "encode",
]


@dataclass(frozen=True, slots=True)
class Founded:
    """The venue began; ids, fills and invented prices follow from the seed."""

    seed: int
    event: Literal["founded"] = "founded"


@dataclass(frozen=True, slots=True)
class Funded:
    """An account was opened; the first currency is its base."""

    account: str
    cash: Mapping[str, Decimal]
    event: Literal["funded"] = "funded"


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The venue's clock runs this many seconds ahead of real time."""

    ahead: float
    event: Literal["clock_set"] = "clock_set"


@dataclass(frozen=True, slots=True)
class HoursSet:
    """The market was forced open or closed; None follows the calendar."""

    forced_open: bool | None
    event: Literal["hours_set"] = "hours_set"


@dataclass(frozen=True, slots=True)
class Priced:
    """A price was set for what is left of a session."""

    symbol: str
    session: date
    price: Decimal
    event: Literal["priced"] = "priced"


@dataclass(frozen=True, slots=True)
class SplitAnnounced:
    """A split takes place at the begin of a session: one unit becomes ``ratio`` units."""

    symbol: str
    ratio: Decimal
    session: date
    event: Literal["split_announced"] = "split_announced"


@dataclass(frozen=True, slots=True)
class Split:
    """A split took place; fractions of a unit were paid out at ``price``, which is one of after the split."""

    symbol: str
    ratio: Decimal
    price: Decimal
    event: Literal["split"] = "split"


@dataclass(frozen=True, slots=True)
class CashSet:
    """Cash changed behind the client's back."""

    account: str
    currency: str
    amount: Decimal
    event: Literal["cash_set"] = "cash_set"


@dataclass(frozen=True, slots=True)
class HoldingSet:
    """A holding changed behind the client's back."""

    account: str
    symbol: str
    quantity: Decimal
    average_cost: Decimal
    event: Literal["holding_set"] = "holding_set"


@dataclass(frozen=True, slots=True)
class Entered:
    """An order came in; it may have been rejected at once."""

    order: VenueOrder
    event: Literal["entered"] = "entered"


@dataclass(frozen=True, slots=True)
class Amended:
    """An order was changed."""

    number: int
    quantity: Decimal
    limit: Decimal | None
    event: Literal["amended"] = "amended"


@dataclass(frozen=True, slots=True)
class Worked:
    """An order reached the exchange."""

    number: int
    event: Literal["worked"] = "worked"


@dataclass(frozen=True, slots=True)
class Triggered:
    """The market traded at the stop of an order: from now on it is a market order."""

    number: int
    event: Literal["triggered"] = "triggered"


@dataclass(frozen=True, slots=True)
class Released:
    """An order that was held back may fill to the end."""

    number: int
    event: Literal["released"] = "released"


@dataclass(frozen=True, slots=True)
class Executed:
    """An order was filled, in part or to the end; cash and holding moved with it."""

    execution: Execution
    event: Literal["executed"] = "executed"


@dataclass(frozen=True, slots=True)
class Closed:
    """An order ended without being filled to the end."""

    number: int
    status: OrderStatus
    reason: str
    at: datetime
    event: Literal["closed"] = "closed"


@dataclass(frozen=True, slots=True)
class Noted:
    """A front remembers something of its own."""

    key: str
    value: str
    event: Literal["noted"] = "noted"


Event = (
    Founded
    | Funded
    | ClockSet
    | HoursSet
    | Priced
    | SplitAnnounced
    | Split
    | CashSet
    | HoldingSet
    | Entered
    | Amended
    | Worked
    | Triggered
    | Released
    | Executed
    | Closed
    | Noted
)
_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def encode(event: Event) -> bytes:
    """Return an event as one line of JSON, its newline included."""
    return _ADAPTER.dump_json(event) + b"\n"


def decode(line: bytes) -> Event:
    """Return the event of a line; ValueError if it is none."""
    return _ADAPTER.validate_json(line)
