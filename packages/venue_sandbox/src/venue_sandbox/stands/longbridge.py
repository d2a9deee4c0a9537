"""LongBridge on this machine: the LongBridge venue and the LongBridge app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.stand import NO_STOPS, Subject, Waits

if TYPE_CHECKING:
    from quant_platform_kit.ports.versioned_store import VersionedStore
    from quant_platform_kit.runtime.service import Account

__all__ = ["PLATFORM", "STAND", "LongBridgeClients", "LongBridgePlatform", "LongBridgeStand"]

DEFAULT_LIBRARY = "longbridge"
CANNOT = {"B46": "access tokens do not end one another", **NO_STOPS}


@dataclass(frozen=True)
class LongBridgeClients:
    """Logs in with the keys of each account, over two processes of a library.

    Attributes
    ----------
    keys, urls
        By their names in the app's credentials: the keys of each account, and the venue's addresses.
    trade_calls
        Calls about orders and the account that are made in 30 seconds; 0 for any number.
    """

    library: str
    keys: Mapping[str, Mapping[str, str]]
    urls: Mapping[str, str]
    waits: Waits
    trade_calls: int = 0

    def account(self, name: str, store: VersionedStore) -> Account:
        """Return an account over two connections that were not made yet."""
        from longbridge_app.compose import account_of
        from longbridge_app.pacing import Pace
        from longbridge_app.rows import Credentials
        from longbridge_app.worker import Worker

        credentials = Credentials(self.library, **self.keys[name], **self.urls)
        trade = Worker(credentials, self.waits.timeout, Pace(self.trade_calls))
        quote = Worker(credentials, self.waits.timeout)
        return account_of(trade, quote, name, store, self.waits.settle)


class LongBridgeStand(ExchangeStand):
    """The LongBridge venue; every account has a token of its own."""

    name = "longbridge"
    title = "LongBridge"
    app = "longbridge_app"
    module = "venue_sandbox.venues.longbridge"
    subjects = (
        Subject(
            name="longbridge",
            library="longbridge",
            module="longbridge.openapi",
            extra="longbridge",
            not_applicable=CANNOT,
        ),
        Subject(
            name="longport",
            library="longport",
            module="longport.openapi",
            extra="longport",
            not_applicable=CANNOT,
        ),
    )
    waits = Waits(3.0, timedelta(seconds=1))
    adjustment = "total_return"
    lost_order = "drop_before"

    @property
    def urls(self) -> dict[str, str]:
        """The venue's addresses, by their names in the app's credentials."""
        address = f"127.0.0.1:{self.server.port}"
        sockets = {f"{socket}_ws_url": f"ws://{address}/ws/{socket}" for socket in ("quote", "trade")}
        return {"http_url": f"http://{address}", **sockets}

    def keys(self) -> dict[str, dict[str, str]]:
        """Return the keys of each account, by their names in the app's credentials."""
        login = self.server.control("GET", "login")
        both = {"app_key": login["key"], "app_secret": login["secret"]}
        return {account: {**both, "access_token": token} for account, token in login["tokens"].items()}

    def renew_tokens(self) -> None:
        """Give every account another access token."""
        self.server.control("POST", "login", {})

    def settings(self, account: str) -> dict[str, str]:
        """Return where the venue is, and the keys of an account."""
        keys = self.keys()[account]
        return {
            "ACCOUNT_PREFIX": "HK",
            "ACCOUNT_REGION": "HK",
            "LONGBRIDGE_ACCOUNT": account,
            **{f"LONGBRIDGE_{name.upper()}": url for name, url in self.urls.items()},
            **{f"LONGPORT_{name.upper()}": key for name, key in keys.items()},
            "LONGBRIDGE_DRY_RUN_ONLY": "false",
            "LONGBRIDGE_SETTLE_SECONDS": "1",
            "LONGBRIDGE_TIMEOUT_SECONDS": "5",
            "LONGBRIDGE_TRADE_CALLS": "0",
        }

    def clients(self, waits: Waits, library: str = "", session: int = 0) -> LongBridgeClients:
        """Return what logs in with the tokens of now."""
        return LongBridgeClients(library or DEFAULT_LIBRARY, self.keys(), self.urls, waits)


class LongBridgePlatform(Platform):
    """The LongBridge venue and the LongBridge app."""

    kind = LongBridgeStand
    app: ClassVar[str] = LongBridgeStand.app
    name: ClassVar[str] = LongBridgeStand.name


STAND = LongBridgeStand
PLATFORM = LongBridgePlatform
