"""Interactive Brokers on this machine: the TWS venue and the IBKR app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.stand import NO_STOPS, SessionRule, Subject, Waits

if TYPE_CHECKING:
    from ibkr_app.connection import Connection
    from quant_platform_kit.ports.versioned_store import VersionedStore
    from quant_platform_kit.runtime.service import Account

__all__ = ["PLATFORM", "STAND", "IbkrClients", "IbkrPlatform", "IbkrStand"]

SESSIONS = 50
"""How far the client ids of two sessions of an account lie apart."""
UNDATED = {"B28": "ib_insync does not tell when the last trade was: prices are dated when they arrive"}


@dataclass(frozen=True)
class IbkrClients:
    """Logs in at a Gateway, under a client id of each account."""

    port: int
    client_ids: Mapping[str, int]
    waits: Waits

    def connection(self, name: str) -> Connection:
        """Return a login that was not made yet."""
        from ibkr_app.connection import Address, Connection

        return Connection(Address("127.0.0.1", self.port, self.client_ids[name], self.waits.timeout))

    def account(self, name: str, store: VersionedStore) -> Account:
        """Return an account over a login that was not made yet."""
        from ibkr_app.compose import account_of
        from quant_platform_kit.domain.strategy import Adjustment

        return account_of(self.connection(name), name, store, self.waits.settle, Adjustment(IbkrStand.adjustment))


class IbkrStand(ExchangeStand):
    """The TWS venue; its accounts are those of one login."""

    name = "ibkr"
    title = "Interactive Brokers"
    app = "ibkr_app"
    module = "venue_sandbox.venues.tws"
    subjects = (
        Subject(
            name="ib_async@176",
            library="ib_async",
            module="ib_async",
            extra="async",
            options=("--server-version", "176"),
            not_applicable=NO_STOPS,
        ),
        Subject(
            name="ib_async@178",
            library="ib_async",
            module="ib_async",
            extra="async",
            options=("--server-version", "178"),
            not_applicable=NO_STOPS,
        ),
        Subject(
            name="ib_insync@176",
            library="ib_insync",
            module="ib_insync",
            extra="insync",
            options=("--server-version", "176"),
            not_applicable={**UNDATED, **NO_STOPS},
        ),
    )
    waits = Waits(4.0, timedelta(seconds=0.3))
    session_rule = SessionRule.FIRST
    adjustment = "split"

    def settings(self, account: str) -> dict[str, str]:
        """Return where the Gateway is; whose account it is, the login says."""
        return {
            "IBKR_GATEWAY_PORT": str(self.server.port),
            "IBKR_DRY_RUN_ONLY": "false",
            "IBKR_SETTLE_SECONDS": "1",
            "IBKR_TIMEOUT_SECONDS": "5",
        }

    def clients(self, waits: Waits, library: str = "", session: int = 0) -> IbkrClients:
        """Return what logs in, with the library that is installed."""
        accounts = [account["id"] for account in self.book()["accounts"]]
        ids = {account: SESSIONS * session + number for number, account in enumerate(accounts, 1)}
        return IbkrClients(self.server.port, ids, waits)


class IbkrPlatform(Platform):
    """The TWS venue and the IBKR app."""

    kind = IbkrStand
    app: ClassVar[str] = IbkrStand.app
    name: ClassVar[str] = IbkrStand.name


STAND = IbkrStand
PLATFORM = IbkrPlatform
