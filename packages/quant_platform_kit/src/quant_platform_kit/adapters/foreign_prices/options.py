"""What a person says about a source that it does not say itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["DateOrder", "ImportOptions"]


class DateOrder(Enum):
    """Which of day and month comes first in dates such as 01/02/2023."""

    MONTH_FIRST = "month-first"
    DAY_FIRST = "day-first"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How sources are to be read.

    Attributes
    ----------
    symbol
        Of a source of a single symbol that does not name it.
    adjustment, adj_close_adjustment
        What closes and adjusted closes carry, of a source that does not show it.
    dates
        Order of day and month; None refuses dates that have one.
    thousands, currency, decimal_comma
        Numbers may be written as 1,234.5, as $12, as 12,5 (with ``thousands`` as 1.234,5).
    missing
        Texts that stand for a missing price, beside the common ones.
    columns
        Name of a column by what it is to be taken for: date, symbol, close and so on.
    since
        Rows before this date are left out.
    sessions_only
        Rows of days without a session are left out, unless a shift explains them.
    """

    symbol: str | None = None
    adjustment: Adjustment | None = None
    adj_close_adjustment: Adjustment | None = None
    dates: DateOrder | None = None
    thousands: bool = False
    currency: bool = False
    decimal_comma: bool = False
    missing: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    since: date | None = None
    sessions_only: bool = False

    @property
    def plain_numbers(self) -> bool:
        """Whether numbers are written as 1234.5 only."""
        return not (self.thousands or self.currency or self.decimal_comma)

    def words(self) -> list[str]:
        """Return the options as words of a command line."""
        found: list[str] = []
        found += ["--symbol", self.symbol] if self.symbol else []
        for name in ("adjustment", "adj_close_adjustment"):
            carried: Adjustment | None = getattr(self, name)
            found += [f"--{name.replace('_', '-')}", carried.value] if carried else []
        found += ["--dates", self.dates.value] if self.dates else []
        flags = ("thousands", "currency", "decimal_comma", "sessions_only")
        found += [f"--{name.replace('_', '-')}" for name in flags if getattr(self, name)]
        for name, source in self.columns.items():
            found += ["--column", f"{name}={source}"]
        for text in self.missing:
            found += ["--missing", text]
        return [*found, "--since", str(self.since)] if self.since else found
