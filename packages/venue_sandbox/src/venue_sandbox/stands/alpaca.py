"""Alpaca on this machine: the Alpaca venue, with accounts and the app, or with prices alone."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.stand import ACCOUNT, STOPS, Opening, Subject, Waits

if TYPE_CHECKING:
    from quant_platform_kit.ports.versioned_store import VersionedStore
    from quant_platform_kit.runtime.service import Account

__all__ = ["KEY", "MODULE", "PLATFORM", "SECRET", "STAND", "AlpacaClients", "AlpacaPriceStand", "AlpacaStand"]

MODULE = "venue_sandbox.venues.alpaca"
KEY, SECRET = "sandbox-key", "sandbox-secret"
NO_COMMISSION = "Alpaca tells no commission with an order, and charges none for shares; the venue does"
ONE_CURRENCY = "Alpaca's accounts are in USD"


@dataclass(frozen=True)
class AlpacaClients:
    """Reaches a venue with the keys of its accounts."""

    url: str
    waits: Waits
    key: str = KEY
    secret: str = SECRET

    def account(self, name: str, store: VersionedStore) -> Account:
        """Return an account in a session that has not begun."""
        from alpaca_app.addresses import Addresses
        from alpaca_app.compose import Login, account_of
        from alpaca_app.library import load_trading
        from alpaca_app.settings import Keys
        from trading_playbook.sources.installed import Feed

        load_trading()  # it takes longer than a call may
        keys, addresses = Keys(f"{self.key}-{name}", self.secret), Addresses(self.url, self.url, is_sandbox=True)
        return account_of(Login(keys, addresses, self.waits.timeout, Feed.IEX), name, store, self.waits.settle)


class AlpacaStand(ExchangeStand):
    """The Alpaca venue; each account has a key of its own."""

    name = "alpaca"
    title = "Alpaca"
    app = "alpaca_app"
    module = MODULE
    subjects = (
        Subject(
            name="alpaca",
            library="alpaca-py",
            module="alpaca.trading",
            not_applicable={
                **dict.fromkeys(("B4", "B5"), NO_COMMISSION),
                "B46": "sessions over HTTP do not end one another",
                **dict.fromkeys(("B48", "B49", "B50"), ONE_CURRENCY),
                **STOPS,
            },
        ),
    )
    waits = Waits(3.0, timedelta(seconds=1))
    adjustment = "total_return"
    lost_order = "drop_before"

    def __init__(
        self, folder: Path, words: Sequence[str], log: Path | None = None, *, key: str = KEY, secret: str = SECRET
    ) -> None:
        super().__init__(folder, words, log)
        self._key, self._secret = key, secret

    @classmethod
    def open(cls, opening: Opening) -> Self:
        """Start the venue; it takes any number of requests unless the opening says otherwise."""
        return super().open(replace(opening, options=("--requests-per-minute", "0", *opening.options)))

    @classmethod
    def from_command_line(cls, options: Namespace, words: Sequence[str], log: Path | None = None) -> Self:
        """Start the venue with the keys of the command line."""
        return cls(options.folder, words, log, key=options.key, secret=options.secret)

    @property
    def url(self) -> str:
        """Address of the venue."""
        return f"http://127.0.0.1:{self.server.port}"

    def settings(self, account: str) -> dict[str, str]:
        """Return where the venue is, and the keys of an account; its prices are those of the free plan."""
        return {
            "ALPACA_API_KEY": f"{self._key}-{account}",
            "ALPACA_SECRET_KEY": self._secret,
            "ALPACA_DATA_URL": self.url,
            "ALPACA_TRADING_URL": self.url,
            "ALPACA_FEED": "iex",
            "ALPACA_DRY_RUN_ONLY": "false",
            "ALPACA_SETTLE_SECONDS": "1",
            "ALPACA_TIMEOUT_SECONDS": "5",
        }

    def clients(self, waits: Waits, library: str = "", session: int = 0) -> AlpacaClients:
        """Return what reaches the venue with the keys of its accounts."""
        return AlpacaClients(self.url, waits, self._key, self._secret)


class AlpacaPlatform(Platform):
    """The Alpaca venue and the Alpaca app."""

    kind = AlpacaStand
    app: ClassVar[str] = AlpacaStand.app
    name: ClassVar[str] = AlpacaStand.name


class AlpacaPriceStand:
    """A venue that is asked for prices and the calendar; leaving its context stops it.

    Parameters
    ----------
    bars, daily
        Files of minute bars and daily prices.
    clock
        Where the venue's time begins, aware; None for real time.
    words
        Further words of its command line.
    """

    def __init__(
        self,
        bars: Path | None = None,
        daily: Path | None = None,
        clock: datetime | None = None,
        words: Sequence[str] = (),
    ) -> None:
        files = {"--bars": bars, "--daily": daily, "--clock": clock.isoformat() if clock else None}
        given = [word for name, value in files.items() if value is not None for word in (name, str(value))]
        self._folder = tempfile.TemporaryDirectory(prefix="alpaca-")
        funded = ("--folder", self._folder.name, "--account", f"{ACCOUNT}=0")
        self.server = Server(MODULE, *given, *funded, "--key", KEY, "--secret", SECRET, *words)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.server.process.poll() is None:
            self.server.stop()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Address of prices and of the calendar."""
        return f"http://127.0.0.1:{self.server.port}"

    def settings(self) -> Mapping[str, str]:
        """Return the settings that lead the app here."""
        return {
            "ALPACA_API_KEY": KEY,
            "ALPACA_SECRET_KEY": SECRET,
            "ALPACA_DATA_URL": self.url,
            "ALPACA_TRADING_URL": self.url,
        }

    def set_clock(self, instant: datetime) -> None:
        """Set the venue's time, from which it runs on."""
        self.server.fault("clock", instant=instant.isoformat())

    def split(self, symbol: str, ratio: str, session: date) -> None:
        """Split every unit of a symbol when a session begins."""
        self.server.fault("split", symbol=symbol, ratio=ratio, session=session.isoformat())

    def arm(self, kind: str, **fields: Any) -> None:
        """Arm a fault of `venue_sandbox.venues.alpaca.faults`."""
        self.server.fault(kind, **fields)

    def requests(self) -> dict[str, int]:
        """Return how many requests came, by operation: ``bars`` and ``calendar``."""
        return self.server.requests()


STAND = AlpacaStand
PLATFORM = AlpacaPlatform
