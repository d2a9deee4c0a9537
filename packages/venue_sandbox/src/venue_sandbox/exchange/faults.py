"""What goes wrong at a venue, and what is changed behind the client's back.

A fault is armed for the requests of an operation. A `Change` happens at once, unless an operation is named: then it
happens when such a request comes, and before the request has its effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from venue_sandbox.servers.faults import ANY, Armory, FaultError

__all__ = [
    "CORE_FAULTS",
    "NOW",
    "SUBMIT",
    "Cash",
    "Change",
    "Clock",
    "DayRoll",
    "DelayedAccept",
    "Disconnect",
    "DropAfter",
    "DropBefore",
    "DuplicateEvent",
    "ErrorAnswer",
    "FillRacesCancel",
    "LateFill",
    "MarketHoursSet",
    "PartialFill",
    "Position",
    "PriceMove",
    "Reject",
    "Release",
    "RequestFacts",
    "RequestFault",
    "Silent",
    "SilentDrop",
    "SplitSet",
    "StaleQuotes",
    "Unfilled",
    "VenueFault",
    "VenueFaults",
    "kinds",
]

NOW = "now"
SUBMIT = "submit"
CANCEL = "cancel"

Share = Annotated[Decimal, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Amount = Annotated[Decimal, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What faults choose by: the operation, and the account, symbol and order reference where it names them."""

    operation: str
    account: str = ""
    symbol: str = ""
    order: str = ""


class VenueFault(BaseModel):
    """One thing that goes wrong.

    Attributes
    ----------
    operation
        What it hits; ``*`` for everything.
    times
        How many requests it hits; None for all of them until the faults are cleared.
    skip
        How many requests it lets pass first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation: str = SUBMIT
    times: Annotated[int, Field(ge=1)] | None = 1
    skip: Annotated[int, Field(ge=0)] = 0

    def hits(self, facts: RequestFacts) -> bool:
        """Whether a request is one that the fault is meant for."""
        return self.operation in (ANY, facts.operation)


class RequestFault(VenueFault):
    """What happens to one request; ``account``, ``symbol`` and ``order`` choose among them, None means any."""

    account: str | None = None
    symbol: str | None = None
    order: str | None = None

    def hits(self, facts: RequestFacts) -> bool:
        """Whether a request is one that the fault is meant for."""
        chosen = ((self.account, facts.account), (self.symbol, facts.symbol), (self.order, facts.order))
        return super().hits(facts) and all(wish in (None, fact) for wish, fact in chosen)


class DropBefore(RequestFault):
    """The request has no effect; the connection is reset."""

    kind: Literal["drop_before"]


class DropAfter(RequestFault):
    """The request has its effect; instead of an answer, the connection is reset."""

    kind: Literal["drop_after"]


class DelayedAccept(RequestFault):
    """The request has its effect after ``seconds``; the connection is reset at once if ``cut``."""

    kind: Literal["delayed_accept"]
    seconds: Seconds = 0.5
    cut: bool = True


class Silent(RequestFault):
    """The request has its effect and is never answered; the connection stays open."""

    kind: Literal["silent"]


class SilentDrop(RequestFault):
    """The request has no effect and is never answered; the connection stays open."""

    kind: Literal["silent_drop"]


class ErrorAnswer(RequestFault):
    """The request has no effect and is answered with an error of the protocol."""

    kind: Literal["error"]
    code: int
    message: str = "Refused by a fault of the sandbox"


class Reject(RequestFault):
    """The order is recorded as rejected. ``error_first`` turns the burst of answers round."""

    kind: Literal["reject"]
    reason: str = "Rejected by a fault of the sandbox"
    error_first: bool = False


class PartialFill(RequestFault):
    """The order fills to a share of its quantity, and then rests, is cancelled, or loses its connection."""

    kind: Literal["partial_fill"]
    share: Share = Decimal("0.5")
    then: Literal["rest", "cancel", "disconnect"] = "rest"


class Unfilled(RequestFault):
    """The order is taken, and rests until it is released or cancelled."""

    kind: Literal["unfilled"]


class LateFill(RequestFault):
    """The order is taken, and fills after ``seconds``."""

    kind: Literal["late_fill"]
    seconds: Seconds = 1.0


class DuplicateEvent(RequestFault):
    """Everything about the order is pushed twice."""

    kind: Literal["duplicate_event"]


class FillRacesCancel(RequestFault):
    """The order fills before the cancel reaches it."""

    kind: Literal["fill_races_cancel"]
    operation: str = CANCEL


class SweptCash(RequestFault):
    """The account is told once as brokers tell one whose cash is swept into a fund, beside a loan of ``loan``."""

    kind: Literal["swept_cash"]
    operation: str = "account"
    loan: Amount = Decimal(0)


class Change(VenueFault):
    """What is changed behind the client's back: at once, or when a request of an operation comes."""

    operation: str = NOW


class Disconnect(Change):
    """Connections end: of one client, or of all; reset, or closed in order."""

    kind: Literal["disconnect"]
    graceful: bool = False
    client: str | None = None


class PriceMove(Change):
    """A symbol's price becomes ``price``, or is multiplied by ``factor``, for what is left of the session."""

    kind: Literal["price_move"]
    symbol: str
    price: Positive | None = None
    factor: Positive | None = None


class MarketHoursSet(Change):
    """The market is open or closed, or follows the calendar again."""

    kind: Literal["market"]
    state: Literal["open", "closed", "calendar"]


class Clock(Change):
    """The venue's clock is set to an instant, or forward by seconds."""

    kind: Literal["clock"]
    instant: AwareDatetime | None = None
    forward: Seconds = 0.0


class DayRoll(Change):
    """The venue's clock is set to shortly after the open of a later session."""

    kind: Literal["day_roll"]
    sessions: Annotated[int, Field(ge=1)] = 1


class StaleQuotes(Change):
    """The quotes of a symbol are older by ``seconds``; zero makes them fresh again."""

    kind: Literal["stale_quotes"]
    symbol: str
    seconds: Seconds = 900.0


class Cash(Change):
    """An account's cash becomes ``amount``, or changes by ``change``."""

    kind: Literal["cash"]
    account: str
    currency: str = "USD"
    amount: Amount | None = None
    change: Amount = Decimal(0)


class Position(Change):
    """An account holds ``quantity`` units of a symbol, as after a manual trade or a liquidation."""

    kind: Literal["position"]
    account: str
    symbol: str
    quantity: Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]


class SplitSet(Change):
    """One unit of a symbol becomes ``ratio`` units when ``session`` begins; without one, now."""

    kind: Literal["split"]
    symbol: str
    ratio: Positive
    session: date | None = None


class Release(Change):
    """Orders that were held back fill to the end: one, by its reference, or all."""

    kind: Literal["release"]
    order: str | None = None


CORE_FAULTS: tuple[type[VenueFault], ...] = (
    *(DropBefore, DropAfter, DelayedAccept, Silent, SilentDrop, ErrorAnswer),
    *(Reject, PartialFill, Unfilled, LateFill, DuplicateEvent, FillRacesCancel, SweptCash),
    *(Disconnect, PriceMove, MarketHoursSet, Clock, DayRoll, StaleQuotes, Cash, Position, SplitSet, Release),
)


def kinds(models: Iterable[type[VenueFault]]) -> frozenset[str]:
    """Return the names of faults, as they are written in a request."""
    return frozenset(get_args(model.model_fields["kind"].annotation)[0] for model in models)


class VenueFaults:
    """Takes faults over the control endpoint, hands them to the requests they hit, and counts these.

    Parameters
    ----------
    kinds
        The front's own kinds, beside those of every venue.
    change
        Carries out a change; `FaultError` if it cannot be.
    core
        Those of every venue; fewer where a venue has no orders yet.
    """

    def __init__(
        self,
        kinds: tuple[type[VenueFault], ...],
        change: Callable[[VenueFault], None],
        core: tuple[type[VenueFault], ...] = CORE_FAULTS,
    ) -> None:
        union: Any = Annotated[_union(core + kinds), Field(discriminator="kind")]
        self._adapter: TypeAdapter[VenueFault] = TypeAdapter(union)
        self._change = change
        self._faults: Armory[VenueFault] = Armory()
        self._changes: Armory[VenueFault] = Armory()
        self.requests: Counter[str] = Counter()

    def arm(self, document: object) -> None:
        """Arm the fault of a JSON document, or carry it out.

        Raises
        ------
        FaultError
            It makes no sense.
        """
        try:
            fault = self._adapter.validate_python(document)
        except ValidationError as error:
            raise FaultError(_first(error)) from None
        if not isinstance(fault, Change):
            if fault.operation == NOW:
                raise FaultError("this kind hits a request; name its operation, such as submit")
            self._faults.add(fault)
        elif fault.operation == NOW:
            self._change(fault)
        else:
            self._changes.add(fault)

    def clear(self) -> None:
        """Disarm every fault."""
        self._faults.clear()
        self._changes.clear()

    def take(self, facts: RequestFacts) -> VenueFault | None:
        """Count a request; return the fault that hits it. Changes armed for it have taken effect."""
        self.requests[facts.operation] += 1
        for change in self._changes.take_all(lambda armed: armed.hits(facts)):
            self._change(change)
        return self._faults.take(lambda armed: armed.hits(facts))


def _union(kinds: tuple[type[VenueFault], ...]) -> Any:
    made: Any = kinds[0]
    for kind in kinds[1:]:
        made = made | kind
    return made


def _first(error: ValidationError) -> str:
    """Return the first thing that is wrong, on one line: its name, its value, and what it may be."""
    detail = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in detail["loc"][1:])
    if detail["type"] == "union_tag_invalid":
        asked = detail.get("ctx", {})
        return f"kind {asked.get('tag')} is not known; known: {asked.get('expected_tags')}".replace("'", "")
    return f"{place} is {detail['input']!r}: {detail['msg']}" if place else detail["msg"]
