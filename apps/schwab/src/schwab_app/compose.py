"""Where concrete classes meet: a login at Schwab, its accounts, and the service every app shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.pacing import Pacer
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.server_clock import ServerClock, http_time
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.service import Account, Service, configured
from quant_platform_kit.runtime.settings import read_settings

from schwab_app.broker import Delays, SchwabBroker
from schwab_app.connection import Connection, Login
from schwab_app.contact import SchwabContact
from schwab_app.intents import Intents
from schwab_app.market import SchwabMarket
from schwab_app.pacing import for_orders
from schwab_app.platform import description
from schwab_app.redirect import sandbox_of
from schwab_app.settings import SchwabSettings
from schwab_app.tokens import Tokens, caution, ends_at, tokens_of

__all__ = ["account_of", "compose"]


def compose() -> Service:
    """Return the service that the environment describes; raises as `configured`."""
    settings = read_settings(SchwabSettings)
    tokens, sandbox = tokens_of(settings), sandbox_of(settings.schwab_api_url)
    login = Login(
        settings.schwab_app_key.get_secret_value(), settings.schwab_app_secret.get_secret_value(), tokens, sandbox
    )
    pacers = dict[str, Pacer]()

    def accounts() -> tuple[Account, ...]:
        connection = Connection(login, settings.schwab_timeout_seconds)
        name = settings.schwab_account or _only_account(connection)
        delays, pacer = Delays(timedelta(seconds=settings.schwab_settle_seconds)), pacers.setdefault(name, for_orders())
        account = account_of(connection, name, service.stores.ledger, delays, pacer, _history_of(service))
        return (replace(account, mode=settings.mode_of(name)),)

    service = configured(settings, read_platform(description()), accounts)
    return replace(service, cautions=lambda: _cautions(tokens), login_ends=partial(_ends, tokens))


def account_of(
    connection: Connection,
    name: str,
    store: VersionedStore,
    delays: Delays,
    pacer: Pacer | None = None,
    history: Adjustment = Adjustment.SPLIT,
) -> Account:
    """Return an account of a login, its orders recorded in a store; its runs are dry until someone says otherwise.

    Raises
    ------
    InvalidInput
        Schwab has no history of that adjustment.
    """
    clock, calendar = _clock(connection), load_calendar("XNYS")
    market = SchwabMarket(connection, history, calendar)
    return Account(
        broker=SchwabBroker(connection, name, Intents(store, name), clock, pacer or for_orders(), delays),
        market=market,
        clock=clock,
        mode=Mode.DRY_RUN,
        contact=SchwabContact(connection, name, market, clock, calendar),
        close=connection.close,
        seen=connection.seen,
    )


def _clock(connection: Connection) -> Clock:
    """Return the broker's time; that of a venue of the sandbox is not this machine's."""
    if connection.login.sandbox is None:
        return SystemClock()
    host, port = connection.login.sandbox
    return ServerClock(http_time(f"http://{f'[{host}]' if ':' in host else host}:{port}", connection.timeout))


def _history_of(service: Service) -> Adjustment:
    """Return what Schwab's own history has to carry: with a price source it is not used."""
    return Adjustment.SPLIT if service.settings.price_history_path else service.history


def _ends(tokens: Tokens, now: datetime) -> datetime:
    del now
    return ends_at(tokens.read())


def _cautions(tokens: Tokens) -> tuple[str, ...]:
    due = caution(tokens.read(), SystemClock().now())
    return () if due is None else (due,)


def _only_account(connection: Connection) -> str:
    """Return the account behind a login that has only one."""
    connection.connect()
    accounts = connection.accounts
    if len(accounts) != 1:
        connection.close()
        raise InvalidInput(f"the login has {len(accounts)} accounts: choose one with SCHWAB_ACCOUNT")
    return accounts[0]
