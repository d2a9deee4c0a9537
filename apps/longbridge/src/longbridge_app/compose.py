"""Where concrete classes meet: an access token, its account, and the service every app shares."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import cast

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.adapters.server_clock import ServerClock
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.secrets import Secrets
from quant_platform_kit.web.service import Account, Service, configured
from quant_platform_kit.web.settings import read_settings

from longbridge_app.addresses import SANDBOX_PREFIX, check_addresses
from longbridge_app.broker import LongBridgeBroker
from longbridge_app.claims import Claims
from longbridge_app.instruments import Instruments
from longbridge_app.market import LongBridgeMarket
from longbridge_app.platform import description
from longbridge_app.rows import Credentials
from longbridge_app.sdk import installed_library
from longbridge_app.settings import LongBridgeSettings
from longbridge_app.worker import Worker

__all__ = ["compose", "credentials_of", "mode_of"]

KEYS = ("app_key", "app_secret", "access_token")


def compose() -> Service:
    """Return the service that the environment describes; raises as `configured`."""
    settings = read_settings(LongBridgeSettings)
    sandbox = _check(settings)
    calendar = load_calendar("XNYS")

    def accounts() -> tuple[Account, ...]:
        seconds = settings.longbridge_timeout_seconds
        credentials = credentials_of(settings, GoogleSecrets())
        trade, quote = (
            Worker(credentials, "longbridge-trade", seconds),
            Worker(credentials, "longbridge-quote", seconds),
        )
        name = settings.longbridge_account or _member(quote)
        account_id = name if sandbox else f"{settings.account_prefix}-{name}"
        clock = ServerClock(settings.longbridge_http_url, seconds) if sandbox else SystemClock()
        settle = timedelta(seconds=settings.longbridge_settle_seconds)

        claims = Claims(service.stores.ledger, account_id)

        def close() -> None:
            trade.kill()
            quote.kill()

        account = Account(
            broker=LongBridgeBroker(trade, Instruments(quote), claims, account_id, clock, settle),
            market=LongBridgeMarket(quote, service.strategy.manifest.adjustment, calendar, clock),
            clock=clock,
            mode=mode_of(settings, account_id),
            close=close,
        )
        return (account,)

    service = configured(settings, read_platform(description()), accounts)
    return service


def mode_of(settings: LongBridgeSettings, account_id: str) -> Mode:
    """Return how far runs of an account may go: live needs both switches, an account of the sandbox the first.

    A token of LongBridge's own paper trading looks like any other, and takes both switches too.
    """
    if settings.longbridge_dry_run_only:
        return Mode.DRY_RUN
    if settings.longbridge_http_url and account_id.startswith(SANDBOX_PREFIX):
        return Mode.PAPER
    return Mode.LIVE if settings.live_trading else Mode.DRY_RUN


def credentials_of(settings: LongBridgeSettings, secrets: Secrets) -> Credentials:
    """Return how to log in, from the secret or from the settings.

    Raises
    ------
    InvalidInput
        Both are given, or neither whole.
    StoreError
        The secret cannot be read.
    """
    given = {name: getattr(settings, f"longport_{name}").get_secret_value() for name in KEYS}
    secret = settings.longport_secret_name
    if secret and any(given.values()):
        raise InvalidInput("LONGPORT_SECRET_NAME is set, and LONGPORT_APP_KEY and its like too: set one of them")
    if secret:
        given = _parsed(secret, secrets.read(secret))
    absent = [name for name in KEYS if not given.get(name)]
    if absent:
        where = f"secret {secret} lacks" if secret else "set LONGPORT_SECRET_NAME, or for this machine LONGPORT_"
        raise InvalidInput(
            f"{where} {', '.join(absent)}" if secret else where + ", LONGPORT_".join(map(str.upper, KEYS))
        )
    hide([given[name] for name in KEYS])
    urls = (settings.longbridge_http_url, settings.longbridge_quote_ws_url, settings.longbridge_trade_ws_url)
    http, quote, trade = (url or None for url in urls)
    return Credentials(
        installed_library(), given["app_key"], given["app_secret"], given["access_token"], http, quote, trade
    )


def _check(settings: LongBridgeSettings) -> bool:
    """Refuse settings that contradict each other; return whether the venue is the sandbox's."""
    if settings.account_prefix != settings.account_region:
        raise InvalidInput(
            f"ACCOUNT_PREFIX is {settings.account_prefix} and ACCOUNT_REGION {settings.account_region}: one account is "
            "in one region"
        )
    urls = {
        "LONGBRIDGE_HTTP_URL": settings.longbridge_http_url,
        "LONGBRIDGE_QUOTE_WS_URL": settings.longbridge_quote_ws_url,
        "LONGBRIDGE_TRADE_WS_URL": settings.longbridge_trade_ws_url,
    }
    return check_addresses(urls, settings.longbridge_account)


def _parsed(name: str, text: str) -> dict[str, str]:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise InvalidInput(f"secret {name} is no JSON object with {', '.join(KEYS)}")
    return {key: str(value) for key, value in cast("dict[str, object]", read).items()}


def _member(worker: Worker) -> str:
    """Return whose the token is, as LongBridge numbers its members."""
    with worker.turn("whose the login is") as deadline:
        return str(worker.look("member_id", what="whose the login is", deadline=deadline))
