"""What a server is told to do wrong, and what it was asked to do."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, cast

__all__ = ["ANY", "Armory", "Body", "Fault", "FaultBook", "FaultError", "FaultKind", "Repeated"]

ANY = "*"
"""The operation of a fault that hits every operation."""


class FaultError(ValueError):
    """A fault that was asked for makes no sense."""


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    HTTP_ERROR = "http_error"
    """An error is answered, and the request has no effect."""
    DROP_AFTER = "drop_after"
    """The request has its effect, but the answer is lost: the connection is reset."""
    SILENT = "silent"
    """The request has its effect, but it is never answered; the connection stays open."""
    SLOW = "slow"
    """The request waits before it has its effect, also when the client has gone away by then."""
    RATE_LIMIT = "rate_limit"
    """The request is refused as one too many, and has no effect."""
    DROP_BEFORE = "drop_before"
    """The connection is reset, and the request has no effect."""


class Body(StrEnum):
    """What an ``http_error`` is answered with."""

    ERROR = "error"
    """An error in the server's own shape."""
    HTML = "html"
    """A page, as something before the server answers; its status may be one of success."""
    EMPTY = "empty"
    """An object of JSON that has nothing in it, with status 200."""


_STATUSES = {Body.ERROR: (400, 599), Body.HTML: (200, 599), Body.EMPTY: (200, 200)}
"""The statuses that each body comes with."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes
    ----------
    kind
        What goes wrong.
    operation
        The operation it hits; the server's documentation names them.
    times
        How many requests it hits; None for all of them until the faults are cleared.
    skip
        How many requests it lets pass first.
    status
        The HTTP status of ``http_error``; 503 if a document does not name one, 200 with an empty body.
    seconds
        How long ``slow`` waits.
    body
        What ``http_error`` answers.
    """

    kind: FaultKind
    operation: str = ANY
    times: int | None = 1
    skip: int = 0
    status: int = 503
    seconds: float = 0.0
    body: Body = Body.ERROR

    @classmethod
    def read(cls, document: object) -> Fault:
        """Read a fault from a JSON document.

        Raises
        ------
        FaultError
            It is not one.
        """
        if not isinstance(document, dict):
            raise FaultError(f"a fault is a JSON object, not {document!r}")
        values = cast(dict[str, Any], document)
        if values.get("kind") not in set(FaultKind):
            raise FaultError(f"kind is one of {', '.join(FaultKind)}, not {values.get('kind')!r}")
        if unknown := set(values) - {field.name for field in fields(cls)}:
            raise FaultError(f"a fault has no {', '.join(sorted(unknown))}")
        others = {name: value for name, value in values.items() if name != "kind"}
        fault = cls(FaultKind(values["kind"]), **{**others, **_body(others)})
        fault.check()
        return fault

    def check(self) -> None:
        """Raise `FaultError` unless every number is one that can be kept."""
        if type(self.operation) is not str:
            raise FaultError(f"operation is a text, not {self.operation!r}")
        if self.times is not None and (type(self.times) is not int or self.times < 1):
            raise FaultError(f"times is a number from 1 on, or null for ever, not {self.times!r}")
        if type(self.skip) is not int or self.skip < 0:
            raise FaultError(f"skip is a number from 0 on, not {self.skip!r}")
        least, most = _STATUSES[self.body]
        if type(self.status) is not int or not least <= self.status <= most:
            raise FaultError(f"with body {self.body} status is from {least} to {most}, not {self.status!r}")
        if self.body is not Body.ERROR and self.kind is not FaultKind.HTTP_ERROR:
            raise FaultError(f"body is of http_error, not of {self.kind}")
        if type(self.seconds) not in (int, float) or not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise FaultError(f"seconds is a number from 0 on, not {self.seconds!r}")


def _body(values: dict[str, Any]) -> dict[str, Any]:
    """Return the body that a document names, with the status that it has if the document names none."""
    name = values.get("body", Body.ERROR)
    if name not in list(Body):
        raise FaultError(f"body is one of {', '.join(Body)}, not {name!r}")
    usual = {"status": _STATUSES[Body.EMPTY][0]} if name == Body.EMPTY and "status" not in values else {}
    return {"body": Body(name), **usual}


class Repeated(Protocol):
    """A fault that hits ``times`` requests (None: all) after it has let ``skip`` pass."""

    @property
    def times(self) -> int | None: ...  # noqa: D102

    @property
    def skip(self) -> int: ...  # noqa: D102


F = TypeVar("F", bound=Repeated)


@dataclass(slots=True)
class _Armed(Generic[F]):
    fault: F
    skip: int
    times: float


class Armory(Generic[F]):
    """The faults that are still to hit, in the order in which they were armed."""

    def __init__(self) -> None:
        self._armed: list[_Armed[F]] = []

    def add(self, fault: F) -> None:
        """Arm a fault, behind those that are armed already."""
        self._armed.append(_Armed(fault, fault.skip, math.inf if fault.times is None else fault.times))

    def clear(self) -> None:
        """Disarm every fault."""
        self._armed.clear()

    def take(self, hits: Callable[[F], bool]) -> F | None:
        """Return the fault that hits a request: the first one meant for it that skips no more."""
        return next(self._hitting(hits), None)

    def take_all(self, hits: Callable[[F], bool]) -> list[F]:
        """Return every fault that hits a request."""
        return list(self._hitting(hits))

    def _hitting(self, hits: Callable[[F], bool]) -> Iterator[F]:
        for armed in list(self._armed):
            if not hits(armed.fault):
                continue
            if armed.skip:
                armed.skip -= 1
                continue
            armed.times -= 1
            if armed.times == 0:
                self._armed.remove(armed)
            yield armed.fault


class FaultBook:
    """The faults that are still to hit, and the count of requests by operation.

    Parameters
    ----------
    hits
        Whether a fault's operation, the first argument, is that of a request, the second; equal texts by default.
    """

    def __init__(self, hits: Callable[[str, str], bool] = operator.eq) -> None:
        self.requests: Counter[str] = Counter()
        self._hits = hits
        self._armory: Armory[Fault] = Armory()

    def add(self, fault: Fault) -> None:
        """Arm a fault, behind those that are armed already."""
        self._armory.add(fault)

    def clear(self) -> None:
        """Disarm every fault."""
        self._armory.clear()

    def take(self, operation: str) -> Fault | None:
        """Return the fault that hits a request: the first one armed for it that skips no more."""
        return self._armory.take(lambda fault: fault.operation == ANY or self._hits(fault.operation, operation))
