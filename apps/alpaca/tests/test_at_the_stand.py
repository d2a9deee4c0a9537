"""The real alpaca-py at a venue of this machine: what comes, what is kept, and what each fault becomes."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alpaca_app.compose import open_source
from alpaca_app.daily import Daily
from alpaca_app.prices import AlpacaPrices
from alpaca_app.source import AlpacaSource
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, NeedsLogin, QuantError, StoreError
from quant_platform_kit.domain.sessions import ExchangeCalendar
from trading_playbook.days import days_between, sessions_before, trading_day
from trading_playbook.sources.installed import Feed, Wanted
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.alpaca import AlpacaPriceStand

pytestmark = pytest.mark.enable_socket  # the stand of this run only
Open = Callable[..., AlpacaSource]
FIRST, LAST = date(2025, 11, 25), date(2025, 11, 28)
CANARY = "canary-3f1c-never-shown"


def read(source: AlpacaSource, calendar: ExchangeCalendar) -> list[Any]:
    """Return what a back-test reads of a source."""
    found: list[Any] = []
    for day in days_between(calendar, FIRST, LAST):
        bars = source.bars(day)
        closes = source.closes(sessions_before(calendar, day.date, 200), day.date)
        found += [bars.minutes, bars.open, bars.high, bars.low, bars.close, closes]
    return found


def same(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))


def kept_in(folder: Path) -> Mapping[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "cache").glob("*.parquet"))}


def test_bars_are_those_of_regular_hours_over_many_pages(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar
) -> None:
    source = opened(stand.url)
    lengths = [len(source.bars(day)) for day in days_between(calendar, FIRST, LAST)]
    assert lengths == [390, 390, 210]
    assert source.bars(trading_day(calendar, LAST))[3] == (3, 600.03, 600.53, 599.53, 600.13)
    assert source.usage.calls > 8
    assert source.usage.call_seconds > 0


def test_a_second_reading_asks_for_nothing(stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar) -> None:
    first, stand_before = opened(stand.url), stand.requests()
    before = read(first, calendar)
    assert stand.requests() != stand_before
    stand.server.forget_requests()
    second = opened(stand.url)
    assert same(before, read(second, calendar))
    assert stand.requests() == {}
    assert (second.usage.calls, second.usage.cache_hits, second.usage.cache_misses) == (0, 6, 0)


def test_sessions_that_were_not_announced_are_fetched_one_by_one(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar, tmp_path: Path
) -> None:
    source = opened(stand.url, announced=False)
    assert len(source.bars(trading_day(calendar, LAST))) == 210
    assert [name for name in kept_in(tmp_path) if "1min" in name] == ["QQQ_1min_sip_2025-11-28.parquet"]
    assert len(source.bars(trading_day(calendar, FIRST))) == 390
    assert not np.isnan(source.closes(sessions_before(calendar, FIRST, 200), FIRST)).any()


def test_a_later_split_changes_nothing(
    files: tuple[Path, Path], only_the_stand: None, opened: Open, calendar: ExchangeCalendar, tmp_path: Path
) -> None:
    with AlpacaPriceStand(*files, datetime(2025, 12, 1, 17, tzinfo=UTC)) as stand:
        before = read(opened(stand.url), calendar)
        stand.split("QQQ", "2", date(2025, 12, 1))
        for kept in (tmp_path / "cache").glob("*"):
            kept.unlink()
        after = opened(stand.url)
        assert same(before, read(after, calendar))
        assert after.usage.calls > 0
        stand.split("QQQ", "3", date(2025, 11, 26))
        for kept in (tmp_path / "cache").glob("*"):
            kept.unlink()
        day = trading_day(calendar, date(2025, 11, 26))
        source = opened(stand.url)
        assert source.bars(day).open[0] == pytest.approx(200.0)
        known = source.closes([date(2025, 11, 25)], day.date)[0]
        assert known == pytest.approx(before[5 + 6][-1] / 3, rel=1e-12)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "http_error", "status": 429, "body": ""},
        {"kind": "http_error", "status": 500},
        {"kind": "http_error", "status": 504, "body": "gateway"},
        {"kind": "html"},
        {"kind": "html", "status": 502},
        {"kind": "cut_json"},
        {"kind": "bad_bar", "harm": "nan"},
        {"kind": "bad_bar", "harm": "infinite"},
        {"kind": "drop_before"},
        {"kind": "silent"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_a_read_is_tried_three_times(
    stand: AlpacaPriceStand,
    opened: Open,
    calendar: ExchangeCalendar,
    fault: dict[str, Any],
    warnings: list[str],
    tmp_path: Path,
) -> None:
    day, seconds = trading_day(calendar, LAST), 0.3 if fault["kind"] == "silent" else 10.0
    stand.arm(**{"operation": "bars", **fault}, times=2)
    source = opened(stand.url, first=LAST, seconds=seconds)
    assert len(source.bars(day)) == 210
    assert len(warnings) == 2
    assert all("GET " in text and "/v2/stocks/bars" in text for text in warnings)
    kept = kept_in(tmp_path)
    stand.arm(**{"operation": "bars", **fault}, times=3)
    with pytest.raises(BrokerError, match="after 3 tries; try again later") as ended:
        opened(stand.url, first=LAST, symbol="SPY", seconds=seconds).bars(day)
    assert "\n" not in str(ended.value)
    assert str(fault.get("status", "")) in str(ended.value)
    assert kept_in(tmp_path) == kept


def test_a_page_that_comes_again_is_asked_for_from_the_first_and_in_the_end_refused(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar, warnings: list[str]
) -> None:
    day = trading_day(calendar, LAST)
    stand.arm("repeat_token", times=3)
    source = opened(stand.url, first=LAST)
    assert len(source.bars(day)) == 210
    assert len(warnings) == 2
    stand.arm("repeat_token", times=None)
    with pytest.raises(BrokerError, match="HTTP 200, but a page token repeats, after 3 tries"):
        opened(stand.url, first=LAST, symbol="SPY").bars(day)


def test_nobody_there_is_tried_three_times_too(
    only_the_stand: None, opened: Open, calendar: ExchangeCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(Server, "opened", {port})
    clock = FrozenClock(datetime(2025, 12, 1, 17, tzinfo=UTC))
    source = opened(f"http://127.0.0.1:{port}", clock=clock)
    with pytest.raises(
        BrokerError, match=r"GET http://127.0.0.1:\d+/v2/stocks/bars.*: Connection refused, after 3 tries"
    ):
        source.bars(trading_day(calendar, LAST))
    assert source.usage.calls == 3


def test_wrong_keys_are_refused_at_once_and_shown_nowhere(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar, warnings: list[str]
) -> None:
    source = opened(stand.url, secret=CANARY)
    with pytest.raises(NeedsLogin, match=r"^keys refused by 127.0.0.1:\d+ \(HTTP 401\): check ALPACA_API_KEY") as ended:
        source.bars(trading_day(calendar, LAST))
    assert source.usage.calls == 1
    assert CANARY not in repr(ended.value) + str(warnings)
    stand.arm("http_error", operation="bars", status=403)
    with pytest.raises(NeedsLogin, match=r"\(HTTP 403\)"):
        opened(stand.url).bars(trading_day(calendar, LAST))


def test_a_server_that_answers_with_the_key_does_not_make_it_known(
    stand: AlpacaPriceStand,
    calendar: ExchangeCalendar,
    warnings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in {**stand.settings(), "DATA_CACHE_DIR": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("alpaca_app.api.PAUSES", (0.0, 0.0))
    wanted = Wanted("QQQ", calendar, days_between(calendar, LAST, LAST))
    secrets = (stand.settings()["ALPACA_API_KEY"], stand.settings()["ALPACA_SECRET_KEY"])
    for status in (401, 422, 500):
        stand.server.clear()
        said = json.dumps({"message": f"{' and '.join(secrets)} are wrong"})
        stand.arm("http_error", operation="bars", status=status, body=said, times=3)
        with pytest.raises(QuantError) as ended, open_source(wanted) as source:
            source.bars(wanted.days[0])
        assert str(status) in str(ended.value)
        assert not [secret for secret in secrets if secret in str(ended.value) + str(warnings)]


def test_sip_bars_of_the_last_minutes_are_not_for_everybody(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar, tmp_path: Path
) -> None:
    stand.set_clock(datetime(2025, 11, 28, 17, 58, 30, tzinfo=UTC))
    day = trading_day(calendar, LAST)
    with pytest.raises(BrokerError, match="SIP bars before 12:43 only, or --feed iex"):
        opened(stand.url, first=LAST).bars(day)
    assert len(opened(stand.url, first=LAST, feed=Feed.IEX).bars(day)) == 208
    assert not [name for name in kept_in(tmp_path) if "1min" in name]


@pytest.mark.parametrize("minutes", [14, 16])
def test_a_session_is_kept_once_all_of_it_is_there(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar, tmp_path: Path, minutes: int
) -> None:
    stand.set_clock(datetime(2025, 11, 28, 18, minutes, 10, tzinfo=UTC))
    assert len(opened(stand.url, first=LAST, feed=Feed.IEX).bars(trading_day(calendar, LAST))) == 210
    assert ("QQQ_1min_iex_2025-11-28.parquet" in kept_in(tmp_path)) is (minutes == 16)


HARMS = ["missing", "negative", "zero", "high_below_low", "duplicate", "holiday", "named_by_end"]


@pytest.mark.parametrize("harm", HARMS)
def test_bars_that_cannot_be_meant_are_fetched_again_once(
    only_the_stand: None,
    opened: Open,
    calendar: ExchangeCalendar,
    warnings: list[str],
    tmp_path: Path,
    whole: AlpacaPriceStand,
    harm: str,
) -> None:
    day = trading_day(calendar, LAST)
    whole.server.clear()
    whole.arm("bad_bar", harm=harm, skip=2)
    assert len(opened(whole.url, first=LAST).bars(day)) == 210
    assert len(warnings) == 1
    assert "fetched again" in warnings[0]
    whole.arm("bad_bar", harm=harm, skip=2, times=2)
    with pytest.raises(InvalidInput, match=r"^Alpaca: .*SPY"):
        opened(whole.url, first=LAST, symbol="SPY").bars(day)
    assert not list((tmp_path / "cache").glob("SPY*"))


@pytest.fixture(scope="module")
def whole(files: tuple[Path, Path]) -> Generator[AlpacaPriceStand]:
    """Start a venue whose answers are one page."""
    with AlpacaPriceStand(*files, datetime(2025, 12, 1, 17, tzinfo=UTC), ("--requests-per-minute", "0")) as stand:
        yield stand


@pytest.mark.parametrize("harm", ["missing", "zero", "duplicate", "holiday"])
def test_daily_bars_that_cannot_be_meant_are_fetched_again_once(
    only_the_stand: None,
    opened: Open,
    calendar: ExchangeCalendar,
    warnings: list[str],
    whole: AlpacaPriceStand,
    harm: str,
) -> None:
    day = trading_day(calendar, LAST)
    whole.server.clear()
    whole.arm("bad_bar", harm=harm)
    assert len(opened(whole.url, first=LAST).bars(day)) == 210
    assert "fetched again" in "".join(warnings)
    whole.arm("bad_bar", harm=harm, times=2)
    with pytest.raises(InvalidInput, match=r"^Alpaca: .*SPY"):
        opened(whole.url, first=LAST, symbol="SPY").bars(day)


def test_a_cache_that_cannot_be_written_is_said_and_no_failure(
    only_the_stand: None,
    opened: Open,
    calendar: ExchangeCalendar,
    warnings: list[str],
    whole: AlpacaPriceStand,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> int:
        raise StoreError("No space left on device")

    whole.server.clear()
    monkeypatch.setattr(PlainFolder, "create", full)
    assert len(opened(whole.url, first=LAST).bars(trading_day(calendar, LAST))) == 210
    assert warnings == ["cache: QQQ_1min_sip_2025-11-28.parquet is not kept: No space left on device"]


def test_a_symbol_that_alpaca_does_not_know_leaves_nothing_behind(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="Alpaca has no bars of ZZZ since"):
        opened(stand.url, symbol="ZZZ").bars(trading_day(calendar, LAST))
    assert kept_in(tmp_path) == {}


def test_a_calendar_that_differs_is_said_and_one_that_is_silent_too(
    files: tuple[Path, Path], only_the_stand: None, opened: Open, calendar: ExchangeCalendar, warnings: list[str]
) -> None:
    with AlpacaPriceStand(*files, datetime(2025, 12, 1, 17, tzinfo=UTC)) as stand:
        stand.arm("close_day", session="2025-11-26")
        opened(stand.url).bars(trading_day(calendar, LAST))
        (said,) = warnings
        assert said.startswith("2025-11-26 is 09:30 to 16:00 here and closed at Alpaca: ")
        stand.arm("http_error", operation="calendar", status=401)
        opened(stand.url, symbol="SPY").bars(trading_day(calendar, LAST))
        assert warnings[1].startswith("the calendar was not compared with Alpaca's: keys refused by")


@pytest.mark.parametrize("harm", ["empty", "flipped", "other"])
def test_a_damaged_file_of_the_cache_is_fetched_again_and_without_a_network_is_an_error(
    stand: AlpacaPriceStand,
    opened: Open,
    calendar: ExchangeCalendar,
    warnings: list[str],
    tmp_path: Path,
    harm: str,
) -> None:
    before = read(opened(stand.url), calendar)
    opened(stand.url, symbol="SPY").bars(trading_day(calendar, LAST))
    path = tmp_path / "cache" / "QQQ_1min_sip_2025-11-28.parquet"
    whole = path.read_bytes()
    for number in range(1 if harm != "flipped" else 3):
        at = number * (len(whole) - 1) // 2
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        spy = path.with_name("SPY_1min_sip_2025-11-28.parquet").read_bytes()
        path.write_bytes({"empty": b"", "flipped": flipped, "other": spy}[harm])
        warnings.clear()
        if number == 0:
            stand.arm("http_error", operation="*", status=500, times=9)
            with pytest.raises(QuantError, match="HTTP 500"):
                read(opened(stand.url), calendar)
            stand.server.clear()
        warnings.clear()
        again = opened(stand.url)
        assert same(before, read(again, calendar))
        assert again.usage.cache_misses == 1
        assert len(warnings) == 1
        assert warnings[0].startswith("cache: QQQ_1min_sip_2025-11-28.parquet is damaged (")
    assert same(before, read(opened(stand.url), calendar))


def test_daily_prices_are_adjusted_for_splits_and_beside_them_for_dividends(
    stand: AlpacaPriceStand, opened: Open, calendar: ExchangeCalendar
) -> None:
    source = opened(stand.url)
    clock: Any = source._clock
    prices = AlpacaPrices(Daily(source._alpaca, Feed.SIP, calendar, clock))
    bars = prices.daily(["QQQ", "ZZZ"], 1, date(2025, 12, 1))
    assert prices.adjustment.value == "split"
    assert bars["ZZZ"] == []
    assert [bar.day for bar in bars["QQQ"]] == list(calendar.between(date(2025, 1, 2), LAST))
    last = bars["QQQ"][-1]
    assert (last.open, last.high, last.low, last.volume) == (last.close - 1, last.close + 2, last.close - 2, 1000)
    assert last.adj_close == pytest.approx(last.close * 0.99, abs=1e-4)


def test_a_limit_of_requests_is_answered_with_429(files: tuple[Path, Path], only_the_stand: None, opened: Open) -> None:
    with AlpacaPriceStand(*files, datetime(2025, 12, 1, 17, tzinfo=UTC), ("--requests-per-minute", "2")) as stand:
        source = opened(stand.url)
        with pytest.raises(BrokerError, match="HTTP 429, after 3 tries"):
            source.bars(source._wanted.days[0])
        assert stand.requests()["bars"] + stand.requests().get("calendar", 0) >= 5
