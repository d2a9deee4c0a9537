"""`quant prices pull`: what a source delivers is in the file, nothing else, and after a failure there is no file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from quant_platform_kit.adapters import installed, strategies
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.adapters.price_files import price_table, read_prices
from quant_platform_kit.adapters.price_writer import write_prices
from quant_platform_kit.cli import prices as command
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.errors import BrokerError, InvalidInput
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Adjustment, InputName, StrategyManifest, TargetMode
from quant_platform_kit.ports.price_source import DailyBar, PriceSource

FRI, MON, TUE = date(2023, 11, 24), date(2023, 11, 27), date(2023, 11, 28)
AFTER_CLOSE = datetime(2023, 11, 28, 21, 30, tzinfo=UTC)
GEM = StrategyManifest(
    profile="gem",
    display_name="Gem",
    target_mode=TargetMode.WEIGHT,
    required_inputs=frozenset({InputName.MARKET_HISTORY}),
    managed=("SPY",),
    watched=("AGG",),
    history_sessions=1,
    sources=("test",),
)
Quant = Callable[..., tuple[int, str, str]]
Tree = Callable[[Path], dict[str, bytes | None]]


@dataclass
class Source:
    """Delivers what the test says, and remembers what it was asked."""

    bars: Mapping[str, Sequence[DailyBar]]
    adjustment: Adjustment = Adjustment.SPLIT
    fails_on: str = ""
    asked: list[tuple[tuple[str, ...], int, date]] = field(default_factory=list)
    logged_out: bool = False

    def daily(self, symbols: Sequence[str], years: int, until: date) -> Mapping[str, Sequence[DailyBar]]:
        """Deliver."""
        self.asked.append((tuple(symbols), years, until))
        if self.fails_on in symbols:
            raise BrokerError("the Gateway is not available")
        return {symbol: self.bars[symbol] for symbol in symbols if symbol in self.bars}


def bars(*closes: float, adjusted: bool = True, opens: bool = True) -> list[DailyBar]:
    days = (FRI, MON, TUE)[: len(closes)]
    return [
        DailyBar(day, close, close / 2 if adjusted else None, close - 1 if opens else None)
        for day, close in zip(days, closes, strict=True)
    ]


@pytest.fixture
def source() -> Source:
    return Source({"SPY": bars(450.0, 451.5, 452.0), "AGG": bars(90.0, 91.0)})


@pytest.fixture(autouse=True)
def _installed(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the source as platform ``fake``, and one that cannot be loaded; it is the evening of a session."""

    @contextmanager
    def opened() -> Generator[PriceSource]:
        yield source
        source.logged_out = True

    def broken() -> None:
        raise ModuleNotFoundError("No module named 'ib_async'")

    entries = [SimpleNamespace(name="fake", load=lambda: opened), SimpleNamespace(name="broken", load=broken)]
    monkeypatch.setattr(installed, "entry_points", lambda group: entries if group == "quant.price_sources" else [])
    monkeypatch.setattr(strategies, "catalog", lambda: {"gem": SimpleNamespace(manifest=GEM)})
    monkeypatch.setattr(command, "SystemClock", lambda: FrozenClock(AFTER_CLOSE))


@pytest.fixture
def quant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Quant:
    """Return a function that runs the command: exit code, standard output, standard error."""

    def run(out: Path, *more: str, **options: str | None) -> tuple[int, str, str]:
        given = {"platform": "fake", "symbols": "SPY,AGG", "years": "2", **options}
        words = [word for name, value in given.items() if value is not None for word in (f"--{name}", value)]
        monkeypatch.setattr(sys, "argv", ["quant", "prices", "pull", *words, "--out", str(out), *more])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.mark.parametrize("name", ["prices.csv", "prices.parquet", "deep/er/prices.parquet"])
def test_what_was_delivered_is_in_the_file_and_back_tests_can_read_it(
    quant: Quant, source: Source, calendar: ExchangeCalendar, tmp_path: Path, name: str
) -> None:
    code, out, err = quant(tmp_path / name)
    assert (code, err) == (0, "")
    assert "date, symbol, close, adj_close, open, adjustment" in out
    read = read_prices(tmp_path / name, ["close", "adj_close", "open"])
    assert read.symbols == ("AGG", "SPY")
    assert price_table(read, ["SPY"], "close", calendar).fields["close"][:, 0].tolist() == [450, 451.5, 452]
    assert price_table(read, ["SPY"], "adj_close", calendar).fields["close"][:, 0].tolist() == [225, 225.75, 226]
    assert source.asked == [(("SPY",), 2, TUE), (("AGG",), 2, TUE)]
    assert source.logged_out
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]


def test_the_csv_file_is_readable_by_eye(quant: Quant, tmp_path: Path) -> None:
    quant(tmp_path / "prices.csv", symbols="AGG")
    lines = [
        '"date","symbol","close","adj_close","open","adjustment"',
        '2023-11-24,"AGG",90,45,89,"split"',
        '2023-11-27,"AGG",91,45.5,90,"split"',
    ]
    assert (tmp_path / "prices.csv").read_text().splitlines() == lines


@pytest.mark.parametrize(
    ("symbols", "asked"), [(None, ["AGG", "SPY"]), ("SPY", ["SPY", "AGG"]), ("TLT,AGG", ["TLT", "AGG", "SPY"])]
)
def test_a_profile_stands_for_every_symbol_that_it_manages_or_watches(
    quant: Quant, source: Source, tmp_path: Path, symbols: str | None, asked: list[str]
) -> None:
    source.bars = {**source.bars, "TLT": bars(100.0)}
    assert quant(tmp_path / "prices.csv", symbols=symbols, profile="gem")[0] == 0
    assert [wanted for (wanted,), _, _ in source.asked] == asked


def test_json_tells_what_was_written(quant: Quant, tmp_path: Path) -> None:
    code, out, _ = quant(tmp_path / "prices.parquet", "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "file": str(tmp_path / "prices.parquet"),
            "platform": "fake",
            "adjustment": "split",
            "columns": ["date", "symbol", "close", "adj_close", "open", "adjustment"],
            "series": [
                {"symbol": "AGG", "first": "2023-11-24", "last": "2023-11-27", "bars": 2},
                {"symbol": "SPY", "first": "2023-11-24", "last": "2023-11-28", "bars": 3},
            ],
        },
    )


def test_a_source_of_split_adjusted_closes_only_writes_these_and_says_so(
    quant: Quant, source: Source, tmp_path: Path
) -> None:
    source.bars = {"SPY": bars(450.0, adjusted=False, opens=False)}
    code, _, err = quant(tmp_path / "prices.csv", symbols="SPY")
    assert code == 0
    assert err == "quant: note: no adj_close of SPY: closes adjusted for splits; use --price-field close\n"
    assert (tmp_path / "prices.csv").read_text().splitlines()[0] == '"date","symbol","close","adjustment"'


def test_closes_as_traded_are_called_that(quant: Quant, source: Source, tmp_path: Path) -> None:
    source.adjustment = Adjustment.RAW
    assert "over a split the file cannot be used" in quant(tmp_path / "prices.csv")[2]
    head, *rows = (tmp_path / "prices.csv").read_text().splitlines()
    assert head.endswith('"adjustment","adj_close_adjustment"')
    assert {tuple(row.split(",")[-2:]) for row in rows} == {('"raw"', '"total_return"')}
    assert read_prices(tmp_path / "prices.csv", ["close", "adj_close"]).carried("adj_close") is Adjustment.TOTAL_RETURN


@pytest.mark.parametrize(
    ("instant", "until"),
    [
        ("2023-11-28 20:59", MON),
        ("2023-11-28 21:01", TUE),
        ("2023-11-28 13:00", MON),
        ("2023-11-29 03:00", TUE),
        ("2023-11-26 15:00", FRI),
    ],
)
def test_prices_end_with_the_last_finished_session(
    quant: Quant, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: str, until: date
) -> None:
    moment = datetime.fromisoformat(instant).replace(tzinfo=UTC)
    monkeypatch.setattr(command, "SystemClock", lambda: FrozenClock(moment))
    assert quant(tmp_path / "prices.csv", symbols="SPY")[0] == 0
    assert source.asked == [(("SPY",), 2, until)]
    assert max(read_prices(tmp_path / "prices.csv", ["close"]).days.tolist()) == until


def test_an_existing_file_is_replaced_with_force_only(quant: Quant, source: Source, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("mine")
    code, _, err = quant(path)
    assert (code, err) == (1, f"quant: {path} exists; choose another name, or replace it with --force\n")
    assert (path.read_text(), source.asked) == ("mine", [])
    assert quant(path, "--force")[0] == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("options", "more", "code", "message"),
    [
        ({"platform": "ibrk"}, (), 1, "platform 'ibrk' has no prices to pull; installed: broken, fake"),
        ({"platform": "broken"}, (), 1, "platform broken cannot be used: No module named 'ib_async'; install its app"),
        ({"symbols": "SPY,NOSUCH,XX"}, (), 1, "fake has no daily prices of NOSUCH, XX; nothing was written"),
        ({"symbols": "SPY,AGG"}, ("--adjusted",), 1, "fake delivers no total return (adj_close) of AGG; leave out"),
        ({"symbols": "SPY,DOWN"}, (), 1, "the Gateway is not available"),
        ({"symbols": "SPY,TWICE"}, (), 1, "the source delivered TWICE on 2023-11-24 twice; nothing was written"),
        ({"symbols": "ZERO"}, (), 1, "the source delivered close of ZERO on 2023-11-24 as 0; nothing was written"),
        ({"symbols": "SPY,,AGG"}, (), 2, "--symbols: '' is not a symbol; write them as SPY,AGG"),
        ({"symbols": "spy"}, (), 2, "--symbols: 'spy' is not a symbol"),
        ({"symbols": "../SPY"}, (), 2, "is not a symbol"),
        ({"symbols": None}, (), 2, "say what to pull: --symbols SPY,AGG, or --profile NAME"),
        ({"symbols": None, "profile": "gemm"}, (), 1, "profile 'gemm' is not known; known: gem"),
        ({"years": "0"}, (), 2, "--years"),
        ({"years": "31"}, (), 2, "--years"),
        ({"years": "two"}, (), 2, "--years"),
    ],
)
def test_what_cannot_be_meant_or_had_is_one_line_and_leaves_no_file(
    quant: Quant,
    source: Source,
    tmp_path: Path,
    options: dict[str, str | None],
    more: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    source.fails_on = "DOWN"
    zero = [DailyBar(FRI, 0.0, 1.0)]
    plain = bars(90.0, adjusted=False)
    source.bars = {**source.bars, "AGG": plain, "TWICE": [*bars(9.0), *bars(9.0)], "ZERO": zero}
    ended, out, err = quant(tmp_path / "new" / "prices.csv", *more, **options)
    assert (ended, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"), [("prices.txt", "a price file ends in .csv or .parquet"), ("f.csv", "is a folder")]
)
def test_a_target_that_is_no_price_file_is_refused_before_anything_is_pulled(
    quant: Quant, source: Source, tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "f.csv").mkdir()
    code, _, err = quant(tmp_path / name, "--force")
    assert (code, message in err, source.asked) == (1, True, [])


def test_a_file_that_cannot_be_made_leaves_what_was_there(tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "file").write_text("text")
    before: dict[str, Any] = tree(tmp_path)
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_prices(tmp_path / "file" / "prices.csv", {"SPY": bars(9.0)}, Adjustment.SPLIT)
    assert tree(tmp_path) == before


def test_years_reach_the_source_as_given(quant: Quant, source: Source, tmp_path: Path) -> None:
    quant(tmp_path / "prices.csv", symbols="SPY, SPY", years="30")
    assert source.asked == [(("SPY",), 30, AFTER_CLOSE.date())]
    assert AFTER_CLOSE.date() - FRI == timedelta(days=4)
