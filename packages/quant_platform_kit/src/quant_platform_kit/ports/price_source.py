"""Where daily prices are pulled from into a file."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["DailyBar", "OpenPriceSource", "PriceSource"]


@dataclass(frozen=True, slots=True)
class DailyBar:
    """One finished session of one symbol, in its currency; what the source does not deliver is None.

    Attributes
    ----------
    day
        Exchange-local date.
    close, open
        Of the series that the source declares.
    adj_close
        Adjusted for splits and dividends.
    high, low
        Of the same series as the close.
    volume
        Units traded.
    """

    day: date
    close: float
    adj_close: float | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float | None = None


class PriceSource(Protocol):
    """A source of daily bars."""

    @property
    def adjustment(self) -> Adjustment:
        """What closes and opens carry; ``adj_close`` carries total return always."""
        ...

    def daily(self, symbols: Sequence[str], years: int, until: date) -> Mapping[str, Sequence[DailyBar]]:
        """Return the bars of the last ``years`` years up to and including ``until``, ascending, none unfinished.

        A symbol that is not known, or has no bars in that time, is absent or has none.

        Raises
        ------
        QuantError
            The source cannot be reached, or refuses.
        """
        ...


OpenPriceSource = Callable[[], AbstractContextManager[PriceSource]]
"""Opens a source: reads its settings from the environment, logs in, and logs out when its context is left."""
