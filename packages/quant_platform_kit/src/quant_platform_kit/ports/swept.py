"""What a sweep tries with many configurations."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from quant_platform_kit.domain.axes import Point
from quant_platform_kit.domain.sweeping import Outcome

__all__ = ["Swept"]


class Swept(Protocol):
    """A rule over a period of prices, its configuration left open. It goes to other processes."""

    @property
    def profile(self) -> str:
        """Its canonical name."""
        ...

    @property
    def display_name(self) -> str:
        """Its name for people."""
        ...

    @property
    def question(self) -> Mapping[str, object]:
        """All that an outcome depends on beside the configuration, as plain values, ``prices`` among them."""
        ...

    @property
    def sessions(self) -> Sequence[date]:
        """The sessions of the period (exchange-local dates)."""
        ...

    def config(self, point: Point) -> Mapping[str, object]:
        """Return the whole configuration of a point, as plain values.

        Raises
        ------
        InvalidInput
            A setting that is not known, or a value out of its bounds.
        """
        ...

    def outcome(self, point: Point) -> Outcome:
        """Return what a point makes.

        Raises
        ------
        InvalidInput
            It cannot be tested: the message says why.
        """
        ...
