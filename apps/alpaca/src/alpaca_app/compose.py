"""Where concrete classes meet: a login at Alpaca, its account and the service, and the source of the playbook."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.adapters.server_clock import ServerClock, http_time
from quant_platform_kit.adapters.snapshot_stores import open_snapshots
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.service import Account, Service, configured
from quant_platform_kit.runtime.settings import read_part, read_settings
from quant_platform_kit.services.record.seen import Seen
from quant_platform_kit.services.record.sent_orders import SentOrders
from trading_playbook.sources.installed import Feed, Wanted
from trading_playbook.sources.port import BarSource
from trading_playbook.sources.usage import Usage

from alpaca_app.addresses import Addresses, addresses_of
from alpaca_app.api import Alpaca
from alpaca_app.beliefs import TABLES
from alpaca_app.broker import AlpacaBroker
from alpaca_app.cache import SessionCache
from alpaca_app.connection import Connection
from alpaca_app.contact import AlpacaContact
from alpaca_app.library import load_data, load_trading
from alpaca_app.mapping import account_number
from alpaca_app.market import AlpacaMarket
from alpaca_app.platform import description
from alpaca_app.settings import AlpacaAccess, AlpacaSettings, Keys, keys_of
from alpaca_app.source import AlpacaSource

__all__ = ["Login", "account_of", "alpaca_of", "clock_of", "compose", "open_source"]


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks, where, how long an answer may take, and whose trades quotes are made of."""

    keys: Keys
    addresses: Addresses
    seconds: float
    feed: Feed

    def trading(self, seen: Seen) -> Connection:
        """Return a connection to trading."""

        def make() -> object:
            return load_trading().TradingClient(*self.keys, raw_data=True, url_override=self.addresses.trading)

        return Connection(make, self.seconds, seen, is_sandbox=self.addresses.is_sandbox)

    def data(self, seen: Seen) -> Connection:
        """Return a connection to prices."""

        def make() -> object:
            return load_data().StockHistoricalDataClient(*self.keys, raw_data=True, url_override=self.addresses.data)

        return Connection(make, self.seconds, seen, is_sandbox=self.addresses.is_sandbox)


def compose() -> Service:
    """Return the service that the environment describes; raises as `configured`."""
    settings = read_settings(AlpacaSettings)
    keys, seconds = keys_of(settings, GoogleSecrets()), settings.alpaca_timeout_seconds
    login = Login(keys, addresses_of(settings), seconds, settings.alpaca_feed)
    visibility = timedelta(seconds=settings.alpaca_settle_seconds)

    def accounts() -> tuple[Account, ...]:
        name = settings.alpaca_account or _account_behind(login)
        account = account_of(login, name, service.stores.ledger, visibility, service.history)
        return (replace(account, mode=settings.mode_of(name)),)

    service = configured(settings, read_platform(description()), accounts)
    return service


def account_of(
    login: Login,
    name: str,
    store: VersionedStore,
    visibility: timedelta,
    history: Adjustment = Adjustment.TOTAL_RETURN,
) -> Account:
    """Return the account of a login, what it sends recorded; its runs are dry until someone says otherwise."""
    seen, calendar, addresses = Seen(TABLES), load_calendar("XNYS"), login.addresses
    trading, data = login.trading(seen), login.data(seen)
    clock = ServerClock(http_time(addresses.trading, login.seconds)) if addresses.is_sandbox else SystemClock()
    market = AlpacaMarket(data, history, login.feed, calendar, clock)
    sent = SentOrders(store, f"alpaca/{name}/sent", Order)

    def close() -> None:
        trading.close()
        data.close()

    return Account(
        broker=AlpacaBroker(trading, name, sent, clock, visibility, is_sandbox=addresses.is_sandbox),
        market=market,
        clock=clock,
        mode=Mode.DRY_RUN,
        contact=AlpacaContact(trading, data, name, market, history, calendar),
        close=close,
        seen=seen,
    )


def _account_behind(login: Login) -> str:
    """Return the number of the account that the keys are of."""
    connection = login.trading(Seen())
    with closing(connection), connection.turn("whose the keys are") as deadline:
        return account_number(connection.look(lambda client: client.get_account(), "whose the keys are", deadline))


@contextmanager
def open_source(wanted: Wanted) -> Generator[BarSource]:
    """Open the source that the environment describes; see `trading_playbook.sources.installed.OpenSource`."""
    access = read_part(AlpacaAccess)
    feed = wanted.feed or access.alpaca_feed
    with closing(alpaca_of(access)) as alpaca:
        store = open_snapshots(wanted.cache or access.data_cache_dir, endpoint=access.storage_emulator_host)
        cache = SessionCache(store, wanted.symbol, feed, alpaca.usage)
        yield AlpacaSource(alpaca, cache, wanted, feed, clock_of(alpaca))


def alpaca_of(access: AlpacaAccess) -> Alpaca:
    """Return a login at Alpaca; raises as `addresses_of` and `keys_of`."""
    addresses = addresses_of(access)
    return Alpaca(keys_of(access, GoogleSecrets()), addresses, access.alpaca_timeout_seconds, Usage())


def clock_of(alpaca: Alpaca) -> Clock:
    """Return the time of Alpaca, which is this machine's; that of a venue of the sandbox is its own."""
    if not alpaca.addresses.is_sandbox:
        return SystemClock()
    return ServerClock(http_time(alpaca.addresses.data, alpaca.seconds))
