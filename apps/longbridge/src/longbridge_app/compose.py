"""Where concrete classes meet: an access token, its account, and the service every app shares."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.adapters.server_clock import ServerClock, http_time
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import Order
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.runtime.service import Account, Service, configured
from quant_platform_kit.runtime.settings import read_settings
from quant_platform_kit.services.record.sent_orders import SentOrders

from longbridge_app.addresses import check_account
from longbridge_app.broker import LongBridgeBroker
from longbridge_app.contact import LongBridgeContact
from longbridge_app.credentials import credentials_of, is_sandbox
from longbridge_app.instruments import Instruments
from longbridge_app.market import LongBridgeMarket
from longbridge_app.pacing import Pace
from longbridge_app.platform import description
from longbridge_app.settings import LongBridgeSettings
from longbridge_app.worker import Worker, member_of

__all__ = ["account_of", "compose"]


def compose() -> Service:
    """Return the service that the environment describes; raises as `configured`."""
    settings = read_settings(LongBridgeSettings)
    sandbox = _check(settings)
    paces = dict[str, Pace]()

    def accounts() -> tuple[Account, ...]:
        seconds = settings.longbridge_timeout_seconds
        credentials = credentials_of(settings, GoogleSecrets())
        quote = Worker(credentials, seconds)
        name = settings.longbridge_account or str(member_of(quote))
        account_id = name if sandbox else f"{settings.account_prefix}-{name}"
        trade = Worker(credentials, seconds, paces.setdefault(account_id, Pace(settings.longbridge_trade_calls)))
        visibility = timedelta(seconds=settings.longbridge_settle_seconds)
        history = service.history
        account = account_of(trade, quote, account_id, service.stores.ledger, visibility, history)
        return (replace(account, mode=settings.mode_of(account_id)),)

    service = configured(settings, read_platform(description()), accounts)
    return service


def account_of(
    trade: Worker,
    quote: Worker,
    name: str,
    store: VersionedStore,
    visibility: timedelta,
    history: Adjustment = Adjustment.TOTAL_RETURN,
) -> Account:
    """Return an account over two connections, what it sends recorded; its runs are dry until someone says otherwise.

    Raises
    ------
    InvalidInput
        LongBridge has no history of that adjustment.
    """
    url, instruments = quote.credentials.http_url, Instruments(quote)
    sent = SentOrders(store, f"longbridge/{name}/sent", Order)
    quote.seen = trade.seen
    clock = ServerClock(http_time(url, quote.timeout)) if url else SystemClock()

    def close() -> None:
        trade.kill()
        quote.kill()

    calendar = load_calendar("XNYS")
    market = LongBridgeMarket(quote, history, calendar, clock, instruments)
    return Account(
        broker=LongBridgeBroker(trade, instruments, sent, name, clock, visibility),
        market=market,
        clock=clock,
        mode=Mode.DRY_RUN,
        contact=LongBridgeContact(trade, quote, market, history, calendar),
        close=close,
        seen=trade.seen,
    )


def _check(settings: LongBridgeSettings) -> bool:
    """Refuse settings that contradict each other; return whether the venue is the sandbox's."""
    if settings.account_prefix != settings.account_region:
        raise InvalidInput(
            f"ACCOUNT_PREFIX is {settings.account_prefix} and ACCOUNT_REGION {settings.account_region}: one account is "
            "in one region"
        )
    sandbox = is_sandbox(settings)
    check_account(sandbox, settings.longbridge_account)
    if not (sandbox or settings.longbridge_trade_calls):
        raise InvalidInput("LONGBRIDGE_TRADE_CALLS is 0: at LongBridge it is from 1 to 30")
    return sandbox
