"""Alpaca as the venue of live sessions: the broker of the kit, both streams, and what an account must be fit for."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import SettingsConfigDict
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.documents import instant, mapping, number, optional_number
from quant_platform_kit.adapters.installed import installed_client
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.ports.clock import Clock
from quant_platform_kit.runtime.settings import read_part
from quant_platform_kit.services.operate.going_live.rule import against_live
from quant_platform_kit.services.operate.going_live.standing import standing_of
from quant_platform_kit.services.record.seen import Seen
from trading_playbook.days import TradingDay
from trading_playbook.live.installed import LiveVenue, LiveWanted
from trading_playbook.sources.installed import Feed, Wanted

from alpaca_app.addresses import LOOPBACK, Addresses, addresses_of
from alpaca_app.beliefs import TABLES
from alpaca_app.compose import Login, account_of, alpaca_of, open_source
from alpaca_app.connection import Connection
from alpaca_app.library import load_data, load_trading
from alpaca_app.mapping import DAY_TRADERS_EQUITY, DAY_TRADES, account_number, why_no_trading
from alpaca_app.settings import AlpacaAccess, Keys, keys_of
from alpaca_app.stream import AlpacaFeed, Past

__all__ = ["LiveAccess", "clients_of", "day_trade_objections", "open_live", "stream_urls"]

LIBRARY = "alpaca-py"
MUTE_SECONDS = 150.0
"""Without a bar for so long the stream is taken to be mute, and begun anew."""


class LiveAccess(AlpacaAccess):
    """What the environment says of Alpaca to live sessions."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    alpaca_feed: Feed = Field(Feed.IEX, description="Whose trades the streamed bars are made of.")
    alpaca_stream_url: str = Field(
        "", description="A venue of the sandbox on this machine instead of Alpaca's streams."
    )
    alpaca_timeout_seconds: float = Field(5, gt=0, le=20, description="How long Alpaca may take to answer.")
    alpaca_settle_seconds: float = Field(30, ge=0, description="How long an order may take to appear.")
    alpaca_dry_run_only: bool = Field(True, description="The first switch: nothing is sent while it is true.")
    live_trading: bool = Field(False, description="The second switch of live trading.")

    @property
    def mode(self) -> Mode:
        """How far sessions may go: live needs both switches, a paper account the first."""
        if self.alpaca_dry_run_only:
            return Mode.DRY_RUN
        if self.alpaca_paper:
            return Mode.PAPER
        return Mode.LIVE if self.live_trading else Mode.DRY_RUN


def open_live(wanted: LiveWanted) -> AbstractContextManager[LiveVenue]:
    """Open the venue that the environment describes; see `trading_playbook.live.installed.OpenLive`."""
    access = read_part(LiveAccess)
    keys, addresses = keys_of(access, GoogleSecrets()), addresses_of(access)
    urls = stream_urls(access.alpaca_stream_url, addresses, access.alpaca_feed)
    return _opened(wanted, access, Login(keys, addresses, access.alpaca_timeout_seconds, access.alpaca_feed), urls)


@contextmanager
def _opened(
    wanted: LiveWanted, access: LiveAccess, login: Login, urls: tuple[str | None, str | None]
) -> Generator[LiveVenue]:
    calendar = load_calendar("XNYS")
    with ExitStack() as opened:
        trading = login.trading(Seen(TABLES))
        opened.callback(trading.close)
        name = account_number(_account(trading))
        account = account_of(login, name, wanted.store, timedelta(seconds=access.alpaca_settle_seconds))
        opened.callback(account.close)
        source = opened.enter_context(open_source(Wanted(wanted.symbol, calendar, feed=Feed.SIP)))
        alpaca = opened.enter_context(closing(alpaca_of(access)))

        def bars(day: TradingDay) -> AlpacaFeed:
            past = Past(alpaca, wanted.symbol, access.alpaca_feed, calendar, account.clock)
            return AlpacaFeed(day, past, *clients_of(login.keys, access, urls))

        def before_live() -> Sequence[str]:
            client = installed_client("alpaca", (LIBRARY,))
            return against_live(standing_of(wanted.store, name, client, None)) if client else ()

        yield LiveVenue(
            broker=account.broker,
            mode=access.mode,
            feed=access.alpaca_feed.value,
            bars=bars,
            source=source,
            clock=account.clock,
            objections=lambda state: day_trade_objections(_account(trading), state),
            drift=lambda: _drift(trading, account.clock),
            before_live=before_live,
        )


def stream_urls(url: str, addresses: Addresses, feed: Feed) -> tuple[str | None, str | None]:
    """Return the addresses of the streams of bars and of orders; None for Alpaca's own.

    Raises
    ------
    InvalidInput
        The address is not on this machine, or Alpaca's own are asked for beside a venue of the sandbox.
    """
    if not url and not addresses.is_sandbox:
        return None, None
    base = url.rstrip("/") or f"ws://{urlsplit(addresses.trading).netloc}"
    parts = urlsplit(base)
    if parts.scheme != "ws" or parts.hostname not in LOOPBACK or not addresses.is_sandbox:
        raise InvalidInput(
            f"ALPACA_STREAM_URL is {url!r}: it is for a venue of the sandbox on this machine only, such as "
            "ws://127.0.0.1:8500, beside ALPACA_DATA_URL; leave both unset for Alpaca"
        )
    return f"{base}/v2/{feed.value}", f"{base}/stream"


def day_trade_objections(account: Mapping[str, Any], state: AccountState) -> list[str]:
    """Return why an account should not buy what it sells on the same day."""
    if why := why_no_trading(account):
        return [f"account {state.account_id} takes no orders: {why}"]
    trades = optional_number(account.get("daytrade_count"), "daytrade_count") or Decimal(0)
    equity = number(account.get("equity"), "equity")
    if trades >= DAY_TRADES and equity < DAY_TRADERS_EQUITY:
        return [
            f"account {state.account_id} has {trades} day trades in five sessions and {equity:.2f} USD, below "
            f"{DAY_TRADERS_EQUITY:,} USD: the sale of today could be refused"
        ]
    return []


def _account(trading: Connection) -> Mapping[str, Any]:
    with trading.turn("the account") as deadline:
        return mapping(trading.look(lambda client: client.get_account(), "the account", deadline), "Alpaca's account")


def _drift(trading: Connection, clock: Clock) -> timedelta:
    with trading.turn("the clock") as deadline:
        told = trading.look(lambda client: client.get_clock(), "the clock", deadline)
    return instant(mapping(told, "Alpaca's clock").get("timestamp"), "Alpaca's clock") - clock.now()


def clients_of(keys: Keys, access: LiveAccess, urls: tuple[str | None, str | None]) -> tuple[Any, Any]:
    """Return the library's clients of both streams."""
    load_data()
    load_trading()
    from alpaca.data.enums import DataFeed
    from alpaca.data.live import StockDataStream
    from alpaca.trading.stream import TradingStream

    feed = DataFeed.IEX if access.alpaca_feed is Feed.IEX else DataFeed.SIP
    bars = StockDataStream(*keys, raw_data=True, feed=feed, url_override=urls[0], data_timeout=MUTE_SECONDS)
    place: dict[str, Any] = {"url_override": urls[1]}  # the library says str, and takes None
    orders = TradingStream(*keys, paper=access.alpaca_paper, raw_data=True, **place)
    return bars, orders
