"""A live session over Alpaca's streams and its broker, at the venue: the whole way from a bar to a flat account."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from alpaca_app.addresses import Addresses
from alpaca_app.api import Alpaca
from alpaca_app.compose import Login, account_of
from alpaca_app.live import LiveAccess, clients_of, day_trade_objections, stream_urls
from alpaca_app.settings import Keys
from alpaca_app.stream import AlpacaFeed, Past
from pydantic import SecretStr
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.portfolio import AccountState
from trading_playbook.days import TradingDay, trading_day
from trading_playbook.dp20.bars import Bar
from trading_playbook.dp20.outcome import Note
from trading_playbook.live.events import Role
from trading_playbook.live.ports import BarTold, Connection, LivePorts, OrderHint, Told
from trading_playbook.live.replay import replay_session
from trading_playbook.live.running import Wanted, Worker, run_session
from trading_playbook.sources.installed import Feed
from trading_playbook.sources.usage import Usage
from trading_playbook.testing.live.market import made_up
from venue_sandbox.stands.alpaca import KEY, SECRET, AlpacaPriceStand
from venue_sandbox.stands.stand import ACCOUNT

CALENDAR = load_calendar("XNYS")
DAY = trading_day(CALENDAR, date(2025, 11, 28))
SHORT = replace(DAY, minutes=80)
SYMBOL = "QQQ"
KEYS = Keys(KEY, SECRET)
WAIT = 5.0


class VenueClock(FrozenClock):
    """The venue's time: whoever waits moves it."""

    stand: AlpacaPriceStand | None = None

    def sleep(self, seconds: float) -> None:
        """Move the venue on."""
        self.instant += timedelta(seconds=seconds)
        assert self.stand is not None
        self.stand.set_clock(self.instant)


class Paced:
    """The stream, while the venue's time is moved from bar to bar."""

    def __init__(self, feed: AlpacaFeed, clock: VenueClock) -> None:
        self._feed, self._clock = feed, clock
        self.hints = 0

    def poll(self, seconds: float) -> Sequence[Told]:
        """Move the time on, and wait for the bar that ends meanwhile."""
        now = self._clock.now()
        minute = timedelta(minutes=1)
        passed = (now - DAY.opens) // minute if now >= DAY.opens else -1
        due = DAY.opens + (passed + 1) * minute + timedelta(seconds=1)
        step = min(timedelta(seconds=max(seconds, 0.01)), due - now if due > now else minute)
        self._clock.sleep(step.total_seconds())
        came = list(self._feed.poll(0))
        awaits = self._clock.now() >= due and 0 <= passed < SHORT.minutes
        while awaits and not any(isinstance(each, BarTold) for each in came):
            more = self._feed.poll(WAIT)
            assert more, f"no bar at {self._clock.now()}"
            came += more
        self.hints += sum(isinstance(each, OrderHint) for each in came)
        return came

    def so_far(self) -> Sequence[Bar]:
        """Ask over REST."""
        return self._feed.so_far()

    def close(self) -> None:
        """End the streams."""
        self._feed.close()


def written(folder: Path, bars: Sequence[Bar]) -> tuple[Path, Path]:
    """Write the files of a venue's market."""
    minutes, daily = folder / "minutes.csv", folder / "daily.csv"
    starts = [DAY.opens + timedelta(minutes=bar.minute) for bar in bars]
    prices = [",".join(map(str, bar[1:])) for bar in bars]
    rows = [f"{SYMBOL},{at:%Y-%m-%d %H:%M:%S},{told},900" for at, told in zip(starts, prices, strict=True)]
    minutes.write_text("\n".join(["symbol,bar_start_et,open,high,low,close,volume", *rows]) + "\n")
    daily.write_text(f"date,symbol,open,high,low,close,volume,adj_close\n{DAY.date},{SYMBOL},90,91,89,90,9,90\n")
    return minutes, daily


@pytest.fixture(params=[Note.EOD, Note.STOP])
def market(request: pytest.FixtureRequest) -> tuple[Sequence[Bar], Note]:
    """Return the bars of a market whose trade ends so."""
    world, _ = made_up(7, SHORT, lambda outcome: outcome.note is request.param)
    return world.bars, request.param


@pytest.fixture
def stand(tmp_path: Path, market: tuple[Sequence[Bar], Note]) -> Generator[AlpacaPriceStand]:
    """Return a venue a minute before the open."""
    before = DAY.opens - timedelta(minutes=1)
    with AlpacaPriceStand(*written(tmp_path, market[0]), before, ("--requests-per-minute", "0")) as running:
        running.arm("cash", account=ACCOUNT, amount="100000")
        yield running


def feed_of(stand: AlpacaPriceStand, clock: FrozenClock, day: TradingDay = SHORT, keys: Keys = KEYS) -> AlpacaFeed:
    """Return the stream at a venue."""
    addresses = Addresses(stand.url, stand.url, is_sandbox=True)
    past = Past(Alpaca(KEYS, addresses, WAIT, Usage()), SYMBOL, Feed.IEX, CALENDAR, clock)
    access = LiveAccess(alpaca_api_key=SecretStr(KEY), alpaca_data_url=stand.url)
    return AlpacaFeed(day, past, *clients_of(keys, access, stream_urls("", addresses, Feed.IEX)))


@pytest.mark.filterwarnings("ignore")
def test_a_session_trades_at_the_venue_as_the_model_says(
    stand: AlpacaPriceStand, market: tuple[Sequence[Bar], Note], tmp_path: Path
) -> None:
    clock = VenueClock(DAY.opens - timedelta(minutes=1))
    clock.stand = stand
    world, outcome = made_up(7, SHORT, lambda outcome: outcome.note is market[1])
    store = FileStore(tmp_path / "store")
    login = Login(KEYS, Addresses(stand.url, stand.url, is_sandbox=True), WAIT, Feed.IEX)
    account = account_of(login, ACCOUNT, store, timedelta(seconds=1))
    feed = Paced(feed_of(stand, clock), clock)
    terms = replace(world.terms, key=replace(world.terms.key, account_id=ACCOUNT, mode=Mode.PAPER))
    told: list[str] = []
    ports = LivePorts(account.broker, feed, store, clock, tell=lambda _, noted: told.append(noted.text))
    try:
        session = run_session(
            Wanted(terms.key, terms.service, lambda: terms), ports, Worker("first", timedelta(minutes=5))
        )
        held = account.broker.account().quantities.get(SYMBOL, 0)
    finally:
        feed.close()
        account.close()
    assert session is not None
    assert (held, session.orders.held, told) == (0, 0, [])
    assert session.slots.dp20.outcome() == outcome
    assert [each.record.state for each in session.orders.of(Role.ENTRY)] == [OrderState.FILLED]
    (stop,) = session.orders.of(Role.STOP)
    assert (stop.record.state, len(session.orders.of(Role.EXIT))) in (
        (OrderState.FILLED, 0),
        (OrderState.CANCELLED, 1),
    )
    assert feed.hints >= 2, "the stream of orders tells of entry and stop"
    assert not replay_session(store, ACCOUNT, terms.key.run_id)


@pytest.mark.filterwarnings("ignore")
def test_keys_that_are_refused_are_told_as_a_connection_that_is_not_there(stand: AlpacaPriceStand) -> None:
    feed = feed_of(stand, FrozenClock(DAY.opens), keys=Keys(KEY, "wrong"))
    try:
        told = feed.poll(WAIT)
        assert told
        assert all(isinstance(each, Connection) and not each.up for each in told)
    finally:
        feed.close()


@pytest.mark.parametrize("url", ["wss://stream.data.alpaca.markets", "ws://example.org:80", "http://127.0.0.1:9"])
def test_streams_of_the_sandbox_are_on_this_machine(url: str) -> None:
    sandbox = Addresses("http://127.0.0.1:9", "http://127.0.0.1:9", is_sandbox=True)
    with pytest.raises(InvalidInput, match=r"ALPACA_STREAM_URL is .*127\.0\.0\.1:8500"):
        stream_urls(url, sandbox, Feed.IEX)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"status": "ACTIVE", "equity": "24999.99", "daytrade_count": 3}, "3 day trades in five sessions"),
        ({"status": "ACCOUNT_CLOSED"}, "not ACTIVE"),
        ({"status": "ACTIVE", "trading_blocked": True}, "trading is blocked"),
        ({"status": "ACTIVE", "trade_suspended_by_user": True}, "suspended its trading"),
    ],
)
def test_an_account_that_may_not_sell_today_buys_nothing(document: dict[str, object], says: str) -> None:
    (objection,) = day_trade_objections(document, AccountState("PA1", {}, {}))
    assert says in objection
    assert (
        day_trade_objections({"status": "ACTIVE", "equity": "25000", "daytrade_count": 3}, AccountState("PA1", {}, {}))
        == []
    )
