"""Where concrete classes meet: a login at the Gateway, its accounts, and the service every app shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.secrets import Secrets
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.service import Account, Service, configured
from quant_platform_kit.runtime.settings import read_settings

from ibkr_app.broker import IbkrBroker
from ibkr_app.clock import gateway_clock, weekly_login
from ibkr_app.connection import Address, Connection
from ibkr_app.contact import IbkrContact
from ibkr_app.contracts import Contracts
from ibkr_app.groups import accounts_of
from ibkr_app.market import IbkrMarket
from ibkr_app.order_ids import OrderIds
from ibkr_app.platform import description
from ibkr_app.reconciliations import reconciliation_writer
from ibkr_app.settings import IbkrSettings

__all__ = ["account_of", "compose"]


def compose() -> Service:
    """Return the service that the environment describes; raises as `configured`."""
    settings = read_settings(IbkrSettings)
    group = accounts_of(settings.account_group, _configuration(settings, GoogleSecrets()))
    visibility = timedelta(seconds=settings.ibkr_settle_seconds)

    def accounts() -> tuple[Account, ...]:
        connection = Connection(_address(settings))
        names, history = group or (_only_account(connection),), service.history
        made = ((name, account_of(connection, name, service.stores.ledger, visibility, history)) for name in names)
        return tuple(replace(account, mode=settings.mode_of(name)) for name, account in made)

    service = replace(configured(settings, read_platform(description()), accounts), login_ends=weekly_login)
    if settings.ibkr_reconciliation_output_path:
        service = replace(service, ended=reconciliation_writer(settings.ibkr_reconciliation_output_path))
    return service


def account_of(
    connection: Connection,
    name: str,
    store: VersionedStore,
    visibility: timedelta,
    history: Adjustment = Adjustment.TOTAL_RETURN,
) -> Account:
    """Return an account of a login, its order ids kept in a store; its runs are dry until someone says otherwise."""
    contracts, clock = Contracts(connection), gateway_clock(connection)
    ids, calendar = OrderIds(store, connection.address.client_id), load_calendar("XNYS")
    market = IbkrMarket(connection, contracts, history, calendar, clock)
    return Account(
        broker=IbkrBroker(connection, contracts, name, ids, visibility),
        market=market,
        clock=clock,
        mode=Mode.DRY_RUN,
        contact=IbkrContact(connection, name, contracts, market, history, calendar),
        close=connection.close,
        seen=connection.seen,
    )


def _configuration(settings: IbkrSettings, secrets: Secrets) -> str:
    """Return the group configuration, from the settings or from the secret that they name."""
    given, name = settings.ib_account_group_config.get_secret_value(), settings.ib_account_group_config_secret_name
    if given and name:
        raise InvalidInput(
            "IB_ACCOUNT_GROUP_CONFIG and IB_ACCOUNT_GROUP_CONFIG_SECRET_NAME are both set: remove one of them"
        )
    return secrets.read(name) if name else given


def _address(settings: IbkrSettings) -> Address:
    return Address(
        settings.ibkr_gateway_host,
        settings.ibkr_gateway_port,
        settings.ibkr_client_id,
        settings.ibkr_timeout_seconds,
    )


def _only_account(connection: Connection) -> str:
    """Return the account behind a login that has only one."""
    connection.ensure()
    accounts = connection.accounts
    if len(accounts) != 1:
        connection.close()
        raise InvalidInput(f"the login has the accounts {', '.join(accounts)}: choose some with ACCOUNT_GROUP")
    return accounts[0]
