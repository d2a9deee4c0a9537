"""How each defect is looked for: a short campaign with much of the trouble that shows it, and what it has to show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from event_trading_app.executor.parts import Point

from chaos.events.campaign import Campaign, Outcome, Windows
from chaos.events.worker import IN_A_SEND
from chaos.trouble import Weights

__all__ = ["PREY", "Prey"]

FEW = 60
OPEN = Windows(60.0, 60.0)
IN_SENDS = {point.name: 0.06 for point in IN_A_SEND}


@dataclass(frozen=True, slots=True)
class Prey:
    """What is hunted, and where.

    Attributes
    ----------
    fault
        What the verdict has to count.
    chances, stops, weights, windows, stopped, phases, minutes
        Of the campaign.
    """

    name: str
    fault: str
    chances: Mapping[str, float] = field(default_factory=dict[str, float])
    stops: Mapping[str, float] = field(default_factory=dict[str, float])
    weights: Weights = field(default_factory=dict[str, float])
    windows: Windows = OPEN
    stopped: float = 9.0
    commands: int = FEW
    phases: Sequence[tuple[float, int]] = ((0.2, 1), (0.8, 3), (1.0, 1))
    minutes: float = 3.0

    def shown(self, outcome: Outcome) -> bool:
        """Whether an outcome shows what the defect has to do."""
        return getattr(outcome.verdict, self.fault) > 0

    def hunt(self, campaign: Campaign) -> Campaign:
        """Return the campaign that looks for it."""
        return replace(
            campaign,
            mutant=self.name,
            commands=self.commands,
            chances=self.chances,
            stops=self.stops,
            weights=self.weights,
            windows=self.windows,
            stopped_seconds=self.stopped,
            phases=self.phases,
            minutes=self.minutes,
            rewinds=False,
            settles=self.fault == "lost",
            calm_seconds=25.0,
        )


_PREY = (
    Prey("no-ledger", "duplicates", chances=IN_SENDS, weights={"salt": 1}),
    # One of three stands still at a time, most often: then there is somebody who takes its partition over.
    Prey("no-epoch", "stale", stops={Point.LEAVING.name: 0.05}, commands=150, phases=((0.05, 1), (1.0, 3))),
    Prey("sign-again", "duplicates", chances=IN_SENDS),
    Prey("commit-first", "lost", chances={Point.TAKEN.name: 0.06, Point.RECORDED.name: 0.06}),
    Prey("send-late", "late", stops={Point.LEAVING.name: 0.3}, windows=Windows(3.0, 3.0), stopped=2.6),
    Prey("keep-lease", "lost", windows=Windows(40.0, 40.0), phases=((0.1, 1), (1.0, 3)), commands=120, minutes=1.5),
)
PREY: Mapping[str, Prey] = {prey.name: prey for prey in _PREY}
"""By the name of the defect."""
