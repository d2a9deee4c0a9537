"""How an order to close becomes orders that SHFE and INE understand: nothing is cut, too little is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tq_broker_app.settings import Split
from tq_broker_app.trading.contracts import SPLIT_EXCHANGES, Contract, Holding
from tq_broker_app.trading.plans import CLOSE_SUFFIX, CLOSETODAY_SUFFIX, Child, Wanted

__all__ = ["Reserved", "TooLittle", "split"]


class TooLittle(ValueError):
    """There is less to close than was asked for."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """Lots of a holding that our own orders will close, and that the exchange has not frozen yet."""

    today: int = 0
    history: int = 0

    @classmethod
    def of(cls, children: Iterable[Child]) -> Reserved:
        """Return what children will close on an exchange that tells the parts apart."""
        today = history = 0
        for child in children:
            if child.offset == "CLOSETODAY":
                today += child.volume
            elif child.offset == "CLOSE":
                history += child.volume
        return cls(today, history)


def split(wanted: Wanted, contract: Contract, holding: Holding, reserved: Reserved, first: Split) -> tuple[Child, ...]:
    """Return the children of an order.

    Parameters
    ----------
    holding
        What is held on the side that it closes, as the exchange says.
    reserved
        What of it our own orders will close that the exchange does not show yet.

    Raises
    ------
    TooLittle
        Less can be closed than was asked for; the message names both.
    """
    if contract.exchange not in SPLIT_EXCHANGES or wanted.offset == "OPEN":
        offset = "CLOSE" if wanted.offset == "CLOSETODAY" else wanted.offset
        return (Child(wanted.order_id, offset, wanted.volume),)
    today = max(0, holding.today - holding.today_frozen - reserved.today)
    history = max(0, holding.history - holding.history_frozen - reserved.history)
    if wanted.offset == "CLOSETODAY":
        _require(wanted, today, f"{today} of today")
        return (Child(wanted.order_id, "CLOSETODAY", wanted.volume),)
    _require(wanted, today + history, f"{today} of today and {history} of earlier days")
    takes_today = min(today, wanted.volume) if first is Split.TODAY else wanted.volume - min(history, wanted.volume)
    parts = {
        Split.TODAY: Child(wanted.order_id + CLOSETODAY_SUFFIX, "CLOSETODAY", takes_today),
        Split.HISTORY: Child(wanted.order_id + CLOSE_SUFFIX, "CLOSE", wanted.volume - takes_today),
    }
    order = (Split.TODAY, Split.HISTORY) if first is Split.TODAY else (Split.HISTORY, Split.TODAY)
    return tuple(parts[part] for part in order if parts[part].volume)


def _require(wanted: Wanted, free: int, told: str) -> None:
    if free < wanted.volume:
        raise TooLittle(
            f"{wanted.offset} {wanted.volume} of {wanted.symbol}: {told} can be closed on the {wanted.held_side} side"
        )
