"""Lots and currencies, asked for once."""

from __future__ import annotations

from collections.abc import Sequence

from quant_platform_kit.adapters.longbridge_inputs import market_symbol

from longbridge_app.rows import Instrument
from longbridge_app.worker import Deadline, Worker

__all__ = ["Instruments"]


class Instruments:
    """What LongBridge says of symbols that does not change within a run.

    Parameters
    ----------
    worker
        The connection of quotes, which is another one than that of orders.
    """

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._known: dict[str, Instrument] = {}

    def prepare(self) -> None:
        """Have the connection started, while another one is, for the first question to it."""
        self._worker.start()

    def of(self, symbol: str, deadline: Deadline) -> Instrument | None:
        """Return lot and currency of a symbol of the kit, None if it is not known; raises as a look-up."""
        name = market_symbol(symbol)
        if name not in self._known:
            with self._worker.turn("lots and currencies"):
                found: Sequence[Instrument] = self._worker.look(
                    "instruments", [name], what="lots and currencies", deadline=deadline
                )
            self._known.update({one.symbol: one for one in found})
        return self._known.get(name)
