"""Where concrete classes meet: a login at the Gateway, its accounts, and the service every app shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.ports.secrets import Secrets
from quant_platform_kit.web.service import Account, Service, configured
from quant_platform_kit.web.settings import read_settings

from ibkr_app.broker import IbkrBroker
from ibkr_app.clock import gateway_clock
from ibkr_app.connection import Address, Connection
from ibkr_app.contracts import Contracts
from ibkr_app.groups import accounts_of
from ibkr_app.mapping import is_paper
from ibkr_app.market import IbkrMarket
from ibkr_app.order_ids import OrderIds
from ibkr_app.platform import description
from ibkr_app.reconciliations import reconciliation_writer
from ibkr_app.settings import IbkrSettings

__all__ = ["compose", "mode_of"]


def compose() -> Service:
    """Return the service that the environment describes; raises as `configured`."""
    settings = read_settings(IbkrSettings)
    group = accounts_of(settings.account_group, _configuration(settings, GoogleSecrets()))
    calendar = load_calendar("XNYS")

    def accounts() -> tuple[Account, ...]:
        connection = Connection(_address(settings))
        names = group or (_only_account(connection),)
        return tuple(_account(service, settings, connection, name, calendar) for name in names)

    service = configured(settings, read_platform(description()), accounts)
    if settings.ibkr_reconciliation_output_path:
        service = replace(service, ended=reconciliation_writer(settings.ibkr_reconciliation_output_path))
    return service


def mode_of(settings: IbkrSettings, account_id: str) -> Mode:
    """Return how far runs of an account may go: live needs both switches, the broker's own paper account the first."""
    if settings.ibkr_dry_run_only:
        return Mode.DRY_RUN
    if is_paper(account_id):
        return Mode.PAPER
    return Mode.LIVE if settings.live_trading else Mode.DRY_RUN


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


def _account(
    service: Service, settings: IbkrSettings, connection: Connection, name: str, calendar: ExchangeCalendar
) -> Account:
    contracts, clock = Contracts(connection), gateway_clock(connection)
    adjustment = service.strategy.manifest.adjustment
    ids = OrderIds(service.stores.ledger, settings.ibkr_client_id)
    settle = timedelta(seconds=settings.ibkr_settle_seconds)
    return Account(
        broker=IbkrBroker(connection, contracts, name, ids, settle),
        market=IbkrMarket(connection, contracts, adjustment, calendar, clock),
        clock=clock,
        mode=mode_of(settings, name),
        close=connection.close,
    )
