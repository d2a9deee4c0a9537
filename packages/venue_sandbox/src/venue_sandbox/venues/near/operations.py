"""What a test may do to the venue: register accounts, rotate the salt, set the clock, open auctions, drive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from venue_sandbox.servers.faults import FaultError
from venue_sandbox.venues.near.driver import Driver, Plan, Taker
from venue_sandbox.venues.near.errors import Rejected
from venue_sandbox.venues.near.relay import Relay
from venue_sandbox.venues.near.requests import QuoteRequest
from venue_sandbox.venues.near.settings import AnswersFrom, LateDuplicate, SecondAnswer, Shape
from venue_sandbox.venues.near.solvers import SolverBus

__all__ = ["OPERATIONS", "Floor"]

Amount = Annotated[int, Field(ge=0, le=2**128 - 1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Floor:
    """What operations work on."""

    relay: Relay
    bus: SolverBus
    driver: Driver


class Asked(BaseModel):
    """The body of an operation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Register(Asked):
    """Keys that an account signs with are added, and balances are set, in each token's smallest unit."""

    account: Annotated[str, Field(min_length=1)]
    keys: tuple[str, ...] = ()
    balances: dict[str, Amount] = {}


class Rotate(Asked):
    """The contract takes another salt; what was signed with one before stays good unless it is invalid."""

    invalidate: bool = True


class SetClock(Asked):
    """The venue's time: an instant, or so many seconds forward."""

    instant: AwareDatetime | None = None
    forward: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class Ask(Asked):
    """One auction, as ``quote`` of the relay asks for it; whoever asks does not wait for its end."""

    quote: dict[str, Any]


class Take(Asked):
    """The venue's own taker publishes for an answer."""

    quote_hash: str


class Change(Asked):
    """Options change."""

    shape: Shape | None = None
    status_subscription: bool | None = None
    second_answer: SecondAnswer | None = None
    answers_from: AnswersFrom | None = None
    late_duplicate: LateDuplicate | None = None
    settle_delay: Seconds | None = None
    finality: Seconds | None = None


class Stop(Asked):
    """The driver opens no more auctions."""


def register(floor: Floor, asked: Register) -> None:
    """Add keys, set balances."""
    floor.relay.contract.register(asked.account, asked.keys, asked.balances)


def rotate(floor: Floor, asked: Rotate) -> dict[str, str]:
    """Rotate the salt; return the new one."""
    floor.relay.contract.rotate_salt(invalidate=asked.invalidate)
    return {"salt": floor.relay.contract.salts.current.hex()}


def set_clock(floor: Floor, asked: SetClock) -> dict[str, str]:
    """Set the clock; return what it shows."""
    clock = floor.relay.clock
    instant: datetime = (asked.instant or clock.now()) + timedelta(seconds=asked.forward)
    clock.ahead = clock.ahead_at(instant)
    return {"now": clock.now().isoformat()}


def ask(floor: Floor, asked: Ask) -> dict[str, str]:
    """Open an auction; return its id."""
    try:
        auction = floor.relay.open(QuoteRequest.read(asked.quote))
    except Rejected as error:
        raise FaultError(str(error)) from None
    floor.relay.start(auction.run())
    return {"quote_id": auction.quote_id}


def take(floor: Floor, asked: Take) -> dict[str, str]:
    """Publish for an answer; return what the relay said."""
    answer = floor.relay.answers.get(asked.quote_hash)
    if answer is None:
        raise FaultError(f"quote_hash {asked.quote_hash!r} is not known")
    taker = Taker(floor.relay, floor.relay.settings.seed)
    taker.fund(set(answer.net))
    try:
        taker.take(answer)
    except Rejected as error:
        return {"status": "FAILED", "reason": str(error)}
    return {"status": "OK", "reason": ""}


def change(floor: Floor, asked: Change) -> None:
    """Change options."""
    given = asked.model_dump(exclude_none=True)
    floor.relay.contract.finality = given.pop("finality", floor.relay.contract.finality)
    for name, value in given.items():
        setattr(floor.relay.settings, name, value)


def drive(floor: Floor, plan: Plan) -> None:
    """Begin a plan."""
    floor.driver.start(plan)


def stop(floor: Floor, _: Stop) -> None:
    """Stop the driver."""
    floor.driver.stop()


OPERATIONS: dict[str, tuple[type[BaseModel], Any]] = {
    "account": (Register, register),
    "salt": (Rotate, rotate),
    "clock": (SetClock, set_clock),
    "quote": (Ask, ask),
    "take": (Take, take),
    "settings": (Change, change),
    "drive": (Plan, drive),
    "stop": (Stop, stop),
}
