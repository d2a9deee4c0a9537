"""LongBridge on this machine: the LongBridge venue and the LongBridge app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.platform import Platform

__all__ = ["LongBridgePlatform", "settings_at"]


def settings_at(venue: Server, account: str) -> dict[str, str]:
    """Return the settings that lead the app to an account of a LongBridge venue.

    An account of the sandbox needs no other switch than the first.
    """
    login = venue.control("GET", "login")
    address = f"127.0.0.1:{venue.port}"
    return {
        "ACCOUNT_PREFIX": "HK",
        "ACCOUNT_REGION": "HK",
        "LONGBRIDGE_ACCOUNT": account,
        "LONGBRIDGE_HTTP_URL": f"http://{address}",
        "LONGBRIDGE_QUOTE_WS_URL": f"ws://{address}/ws/quote",
        "LONGBRIDGE_TRADE_WS_URL": f"ws://{address}/ws/trade",
        "LONGPORT_APP_KEY": login["key"],
        "LONGPORT_APP_SECRET": login["secret"],
        "LONGPORT_ACCESS_TOKEN": login["tokens"][account],
        "LONGBRIDGE_DRY_RUN_ONLY": "false",
        "LONGBRIDGE_SETTLE_SECONDS": "1",
        "LONGBRIDGE_TIMEOUT_SECONDS": "5",
        "LONGBRIDGE_TRADE_CALLS": "0",
    }


@dataclass
class LongBridgePlatform(Platform):
    """The LongBridge venue and the LongBridge app.

    Parameters
    ----------
    opens_at
        What time it is when the venue starts, aware UTC.
    """

    opens_at: str = "2023-06-02T14:00:00+00:00"

    app: ClassVar[str] = "longbridge_app"
    name: ClassVar[str] = "longbridge"

    def start_venue(self) -> Server:
        """Start the LongBridge venue."""
        funded = ("--account", f"{self.account}={self.cash}", "--clock", self.opens_at, "--prices", str(self.prices))
        return Server("venue_sandbox.venues.longbridge", "--folder", str(self.folder / "venue"), *funded)

    def venue_settings(self) -> Mapping[str, str]:
        """Return where the venue is."""
        return settings_at(self.venue, self.account)

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's time."""
        self.venue.fault("clock", instant=instant.isoformat())

    def sent(self) -> list[str]:
        """Return the remarks that reached the venue."""
        return [order["ticket"]["reference"] for order in self.venue.control("GET", "book")["orders"]]
