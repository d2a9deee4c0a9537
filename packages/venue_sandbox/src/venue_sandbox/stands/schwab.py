"""Schwab on this machine: the Schwab venue and the Schwab app."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.stand import NO_STOPS, Opening, Subject, Waits

if TYPE_CHECKING:
    from quant_platform_kit.domain.orders import Order
    from quant_platform_kit.ports.versioned_store import VersionedStore
    from quant_platform_kit.runtime.service import Account

__all__ = ["KEY", "PLATFORM", "SECRET", "STAND", "SchwabClients", "SchwabPlatform", "SchwabStand"]

KEY, SECRET = "sandbox-key", "sandbox-secret"
TOKEN = "token.json"
NO_COMMISSION = "Schwab tells no commission with an order, and charges none for shares; the venue does"
ONE_CURRENCY = "Schwab's accounts are in USD"


@dataclass(frozen=True)
class SchwabClients:
    """Reaches a venue with the token file of a login.

    Attributes
    ----------
    skew
        How far the venue's clock may be from this machine's; None for what the app takes without being told.
    """

    port: int
    token: Path
    waits: Waits
    skew: timedelta | None = None

    def account(self, name: str, store: VersionedStore) -> Account:
        """Return an account in a session that has not begun."""
        from schwab_app.broker import Delays
        from schwab_app.compose import account_of
        from schwab_app.connection import Connection, Login
        from schwab_app.sdk import load_sdk
        from schwab_app.tokens import TokenFile

        load_sdk()  # it takes longer than a call may
        login = Login(KEY, SECRET, TokenFile(self.token), ("127.0.0.1", self.port))
        skew = {} if self.skew is None else {"skew": self.skew}
        return account_of(Connection(login, self.waits.timeout), name, store, Delays(self.waits.settle, **skew))


class SchwabStand(ExchangeStand):
    """The Schwab venue, with one login for all accounts."""

    name = "schwab"
    title = "Charles Schwab"
    app = "schwab_app"
    module = "venue_sandbox.venues.schwab"
    subjects = (
        Subject(
            name="schwab",
            library="schwab-py",
            module="schwab",
            not_applicable={
                **dict.fromkeys(("B4", "B5"), NO_COMMISSION),
                "B46": "sessions over HTTP do not end one another",
                **dict.fromkeys(("B48", "B49", "B50"), ONE_CURRENCY),
                **NO_STOPS,
            },
        ),
    )
    waits = Waits(3.0, timedelta(seconds=1))
    adjustment = "split"
    lost_order = "drop_before"

    def __init__(
        self, folder: Path, words: Sequence[str], log: Path | None = None, *, key: str = KEY, secret: str = SECRET
    ) -> None:
        super().__init__(folder, words, log)
        self._key, self._secret = key, secret

    @classmethod
    def open(cls, opening: Opening) -> Self:
        """Start the Schwab venue, and log in at it."""
        stand = super().open(opening)
        stand.log_in()
        return stand

    @classmethod
    def from_command_line(cls, options: Namespace, words: Sequence[str], log: Path | None = None) -> Self:
        """Start the venue with the application of the command line, and log in at it."""
        stand = cls(options.folder, words, log, key=options.key, secret=options.secret)
        stand.log_in()
        return stand

    @property
    def token(self) -> Path:
        """The file in which the login's token is kept."""
        return self.folder / TOKEN

    def log_in(self) -> None:
        """Log in, as someone does every week; that ends the login before."""
        self.token.touch(mode=0o600)
        self.token.write_text(json.dumps(self.server.control("POST", "login")))

    def settings(self, account: str) -> dict[str, str]:
        """Return where the venue and the token are; whose account it is, the login says."""
        return {
            "SCHWAB_API_URL": f"http://127.0.0.1:{self.server.port}",
            "SCHWAB_APP_KEY": self._key,
            "SCHWAB_APP_SECRET": self._secret,
            "SCHWAB_TOKEN_PATH": str(self.token.resolve()),
            "SCHWAB_DRY_RUN_ONLY": "false",
            "SCHWAB_SETTLE_SECONDS": "1",
            "SCHWAB_TIMEOUT_SECONDS": "5",
        }

    @classmethod
    def history_settings(cls, prices: Path) -> dict[str, str]:
        """Return the price file: Schwab's own history carries no dividends."""
        return {"PRICE_HISTORY_PATH": str(prices.resolve())}

    def clients(self, waits: Waits, library: str = "", session: int = 0) -> SchwabClients:
        """Return what reaches the venue with the token of its login."""
        return SchwabClients(self.server.port, self.token, waits)

    def reference(self, order: Mapping[str, Any]) -> str:
        """Return the order's number: Schwab knows no client order id."""
        return str(order["number"])

    def chosen(self, order: Order) -> dict[str, str]:
        """Return the order's symbol."""
        return {"symbol": order.symbol}


class SchwabPlatform(Platform):
    """The Schwab venue and the Schwab app, with a login of now."""

    kind = SchwabStand
    app: ClassVar[str] = SchwabStand.app
    name: ClassVar[str] = SchwabStand.name


STAND = SchwabStand
PLATFORM = SchwabPlatform
