"""What goes wrong at a Gateway only, beside what goes wrong at every venue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from venue_sandbox.exchange.faults import Change, VenueFault

__all__ = ["TWS_FAULTS", "IdRollback", "MarketData", "Message", "Restart", "text_of"]

TEXTS = {
    1100: "Connectivity between IBKR and Trader Workstation has been lost.",
    1101: "Connectivity between IBKR and Trader Workstation has been restored - data lost. "
    "All data farms are connected.",
    1102: "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
    "All data farms are connected.",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
}


class Restart(Change):
    """The Gateway drops every connection, refuses new ones for ``seconds``, and serves again."""

    kind: Literal["restart"]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    id_rollback: bool = False


class IdRollback(Change):
    """The ids the Gateway gives out begin at ``next_id`` again, for every client."""

    kind: Literal["id_rollback"]
    next_id: Annotated[int, Field(ge=1)] = 1


class Message(Change):
    """Every client gets a message that belongs to no request, such as 1100 or 1102."""

    kind: Literal["message"]
    code: int
    text: str | None = None


class MarketData(Change):
    """The account may see live quotes of a symbol (of all, if none is named), delayed ones only, or none."""

    kind: Literal["market_data"]
    state: Literal["live", "delayed", "none"]
    symbol: str | None = None


TWS_FAULTS: tuple[type[VenueFault], ...] = (Restart, IdRollback, Message, MarketData)


def text_of(message: Message) -> str:
    """Return the words of a message; the usual ones of its code unless others were given."""
    return message.text if message.text is not None else TEXTS.get(message.code, f"Message {message.code}")
