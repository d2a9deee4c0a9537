"""Interactive Brokers on this machine: the TWS venue and the IBKR app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.platform import Platform

__all__ = ["IbkrPlatform", "settings_at"]


def settings_at(venue: Server) -> dict[str, str]:
    """Return the settings that lead the app to a TWS venue; a paper account needs no other switch than the first."""
    return {
        "IBKR_GATEWAY_PORT": str(venue.port),
        "IBKR_DRY_RUN_ONLY": "false",
        "IBKR_SETTLE_SECONDS": "1",
        "IBKR_TIMEOUT_SECONDS": "5",
    }


@dataclass
class IbkrPlatform(Platform):
    """The TWS venue and the IBKR app.

    Parameters
    ----------
    opens_at
        What time it is when the venue starts, aware UTC.
    """

    opens_at: str = "2023-06-02T14:00:00+00:00"

    app: ClassVar[str] = "ibkr_app"
    name: ClassVar[str] = "ibkr"

    def start_venue(self) -> Server:
        """Start the TWS venue."""
        funded = ("--account", f"{self.account}={self.cash}", "--clock", self.opens_at, "--prices", str(self.prices))
        return Server("venue_sandbox.venues.tws", "--folder", str(self.folder / "venue"), *funded)

    def venue_settings(self) -> Mapping[str, str]:
        """Return where the Gateway is."""
        return settings_at(self.venue)

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's time."""
        self.venue.fault("clock", instant=instant.isoformat())

    def sent(self) -> list[str]:
        """Return the order references that reached the venue."""
        return [order["ticket"]["reference"] for order in self.venue.control("GET", "book")["orders"]]
