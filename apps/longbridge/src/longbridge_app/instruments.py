"""Lots and currencies, asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quant_platform_kit.adapters.blocking_client import Deadline
from quant_platform_kit.adapters.longbridge_inputs import market_symbol

from longbridge_app.beliefs import INSTRUMENT
from longbridge_app.rows import Instrument
from longbridge_app.worker import Worker

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
        self._expected: set[str] = set()

    def prepare(self) -> None:
        """Have the connection made, while another one is, for the first question to it."""
        self._worker.start("member_id")

    def expect(self, symbols: Iterable[str]) -> None:
        """Learn which symbols of the kit may be asked for: the first question is about all of them."""
        self._expected.update(map(market_symbol, symbols))

    def of(self, symbol: str, deadline: Deadline) -> Instrument | None:
        """Return lot and currency of a symbol of the kit, None if it is not known; raises as a look-up."""
        name = market_symbol(symbol)
        if name not in self._known:
            wanted = sorted({name} | self._expected - self._known.keys())
            with self._worker.turn("lots and currencies"):
                found: Sequence[Instrument] = self._worker.rows(
                    INSTRUMENT, "instruments", wanted, what="lots and currencies", deadline=deadline
                )
            self._expected.clear()
            self._known.update({one.symbol: one for one in found})
        return self._known.get(name)
