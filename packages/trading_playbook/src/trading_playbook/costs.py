"""What trading costs, beside the results of the journal, which know nothing of it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from trading_playbook.figures import mean
from trading_playbook.journal.record import TradeRecord

__all__ = ["MOST_BASIS_POINTS", "Costs"]

MOST_BASIS_POINTS = 1000


class Costs(BaseModel):
    """Commission and slippage of each fill, in basis points of its price."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    commission_bps: float = Field(default=0.0, ge=0, le=MOST_BASIS_POINTS)
    slippage_bps: float = Field(default=0.0, ge=0, le=MOST_BASIS_POINTS)

    def of(self, record: TradeRecord) -> float | None:
        """Return what a closed trade costs, both ways, in units of what its stop put at risk; None for any other."""
        entry, leave, stop = record.entry_price, record.eod_exit_price, record.stop_price
        if entry is None or leave is None or stop is None:
            return None
        return (self.commission_bps + self.slippage_bps) / 10_000 * (entry + leave) / (entry - stop)

    def mean_of(self, records: Iterable[TradeRecord]) -> float | None:
        """Return the mean cost of closed trades, in R; None without any."""
        return mean([cost for record in records if (cost := self.of(record)) is not None])
