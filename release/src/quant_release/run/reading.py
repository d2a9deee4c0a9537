"""What a release goes by, at one instant: the checkout and its origin, and what the bundle makes of them."""

from __future__ import annotations

from datetime import date

from quant_release.bundle import Bundle
from quant_release.repository.git import Git
from quant_release.repository.observed import ObservedState
from quant_release.run.desired import DesiredState

__all__ = ["Reading"]


class Reading:
    """What was read for a bundle, kept until it is refreshed; ``on`` is the date of changelog headings, UTC.

    Attributes
    ----------
    pins_at
        Of a rollback, the commit whose pins the apps are to have again.
    via
        The branch that a person merges into the origin's; None where that one takes pushes.
    """

    def __init__(self, git: Git, bundle: Bundle, on: date) -> None:
        self.git, self.bundle, self.on = git, bundle, on
        self.pins_at: str | None = None
        self.via: str | None = None
        self.refresh()

    def refresh(self) -> None:
        """Forget what was read."""
        self.observed = ObservedState(self.git)
        self.desired = DesiredState(self.observed, self.bundle, self.on, self.pins_at)
