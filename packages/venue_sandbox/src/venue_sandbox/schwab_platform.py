"""Schwab on this machine: the Schwab venue and the Schwab app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from venue_sandbox.launch import Server
from venue_sandbox.platform import Platform

__all__ = ["SchwabPlatform"]


@dataclass
class SchwabPlatform(Platform):
    """The Schwab venue and the Schwab app, with a login of now.

    Parameters
    ----------
    opens_at
        What time it is when the venue starts, aware UTC.
    """

    opens_at: str = "2023-06-02T14:00:00+00:00"

    app: ClassVar[str] = "schwab_app"
    name: ClassVar[str] = "schwab"

    def start_venue(self) -> Server:
        """Start the Schwab venue, and log in at it."""
        funded = ("--account", f"{self.account}={self.cash}", "--clock", self.opens_at, "--prices", str(self.prices))
        server = Server("venue_sandbox.schwab", "--folder", str(self.folder / "venue"), *funded)
        (self.folder / "token.json").write_text(json.dumps(server.control("POST", "login")))
        return server

    def venue_settings(self) -> Mapping[str, str]:
        """Return where the venue is, and the first switch: an account of the sandbox needs no other."""
        return {
            "SCHWAB_API_URL": f"http://127.0.0.1:{self.venue.port}",
            "SCHWAB_APP_KEY": "sandbox-key",
            "SCHWAB_APP_SECRET": "sandbox-secret",
            "SCHWAB_TOKEN_PATH": str((self.folder / "token.json").resolve()),
            "SCHWAB_DRY_RUN_ONLY": "false",
            "SCHWAB_SETTLE_SECONDS": "1",
            "SCHWAB_TIMEOUT_SECONDS": "5",
        }

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's time."""
        self.venue.fault("clock", instant=instant.isoformat())

    def sent(self) -> list[str]:
        """Return the ids of the orders that reached the venue, as Schwab knows no other."""
        return [str(order["number"]) for order in self.venue.control("GET", "book")["orders"]]
