"""Where the outcomes of trials are kept, and where they are counted."""

from collections.abc import Sequence
from typing import Protocol

from quant_platform_kit.domain.sweeping import Counted, Outcome, Trial

__all__ = ["TrialRecords"]


class TrialRecords(Protocol):
    """Outcomes by trial, so that a sweep goes on where it stopped, and the journal of all trials ever made.

    Whatever was counted stays counted; a trial that is counted again is one trial.
    """

    def find(self, trial: Trial) -> Outcome | None:
        """Return the outcome of a trial that was kept whole, or None."""
        ...

    def keep(self, trial: Trial, outcome: Outcome) -> None:
        """Keep an outcome, whole or not at all."""
        ...

    def count(self, trial: Trial, until: str, sharpe: float) -> None:
        """Count a trial, unless it is counted already.

        Parameters
        ----------
        until
            The last session that a choice is made on (ISO date): the same configuration is another trial on others.
        sharpe
            Of one session, in the sessions up to it.
        """
        ...

    def counted(self, trials: Sequence[Trial], until: str) -> Counted:
        """Return what the journal knows now; ``trials`` are those of this sweep."""
        ...
