"""What goes wrong at the relay and at the chain's endpoint, and to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from venue_sandbox.exchange.faults import NOW, RequestFacts, Seconds, VenueFault
from venue_sandbox.servers.faults import Armory, FaultError

__all__ = [
    "ANSWER",
    "CONNECT",
    "FAULTS",
    "QUOTE",
    "STATUS",
    "DelayArrival",
    "Drop",
    "DropGraceful",
    "DuplicateEvent",
    "ErrorAfter",
    "Faults",
    "Hang",
    "HoldEvent",
    "LateAnswer",
    "LoseAcknowledgement",
    "LoseEvent",
    "LoseRequest",
    "NearFault",
    "Refuse",
    "RefuseLogin",
]

ANSWER, CONNECT, QUOTE, STATUS = "quote_response", "connect", "quote", "quote_status"
SERVER_ERROR, INTERNAL_ERROR = -32000, -32603


class NearFault(VenueFault):
    """One thing that goes wrong; ``account`` and ``quote``, a quote's id, choose among requests, None means any."""

    operation: str = ANSWER
    account: str | None = None
    quote: str | None = None

    def hits(self, facts: RequestFacts) -> bool:
        """Whether a request is one that the fault is meant for."""
        chosen = ((self.account, facts.account), (self.quote, facts.order))
        return super().hits(facts) and all(wish in (None, fact) for wish, fact in chosen)


class LoseRequest(NearFault):
    """The request never arrives, and is never answered; the connection stays open."""

    kind: Literal["lose_request"]


class LoseAcknowledgement(NearFault):
    """The request has its effect and is never answered; the connection stays open."""

    kind: Literal["lose_acknowledgement"]


class LateAnswer(NearFault):
    """The request has its effect at once and is answered after ``seconds``."""

    kind: Literal["late_answer"]
    seconds: Seconds = 0.5


class DelayArrival(NearFault):
    """The request has its effect, and is answered, after ``seconds``: what is sent later may overtake it."""

    kind: Literal["delay_arrival"]
    seconds: Seconds = 0.5


class Refuse(NearFault):
    """The request has no effect and is answered with an error."""

    kind: Literal["refuse"]
    code: int = SERVER_ERROR
    message: str = "refused by a fault of the sandbox"


class ErrorAfter(NearFault):
    """The request has its effect and is answered with an error."""

    kind: Literal["error_after"]
    code: int = INTERNAL_ERROR
    message: str = "internal error"


class DuplicateEvent(NearFault):
    """The event is told ``copies`` times more."""

    kind: Literal["duplicate_event"]
    operation: str = QUOTE
    copies: Annotated[int, Field(ge=1)] = 1


class HoldEvent(NearFault):
    """The event is told after ``seconds``: later ones overtake it."""

    kind: Literal["hold_event"]
    operation: str = QUOTE
    seconds: Seconds = 0.3


class LoseEvent(NearFault):
    """The event is told to nobody."""

    kind: Literal["lose_event"]
    operation: str = STATUS


class RefuseLogin(NearFault):
    """The connection is answered with 401."""

    kind: Literal["refuse_login"]
    operation: str = CONNECT


class Hang(NearFault):
    """The request has its effect; from then on connections stay open and nothing is told or heard on them."""

    kind: Literal["hang"]
    operation: str = NOW


class Drop(NearFault):
    """Connections end, of the account or of all: now, or at a request, which ``applied`` lets have its effect."""

    operation: str = NOW
    applied: bool = True


class DropGraceful(Drop):
    """Connections are closed in order, with code 1000."""

    kind: Literal["drop_graceful"]


class DropAbrupt(Drop):
    """Connections are reset."""

    kind: Literal["drop_abrupt"]


FAULTS: tuple[type[NearFault], ...] = (
    *(LoseRequest, LoseAcknowledgement, LateAnswer, DelayArrival, Refuse, ErrorAfter),
    *(DuplicateEvent, HoldEvent, LoseEvent, RefuseLogin, Hang, DropGraceful, DropAbrupt),
)
AT_ONCE = (Hang, Drop)
EVENTS = (DuplicateEvent, HoldEvent, LoseEvent)
_UNION = Annotated[
    LoseRequest
    | LoseAcknowledgement
    | LateAnswer
    | DelayArrival
    | Refuse
    | ErrorAfter
    | DuplicateEvent
    | HoldEvent
    | LoseEvent
    | RefuseLogin
    | Hang
    | DropGraceful
    | DropAbrupt,
    Field(discriminator="kind"),
]


class Faults:
    """Takes faults over the control endpoint, hands them to what they hit, and counts that.

    Parameters
    ----------
    at_once
        Carries out a fault that hits no request.
    """

    def __init__(self, at_once: Callable[[NearFault], None]) -> None:
        self._adapter: TypeAdapter[NearFault] = TypeAdapter(_UNION)
        self._at_once = at_once
        self._armory: Armory[NearFault] = Armory()
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
        if isinstance(fault, EVENTS) and fault.operation not in (QUOTE, STATUS):
            raise FaultError(f"operation of {type(fault).__name__} is {QUOTE} or {STATUS}, not {fault.operation!r}")
        if fault.operation != NOW:
            self._armory.add(fault)
        elif isinstance(fault, AT_ONCE):
            self._at_once(fault)
        else:
            raise FaultError(f"{type(fault).__name__} hits a request; name its operation, such as {ANSWER}")

    def clear(self) -> None:
        """Disarm every fault."""
        self._armory.clear()

    def take(self, operation: str, account: str = "", quote: str = "") -> NearFault | None:
        """Count a request or an event; return the fault that hits it."""
        self.requests[operation] += 1
        facts = RequestFacts(operation, account, order=quote)
        return self._armory.take(lambda armed: armed.hits(facts))


def _first(error: ValidationError) -> str:
    detail: Any = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}" if place else str(detail["msg"])
