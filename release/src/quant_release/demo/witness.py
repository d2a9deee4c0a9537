"""Who looks on while services are moved: how long each was held, what reached its venue, and what it did once open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from quant_platform_kit.domain.runs import Outcome

from quant_release.demo.services import Services
from quant_release.demo.triggers import Firing, Triggers
from quant_release.demo.venues import Sent, text_of
from quant_release.run.journal import StepListener
from quant_release.steps.machine import StepFailed, Subject
from quant_release.steps.table import Row, Scope

__all__ = ["Mark", "Witness"]

_TRADED = Outcome.COMPLETED.value
_AFTERWARDS = 2
"""How many triggers have to do nothing after the one that trades."""
_TRADE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant of a service: in seconds of a clock that only goes on, and what had reached its venue by then."""

    at: float
    sent: Sequence[Sent]


class Witness:
    """Is told about every step, and notes the instants at which a service is held and opened.

    Parameters
    ----------
    listener
        Is told likewise.
    """

    def __init__(self, services: Services, triggers: Triggers, listener: StepListener | None = None) -> None:
        self._services, self._triggers, self._listener = services, triggers, listener
        self._held: dict[str, Mark] = {}
        self._opened: dict[str, Mark] = {}

    def __call__(self, what: str, row: Row, subject: Subject) -> None:
        """Take note of a step."""
        if self._listener is not None:
            self._listener(what, row, subject)
        if subject.scope is Scope.SERVICE and (what, row.step) == ("ended", "hold"):
            self._held[subject.name] = self.mark(subject.name)
        if subject.scope is Scope.SERVICE and (what, row.step) == ("begins", "open"):
            self._opened[subject.name] = self.mark(subject.name)

    def mark(self, service: str) -> Mark:
        """Return how a service stands now."""
        return Mark(time.monotonic(), self._services.venues.sent(self._services.apps[service]))

    def seconds_held(self, service: str) -> float:
        """Return how long a service was held, or has been until now."""
        opened = self._opened.get(service)
        held = self._held[service]
        return (opened.at if opened and opened.at > held.at else time.monotonic()) - held.at

    def while_held(self, service: str) -> Sequence[Firing]:
        """Return the triggers of a service that came and were answered between its hold and its opening.

        Raises
        ------
        StepFailed
            An order reached the venue meanwhile.
        """
        held, opened = self._held[service], self._opened[service]
        if sent := opened.sent[len(held.sent) :]:
            raise StepFailed(f"{service} was held, and sent {text_of(sent)}: this is a defect, please report it")
        return [one for one in self._triggers.firings(service) if held.at <= one.began and one.ended <= opened.at]

    def traded_once(self, service: str, since: Mark | None = None) -> Sequence[Sent]:
        """Wait until a service has traded since it was opened, and then had nothing to do; return its orders.

        Raises
        ------
        StepFailed
            It traded more than once, or a symbol twice.
        Unhealthy
            It did not trade, or is not triggered any more.
        """
        since = since or self._opened[service]
        self._triggers.wait_for(service, _has_traded_and_rests, since.at, _TRADE_SECONDS)
        outcomes = [one.outcome for one in self._triggers.firings(service, since.at)]
        sent = self.mark(service).sent[len(since.sent) :]
        if outcomes.count(_TRADED) != 1 or len({one.symbol for one in sent}) != len(sent):
            raise StepFailed(f"{service} was to trade once: it sent {text_of(sent)}; triggers: {', '.join(outcomes)}")
        return sent


def _has_traded_and_rests(firings: Sequence[Firing]) -> bool:
    """Whether a trigger traded, and enough of those after it had nothing to do."""
    outcomes = [one.outcome for one in firings]
    return _TRADED in outcomes and outcomes[outcomes.index(_TRADED) :].count(Outcome.NO_ACTION.value) >= _AFTERWARDS
