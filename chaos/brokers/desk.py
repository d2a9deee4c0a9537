"""What a campaign knows of a broker: a venue in a process of its own, what it can do wrong, and the way to it."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from quant_platform_kit.domain.orders import Order
from quant_platform_kit.ports.broker import Broker
from quant_platform_kit.ports.versioned_store import VersionedStore
from venue_sandbox.servers.launch import Server

from chaos.strategy import write_prices

__all__ = ["CASH", "VENUE_DAY", "Desk", "Door", "Side", "arm_each", "filled_by_remark", "options"]

CASH = Decimal(100_000)
VENUE_DAY = "2023-06-02T14:30:00+00:00"

Faults = Sequence[tuple[float, Mapping[str, Any]]]
"""Faults, and in what share of the runs each is armed."""


class Door(Protocol):
    """How a worker reaches the venue: all that goes to its process."""

    def broker(self, account: str, store: VersionedStore) -> Broker:
        """Return a client of an account, as a process that has just started has it."""
        ...


class Desk(Protocol):
    """A venue that runs, for the accounts of a campaign."""

    @property
    def door(self) -> Door:
        """How workers reach it."""
        ...

    @property
    def lease(self) -> timedelta:
        """The shortest lease that the broker's timeouts fit into."""
        ...

    @property
    def sends_once(self) -> bool:
        """Whether a worker that dies within a send may leave an order that only an operator can settle."""
        ...

    def arm(self, account: str, rng: random.Random) -> Sequence[str]:
        """Plan what goes wrong with the next run of an account; return what of it may rightly end in a block."""
        ...

    def filled(self, account: str, intended: Sequence[Order], store: VersionedStore) -> Mapping[str, Decimal]:
        """Return units filled by client order id; what no intended order explains is under another name."""
        ...


@dataclass(frozen=True)
class Side:
    """A kind of broker: how its venue is served for a folder and accounts, and how many accounts trade at a time."""

    serve: Callable[[Path, Sequence[str]], AbstractContextManager[Desk]]
    lanes: int


def options(folder: Path, name: str, accounts: Iterable[str]) -> tuple[str, ...]:
    """Return the command line of a venue in a subfolder, at which every symbol of the campaign has one price."""
    prices = write_prices(folder / "prices.csv", ("2023-05-31", "2023-06-01", "2023-06-02", "2023-06-05"))
    funded = [word for account in accounts for word in ("--account", f"{account}={CASH}")]
    return ("--folder", str(folder / name), "--prices", str(prices), "--clock", VENUE_DAY, *funded)


def arm_each(venue: Server, account: str, faults: Faults, rng: random.Random) -> Sequence[str]:
    """Arm each fault with its probability; return those that were, by kind and number."""
    drawn = [fault for share, fault in faults if rng.random() < share]
    for fault in drawn:
        venue.control("POST", "faults", {"account": account, "skip": rng.choice((0, 0, 1)), **fault})
    return [" ".join(str(fault[name]) for name in ("kind", "code", "status") if name in fault) for fault in drawn]


def filled_by_remark(venue: Server, account: str) -> Mapping[str, Decimal]:
    """Return units filled at a venue whose orders carry the client order id; a second order of one id stands apart."""
    filled: dict[str, Decimal] = {}
    for order in venue.control("GET", "book")["orders"]:
        if order["ticket"]["account"] != account:
            continue
        name = order["ticket"]["reference"]
        filled[f"{name} again, number {order['number']}" if name in filled else name] = Decimal(order["filled"])
    return {name: units for name, units in filled.items() if units or " again" in name}
