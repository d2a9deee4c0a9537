"""What goes wrong at the trade server, and to whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from venue_sandbox.exchange.faults import NOW, RequestFacts, Seconds, VenueFault
from venue_sandbox.servers.faults import Armory, FaultError

__all__ = [
    "FAULTS",
    "Coalesce",
    "DelayAccept",
    "DelayArrival",
    "DiffFault",
    "DropAbrupt",
    "DropGraceful",
    "Faults",
    "FillRacesCancel",
    "Hang",
    "LateTrade",
    "LoseInsert",
    "RefuseLogin",
    "Reject",
    "RejectCancel",
]

INSERT, CANCEL, LOGIN = "insert", "cancel", "login"


class DiffFault(VenueFault):
    """One thing that goes wrong; ``user``, ``symbol`` and ``order`` choose among requests, None means any."""

    operation: str = INSERT
    user: str | None = None
    symbol: str | None = None
    order: str | None = None

    def hits(self, facts: RequestFacts) -> bool:
        """Whether a request is one that the fault is meant for."""
        chosen = ((self.user, facts.account), (self.symbol, facts.symbol), (self.order, facts.order))
        return super().hits(facts) and all(wish in (None, fact) for wish, fact in chosen)


class DelayAccept(DiffFault):
    """The order is shown as submitted; the exchange accepts it after ``seconds``."""

    kind: Literal["delay_accept"]
    seconds: Seconds = 0.5


class DelayArrival(DiffFault):
    """The insert or the cancel reaches the venue after ``seconds``: what is sent later may overtake it."""

    kind: Literal["delay_arrival"]
    seconds: Seconds = 0.5


class Reject(DiffFault):
    """The order is refused with ``text``."""

    kind: Literal["reject"]
    text: str = "CTP:报单被沙盒拒绝"


class LoseInsert(DiffFault):
    """The insert never arrives."""

    kind: Literal["lose_insert"]


class Coalesce(DiffFault):
    """The order trades in ``fills`` trades that are told at once, with its end."""

    kind: Literal["coalesce"]
    fills: Annotated[int, Field(ge=1)] = 3


class LateTrade(DiffFault):
    """The order's trades are told ``seconds`` after the order itself: it has FINISHED by then."""

    kind: Literal["late_trade"]
    seconds: Seconds = 0.3


class RejectCancel(DiffFault):
    """The cancel is refused with ``text``; the order stays."""

    kind: Literal["reject_cancel"]
    operation: str = CANCEL
    text: str = "CTP:撤单被沙盒拒绝"


class FillRacesCancel(DiffFault):
    """The order fills before the cancel reaches it."""

    kind: Literal["fill_races_cancel"]
    operation: str = CANCEL


class RefuseLogin(DiffFault):
    """The login is refused with ``text``."""

    kind: Literal["refuse_login"]
    operation: str = LOGIN
    text: str = "CTP:不合法的登录"


class Hang(DiffFault):
    """The request has its effect; from then on the user's connections stay open and nothing is told on them."""

    kind: Literal["hang"]
    operation: str = NOW


class Drop(DiffFault):
    """Connections end, of the ``user`` or of all: now, or at a request, which ``applied`` lets have its effect."""

    operation: str = NOW
    socket: Literal["td", "md"] = "td"
    applied: bool = True


class DropGraceful(Drop):
    """Connections are closed in order, with code 1000."""

    kind: Literal["drop_graceful"]


class DropAbrupt(Drop):
    """Connections are reset."""

    kind: Literal["drop_abrupt"]


FAULTS: tuple[type[DiffFault], ...] = (
    *(DelayAccept, DelayArrival, Reject, LoseInsert, Coalesce, LateTrade),
    *(RejectCancel, FillRacesCancel, RefuseLogin, Hang, DropGraceful, DropAbrupt),
)
AT_ONCE = (Hang, Drop)
_UNION = Annotated[
    DelayAccept
    | DelayArrival
    | Reject
    | LoseInsert
    | Coalesce
    | LateTrade
    | RejectCancel
    | FillRacesCancel
    | RefuseLogin
    | Hang
    | DropGraceful
    | DropAbrupt,
    Field(discriminator="kind"),
]


class Faults:
    """Takes faults over the control endpoint, hands them to the requests they hit, and counts these.

    Parameters
    ----------
    at_once
        Carries out a fault that hits no request.
    """

    def __init__(self, at_once: Callable[[DiffFault], None]) -> None:
        self._adapter: TypeAdapter[DiffFault] = TypeAdapter(_UNION)
        self._at_once = at_once
        self._armory: Armory[DiffFault] = Armory()
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
        if fault.operation != NOW:
            self._armory.add(fault)
        elif isinstance(fault, AT_ONCE):
            self._at_once(fault)
        else:
            raise FaultError(f"{type(fault).__name__} hits a request; name its operation, such as {INSERT}")

    def clear(self) -> None:
        """Disarm every fault."""
        self._armory.clear()

    def take(self, facts: RequestFacts) -> DiffFault | None:
        """Count a request; return the fault that hits it."""
        self.requests[facts.operation] += 1
        return self._armory.take(lambda armed: armed.hits(facts))


def _first(error: ValidationError) -> str:
    detail: Any = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in detail["loc"])
    return f"{place}: {detail['msg']}" if place else str(detail["msg"])
