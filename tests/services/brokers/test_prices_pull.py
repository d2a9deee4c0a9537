"""`quant prices pull` at Schwab and LongBridge, on their real client libraries: the file has what the venue has."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import read_prices
from quant_platform_kit.cli import prices as command
from quant_platform_kit.cli.main import main
from venue_sandbox.servers.launch import Server

Start = Callable[..., Server]
Quant = Callable[..., tuple[int, str, str]]
NOON = datetime(2023, 6, 2, 16, tzinfo=UTC)
LAST = date(2023, 6, 1)
SESSIONS = load_calendar("XNYS").between(date(2018, 1, 2), date(2023, 6, 5))


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Return a price file in which open, close and total return differ, and two symbols too."""
    rows = (
        f"{day},{symbol},{base + n - 0.25},{base + n},{(base + n) * 0.5}\n"
        for n, day in enumerate(SESSIONS)
        for symbol, base in (("SPY", 1000), ("AGG", 3000))
    )
    path = tmp_path / "market.csv"
    path.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return path


@pytest.fixture
def quant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Quant:
    """Return a function that pulls prices, at noon of the venue's day: exit code, standard output, standard error."""
    monkeypatch.setattr(command, "SystemClock", lambda: FrozenClock(NOON))

    def run(platform: str, out: Path, *more: str, symbols: str = "SPY,AGG", years: str = "2") -> tuple[int, str, str]:
        words = ("--platform", platform, "--symbols", symbols, "--years", years, "--out", str(out), *more)
        monkeypatch.setattr(sys, "argv", ["quant", "prices", "pull", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def schwab(schwab_venue: Start, market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return the venue, which the environment names."""
    server = schwab_venue("--prices", str(market))
    (tmp_path / "token.json").write_text(json.dumps(server.control("POST", "login")))
    settings = {
        "SCHWAB_API_URL": f"http://127.0.0.1:{server.port}",
        "SCHWAB_APP_KEY": "sandbox-key",
        "SCHWAB_APP_SECRET": "sandbox-secret",
        "SCHWAB_TOKEN_PATH": str(tmp_path / "token.json"),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture(params=["longbridge", "longport"])
def longbridge(
    request: pytest.FixtureRequest,
    longbridge_venue: Start,
    market: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Server:
    """Return the venue, which the environment names, for one of the libraries."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    monkeypatch.setattr("longbridge_app.credentials.installed_library", lambda: request.param)
    server = longbridge_venue("--prices", str(market))
    login, address = server.control("GET", "login"), f"127.0.0.1:{server.port}"
    settings = {
        "LONGBRIDGE_HTTP_URL": f"http://{address}",
        "LONGBRIDGE_QUOTE_WS_URL": f"ws://{address}/ws/quote",
        "LONGBRIDGE_TRADE_WS_URL": f"ws://{address}/ws/trade",
        "LONGPORT_APP_KEY": login["key"],
        "LONGPORT_APP_SECRET": login["secret"],
        "LONGPORT_ACCESS_TOKEN": login["tokens"]["DUSBX1"],
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return server


def rows(file: Path, symbol: str, *fields: str) -> dict[date, tuple[float, ...]]:
    """Return the rows of a symbol by day."""
    read = read_prices(file, fields)
    code = read.symbols.index(symbol)
    chosen = [n for n, each in enumerate(read.codes.tolist()) if each == code]
    return {read.days[n].item(): tuple(float(read.columns[name][n]) for name in fields) for n in chosen}


def days(first: date) -> list[date]:
    return [day for day in SESSIONS if first < day <= LAST]


def test_schwab_delivers_split_adjusted_prices_and_the_file_says_so(
    schwab: Server, quant: Quant, tmp_path: Path
) -> None:
    out = tmp_path / "pulled.csv"
    code, told, err = quant("schwab", out, "--json")
    assert code == 0, err
    assert json.loads(told)["adjustment"] == "split"
    assert json.loads(told)["columns"] == ["date", "symbol", "close", "open", "adjustment"]
    assert "no adj_close of SPY, AGG: closes adjusted for splits; use --price-field close" in err
    found = rows(out, "AGG", "open", "close")
    assert list(found) == days(date(2021, 6, 1)), "two years, up to the last finished session"
    number = SESSIONS.index(LAST)
    assert found[LAST] == (3000 + number - 0.25, 3000 + number)
    assert {line.rpartition(",")[2] for line in out.read_text().splitlines()[1:]} == {'"split"'}


def test_schwab_has_no_total_return_to_insist_on(schwab: Server, quant: Quant, tmp_path: Path) -> None:
    code, _, err = quant("schwab", tmp_path / "pulled.csv", "--adjusted")
    assert (code, err) == (
        1,
        "quant: schwab delivers no total return (adj_close) of SPY, AGG; leave out --adjusted to take closes adjusted "
        "for splits\n",
    )
    assert not (tmp_path / "pulled.csv").exists()


def test_longbridge_delivers_traded_prices_and_total_return_and_the_file_says_so(
    longbridge: Server, quant: Quant, tmp_path: Path
) -> None:
    out = tmp_path / "pulled.csv"
    code, told, err = quant("longbridge", out, "--adjusted", "--json", years="5")
    assert code == 0, err
    assert json.loads(told)["adjustment"] == "raw"
    assert json.loads(told)["columns"][:5] == ["date", "symbol", "close", "adj_close", "open"]
    assert json.loads(told)["columns"][5:] == ["adjustment", "adj_close_adjustment"], "total return, said of itself"
    assert "closes as they were traded" in err
    found = rows(out, "SPY", "open", "close", "adj_close")
    assert list(found) == days(date(2018, 6, 1)), "more sessions than are told at once, and none twice"
    for day in (date(2018, 6, 4), date(2021, 9, 14), LAST):
        close = 1000 + SESSIONS.index(day)
        assert found[day] == (close - 0.25, close, close), "the factor of the file is the same until now"


def test_an_unknown_symbol_leaves_no_file_at_schwab(schwab: Server, quant: Quant, tmp_path: Path) -> None:
    code, _, err = quant("schwab", tmp_path / "pulled.csv", symbols="SPY,NOSUCH")
    assert (code, err) == (1, "quant: schwab has no daily prices of NOSUCH; nothing was written\n")
    assert not (tmp_path / "pulled.csv").exists()


def test_an_unknown_symbol_leaves_no_file_at_longbridge(longbridge: Server, quant: Quant, tmp_path: Path) -> None:
    code, _, err = quant("longbridge", tmp_path / "pulled.csv", symbols="SPY,NOSUCH")
    assert (code, err) == (1, "quant: longbridge has no daily prices of NOSUCH; nothing was written\n")
    assert not (tmp_path / "pulled.csv").exists()


def test_a_limit_of_requests_is_waited_out(longbridge: Server, quant: Quant, tmp_path: Path) -> None:
    longbridge.fault("error", operation="history", code=301606, message="rate limit", times=2)
    assert quant("longbridge", tmp_path / "pulled.csv", symbols="SPY")[0] == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SCHWAB_TOKEN_PATH", "", "one place holds the login"),
        ("SCHWAB_APP_KEY", "", "SCHWAB_APP_KEY is not set"),
        ("SCHWAB_API_URL", "http://example.com:80", "it is for a venue of the sandbox only"),
        ("SCHWAB_TIMEOUT_SECONDS", "60", "SCHWAB_TIMEOUT_SECONDS is '60': Input should be less than or equal to 25"),
    ],
)
def test_settings_of_schwab_that_cannot_be_meant_are_one_line(
    schwab: Server, quant: Quant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    code, _, err = quant("schwab", tmp_path / "pulled.csv")
    assert (code, err.count("\n")) == (1, 1)
    assert said in err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LONGPORT_ACCESS_TOKEN", "", "set LONGPORT_SECRET_NAME, or for this machine LONGPORT_APP_KEY"),
        ("LONGBRIDGE_HTTP_URL", "", "LONGBRIDGE_HTTP_URL is not set"),
        ("LONGBRIDGE_TIMEOUT_SECONDS", "0", "LONGBRIDGE_TIMEOUT_SECONDS is '0'"),
    ],
)
def test_settings_of_longbridge_that_cannot_be_meant_are_one_line(
    longbridge: Server, quant: Quant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    code, _, err = quant("longbridge", tmp_path / "pulled.csv")
    assert (code, err.count("\n")) == (1, 1)
    assert said in err


def test_the_installed_apps_are_named(quant: Quant, tmp_path: Path) -> None:
    _, _, err = quant("nobody", tmp_path / "pulled.csv")
    named: Any = err.rpartition("installed: ")[2]
    assert {"schwab", "longbridge"} <= set(named.strip().split(", "))
