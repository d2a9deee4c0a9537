"""Schwab on this machine: the Schwab venue and the Schwab app."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.platform import Platform

__all__ = ["SchwabPlatform", "log_in", "settings_at"]

KEY, SECRET = "sandbox-key", "sandbox-secret"
TOKEN = "token.json"


def log_in(venue: Server, folder: Path) -> None:
    """Log in at a Schwab venue, which ends the login before, and keep the token in a folder."""
    (folder / TOKEN).touch(mode=0o600)
    (folder / TOKEN).write_text(json.dumps(venue.control("POST", "login")))


def settings_at(venue: Server, folder: Path, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """Return the settings that lead the app to a Schwab venue, with the token that is kept in a folder.

    An account of the sandbox needs no other switch than the first.
    """
    return {
        "SCHWAB_API_URL": f"http://127.0.0.1:{venue.port}",
        "SCHWAB_APP_KEY": key,
        "SCHWAB_APP_SECRET": secret,
        "SCHWAB_TOKEN_PATH": str((folder / TOKEN).resolve()),
        "SCHWAB_DRY_RUN_ONLY": "false",
        "SCHWAB_SETTLE_SECONDS": "1",
        "SCHWAB_TIMEOUT_SECONDS": "5",
    }


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
        server = Server("venue_sandbox.venues.schwab", "--folder", str(self.folder / "venue"), *funded)
        log_in(server, self.folder)
        return server

    def venue_settings(self) -> Mapping[str, str]:
        """Return where the venue is."""
        return settings_at(self.venue, self.folder)

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's time."""
        self.venue.fault("clock", instant=instant.isoformat())

    def sent(self) -> list[str]:
        """Return the ids of the orders that reached the venue, as Schwab knows no other."""
        return [str(order["number"]) for order in self.venue.control("GET", "book")["orders"]]
