"""What the services ask of a price source."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Protocol

from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.domain.prices import PriceHistory

__all__ = ["MarketData"]


class MarketData(Protocol):
    """Completed daily history and present quotes."""

    def history(self, symbols: Sequence[str], until: date, sessions: int) -> PriceHistory:
        """Return closes of at least the last ``sessions`` completed sessions up to and including ``until``.

        Every calendar session is a row; a missing bar is NaN; an unfinished bar is never included.
        """
        ...

    def quotes(self, symbols: Collection[str]) -> Mapping[str, Quote]:
        """Return the quotes known now, 6 decimals; a symbol without one is absent."""
        ...
