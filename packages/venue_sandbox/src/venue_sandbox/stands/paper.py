"""The paper platform on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from quant_platform_kit.paper.client import control
from quant_platform_kit.paper.venue import Fault

from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.platform import Platform

__all__ = ["PaperPlatform"]


@dataclass
class PaperPlatform(Platform):
    """The paper venue and the paper app.

    Parameters
    ----------
    price_field
        The series of the price file, for history and quotes.
    """

    price_field: str = "adj_close"

    app: ClassVar[str] = "paper_app"
    name: ClassVar[str] = "paper"

    def start_venue(self) -> Server:
        """Start the paper venue."""
        series = ("--prices", str(self.prices), "--price-field", self.price_field)
        venue = Server("quant_platform_kit.paper.venue", "--folder", str(self.folder / "venue"), *series)
        control(venue.port, op="fund", account=self.account, cash=str(self.cash))
        return venue

    def venue_settings(self) -> Mapping[str, str]:
        """Return account, port and price file."""
        return {
            "PAPER_ACCOUNT": self.account,
            "PAPER_VENUE_PORT": str(self.venue.port),
            "PAPER_PRICES": str(self.prices.resolve()),
            "PAPER_PRICE_FIELD": self.price_field,
        }

    def set_clock(self, instant: datetime) -> None:
        """Set the account's time."""
        control(self.venue.port, op="clock", account=self.account, instant=instant.isoformat())

    def sent(self) -> list[str]:
        """Return the client order ids that reached the venue."""
        return [order["order"]["client_order_id"] for order in self.orders()]

    def fault(self, *faults: Fault) -> None:
        """Arm faults of the venue: each strikes one order."""
        control(self.venue.port, op="fault", account=self.account, faults=[fault.value for fault in faults])

    def orders(self) -> list[dict[str, Any]]:
        """Return every order that reached the venue, and where it stands."""
        return control(self.venue.port, op="dump", account=self.account)["orders"]
