"""The `quant` command: what it prints, its exit codes, and that bad input is one line and changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.paper.broker import read_account
from quant_platform_kit.testing.synthetic import synthetic_prices

from ..command import Answer, Quant, assert_refused, halves

FIRST, LAST = date(2021, 1, 4), date(2022, 6, 30)
MONTH_END, NEXT_MONTH_END, QUIET = date(2022, 4, 29), date(2022, 5, 31), date(2022, 5, 3)
PROFILE = "dual_momentum"
NEEDED = ("AGG", "BIL", "EFA", "SPY")

Tree = Callable[[Path], dict[str, bytes | None]]

MY_STRATEGY = (
    halves('return self.manifest.rebalance(ctx, {"SPY": config.shares, "AGG": 1 - config.shares})')
    + '''

class Greedy(Halves):
    """Twice of everything."""

    def evaluate(self, ctx, config):
        """Decide."""
        return self.manifest.rebalance(ctx, {"SPY": 1, "AGG": 1})


class Shy(Halves):
    """Needs something to start with."""

    def __init__(self, courage):
        """Do not start."""


class NoManifest:
    """Nothing."""

    Config = Halves.Config

    def evaluate(self, ctx, config):
        """Decide."""


number = 5
'''
)


@pytest.fixture(scope="session")
def columns() -> dict[str, list[Any]]:
    """Return the columns of a year and a half of invented prices, with a half-year more of one symbol."""
    return long(synthetic_prices(NEEDED, load_calendar("XNYS"), FIRST, LAST))


def long(prices: LongPrices) -> dict[str, list[Any]]:
    return {
        "date": prices.days.tolist(),
        "symbol": [prices.symbols[code] for code in prices.codes.tolist()],
        **{name: values.tolist() for name, values in prices.columns.items()},
    }


def save(path: Path, columns: dict[str, list[Any]]) -> Path:
    writer = pyarrow.csv.write_csv if path.suffix == ".csv" else pyarrow.parquet.write_table
    writer(pa.table(columns), path)
    return path


@pytest.fixture(scope="session")
def prices(columns: dict[str, list[Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("prices") / "prices.parquet", columns)


@pytest.fixture
def damaged(columns: dict[str, list[Any]], tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of price files with one cell changed, a column left out, rows dropped or a row repeated."""

    def make(*, cell: tuple[str, date, str, object] | None = None, without: str = "", twice: bool = False) -> Path:
        made = {name: [*values] for name, values in columns.items() if name != without}
        keep = [row for row, symbol in enumerate(made["symbol"]) if symbol != without]
        made = {name: [values[row] for row in keep] for name, values in made.items()}
        if cell:
            name, day, symbol, value = cell
            row = list(zip(made["date"], made["symbol"], strict=True)).index((day, symbol))
            made[name][row] = value
        if twice:
            made = {name: [*values, values[-1]] for name, values in made.items()}
        return save(tmp_path / "damaged.parquet", made)

    return make


# --- bad input ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def used(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an account that has traded, and the files of a back-test."""
    folder = tmp_path_factory.mktemp("used")
    binary = Path(sys.executable).with_name("quant")
    common = ["--prices", prices, "--profile", PROFILE, "--json"]
    for command in (
        ["run", *common, "--as-of", MONTH_END, "--book", folder / "book", "--cash", "10000"],
        ["backtest", *common, "--start", "2022-05-02", "--end", LAST, "--out", folder / "out"],
    ):
        subprocess.run([binary, *map(str, command)], check=True, capture_output=True, cwd=folder)
    return folder


@pytest.fixture(params=["fresh", "used"])
def folder(request: pytest.FixtureRequest, used: Path, tmp_path: Path) -> Path:
    """Return a folder whose ``book`` and ``out`` are absent, or in use."""
    made = tmp_path / "folder"
    if request.param == "used":
        shutil.copytree(used, made)
    else:
        made.mkdir()
    return made


@pytest.fixture
def backtest_refuses(quant: Quant, prices: Path, folder: Path, tree: Tree) -> Callable[..., None]:
    def check(*words: str, code: int = 1, **changes: object) -> None:
        options: dict[str, object] = {
            "prices": prices,
            "profile": PROFILE,
            "start": "2022-05-02",
            "end": LAST,
            "out": folder / "out",
            **changes,
        }
        before = tree(folder)
        assert_refused(quant("backtest", *flags(options)), *words, code=code)
        assert tree(folder) == before
        assert tree(Path.cwd()) == {}

    return check


@pytest.fixture
def run_refuses(quant: Quant, prices: Path, folder: Path, tree: Tree) -> Callable[..., None]:
    def check(*words: str, code: int = 1, **changes: object) -> None:
        options: dict[str, object] = {
            "prices": prices,
            "profile": PROFILE,
            "as-of": NEXT_MONTH_END,
            "book": folder / "book",
            "cash": 10_000,
            **changes,
        }
        before = tree(folder)
        assert_refused(quant("run", *flags(options)), *words, code=code)
        assert tree(folder) == before
        assert tree(Path.cwd()) == {}

    return check


def flags(options: dict[str, object]) -> list[str]:
    return [part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))]


Refuses = Callable[..., None]


def test_an_unknown_profile_is_refused_with_the_known_ones(backtest_refuses: Refuses, run_refuses: Refuses) -> None:
    words = ("profile 'dual_momentun' is not known; known: ", *catalog())
    backtest_refuses(*words, profile="dual_momentun")
    run_refuses(*words, profile="dual_momentun")


@pytest.mark.parametrize("column", ["date", "symbol", "close", "adj_close"])
def test_a_file_without_a_needed_column_is_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, damaged: Callable[..., Path], column: str
) -> None:
    path = save(damaged().with_name("bare.parquet"), {"date": [], "symbol": [], "close": [], "adj_close": []})
    table = pyarrow.parquet.read_table(damaged()).drop_columns([column])
    pyarrow.parquet.write_table(table, path)
    backtest_refuses(str(path), f"has no column {column}; it has ", prices=path)
    run_refuses(str(path), f"has no column {column}; it has ", prices=path)


def test_a_fill_at_the_open_needs_the_column(backtest_refuses: Refuses, damaged: Callable[..., Path]) -> None:
    backtest_refuses("has no column open", prices=damaged(without="open"))


def test_a_needed_symbol_that_is_missing_is_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, damaged: Callable[..., Path]
) -> None:
    path = damaged(without="EFA")
    backtest_refuses(f"{path} has no prices of EFA; it holds AGG, BIL, SPY", prices=path)
    run_refuses(f"{path} has no prices of EFA; it holds AGG, BIL, SPY", prices=path)


def test_a_date_and_symbol_twice_are_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, damaged: Callable[..., Path]
) -> None:
    path = damaged(twice=True)
    backtest_refuses(f"{path} has SPY on 2022-06-30 twice", prices=path)
    run_refuses(f"{path} has SPY on 2022-06-30 twice", prices=path)


@pytest.mark.parametrize(("price", "shown"), [(0.0, "0"), (-12.5, "-12.5"), (float("inf"), "inf")])
def test_a_price_that_is_not_positive_and_finite_is_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, damaged: Callable[..., Path], price: float, shown: str
) -> None:
    path = damaged(cell=("adj_close", date(2021, 3, 1), "SPY", price))
    backtest_refuses(str(path), f"of SPY on 2021-03-01 is {shown};", prices=path)
    run_refuses(str(path), f"close of SPY on 2021-03-01 is {shown};", prices=path)


def test_a_close_of_zero_below_a_good_adjusted_one_is_refused(
    backtest_refuses: Refuses, damaged: Callable[..., Path]
) -> None:
    backtest_refuses("of SPY on 2021-03-01", prices=damaged(cell=("close", date(2021, 3, 1), "SPY", 0.0)))


def test_a_date_that_is_no_session_is_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, damaged: Callable[..., Path]
) -> None:
    path = damaged(cell=("date", date(2021, 3, 1), "SPY", date(2021, 2, 28)))
    backtest_refuses(f"{path} has prices on 2021-02-28, which is not a session of XNYS", prices=path)
    run_refuses(f"{path} has prices on 2021-02-28, which is not a session of XNYS", prices=path)


def test_a_needed_symbol_without_a_price_in_the_last_session_is_refused(
    backtest_refuses: Refuses, damaged: Callable[..., Path]
) -> None:
    path = damaged(cell=("adj_close", LAST, "BIL", None))
    backtest_refuses(f"no price on the last session {LAST}: BIL; choose an earlier --end", prices=path)


def test_a_back_test_that_ends_before_there_is_enough_history_is_refused(backtest_refuses: Refuses) -> None:
    backtest_refuses("the last session 2021-06-30 is BLOCKED: short history", start="2021-03-01", end="2021-06-30")


def test_a_back_test_that_ends_before_it_starts_is_refused(backtest_refuses: Refuses) -> None:
    backtest_refuses("--end 2022-05-02 is before --start 2022-06-30", start="2022-06-30", end="2022-05-02")


@pytest.mark.parametrize(("start", "end"), [("2020-12-31", LAST), ("2022-05-02", "2022-07-01")])
def test_a_back_test_beyond_the_prices_is_refused(backtest_refuses: Refuses, start: str, end: object) -> None:
    backtest_refuses("is not covered: the prices run from 2021-01-04 to 2022-06-30", start=start, end=end)


def test_a_benchmark_that_is_not_in_the_file_is_refused(backtest_refuses: Refuses) -> None:
    backtest_refuses("has no prices of QQQ", benchmark="QQQ")


@pytest.mark.parametrize(
    ("given", "words"),
    [("QQQ", "has no prices of QQQ"), ("2", "--risk-free is 2; a rate"), ("-1", "--risk-free is -1")],
)
def test_a_risk_free_rate_that_is_none_is_refused(backtest_refuses: Refuses, given: str, words: str) -> None:
    backtest_refuses(words, **{"risk-free": given})


@pytest.mark.parametrize("bps", ["-1", "1001"])
def test_costs_out_of_bounds_are_refused(backtest_refuses: Refuses, bps: str) -> None:
    backtest_refuses(f"--commission-bps is {bps}", **{"commission-bps": bps})
    backtest_refuses(f"--slippage-bps is {bps}", **{"slippage-bps": bps})


@pytest.mark.parametrize("cash", ["-5", "0"])
def test_cash_that_is_not_positive_is_refused(backtest_refuses: Refuses, run_refuses: Refuses, cash: str) -> None:
    backtest_refuses(f"--cash is {cash}", "positive amount", cash=cash)
    run_refuses(f"--cash is {cash}", "positive amount", cash=cash)


def test_a_path_below_a_regular_file_is_refused(backtest_refuses: Refuses, run_refuses: Refuses, folder: Path) -> None:
    (folder / "file").write_text("text")
    for path in (folder / "file", folder / "file" / "below", folder / "file" / "far" / "below"):
        backtest_refuses(f"--out {path} cannot be written", "choose another folder", out=path)
        run_refuses(str(path), book=path)


def test_a_file_that_cannot_be_replaced_leaves_the_others_as_they_were(backtest_refuses: Refuses, folder: Path) -> None:
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out" / "report.html").mkdir(parents=True)
    (folder / "out" / "decisions.jsonl").write_text("of an earlier back-test")
    backtest_refuses(f"--out {folder / 'out'} cannot be written")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("colour=red", "config of nasdaq_sp500_smart_dca: colour is not known; known: monthly_amount"),
        ("monthly_amount=0", "config of nasdaq_sp500_smart_dca: monthly_amount is '0': Input should be greater than 0"),
        ("monthly_amount=much", "config of nasdaq_sp500_smart_dca: monthly_amount is 'much': Input should be a valid"),
        ("absent.toml", "--config absent.toml: No such file or directory; give KEY=VALUE, a TOML or a JSON file"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, config: str, words: str
) -> None:
    backtest_refuses(words, profile="nasdaq_sp500_smart_dca", config=config)
    run_refuses(words, profile="nasdaq_sp500_smart_dca", config=config)


def test_a_configuration_file_that_is_no_toml_is_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_bytes(b"monthly_amount 5\n\xff")
    backtest_refuses("bad.toml is not TOML", config=tmp_path / "bad.toml")
    run_refuses("bad.toml is not TOML", config=tmp_path / "bad.toml")


@pytest.mark.parametrize("day", [date(2022, 5, 30), date(2022, 5, 28)])
def test_a_day_that_is_no_session_is_refused(run_refuses: Refuses, day: date) -> None:
    run_refuses(
        f"{day} is not a session of XNYS; the sessions around it are 2022-05-27 and 2022-05-31", **{"as-of": day}
    )


@pytest.mark.parametrize("day", [LAST, date(2022, 7, 1), date(2020, 12, 30)])
def test_a_day_without_a_session_after_it_in_the_file_is_refused(run_refuses: Refuses, day: date) -> None:
    run_refuses(f"--as-of {day} trades on", "which has no prices in", "2021-01-04 to 2022-06-30", **{"as-of": day})


def test_a_day_outside_the_calendar_is_refused(run_refuses: Refuses) -> None:
    run_refuses("2035-01-02 is outside the XNYS calendar", **{"as-of": "2035-01-02"})


def test_a_new_account_without_cash_is_refused(quant: Quant, prices: Path, tmp_path: Path) -> None:
    book = tmp_path / "book"
    answer = quant("run", "--prices", prices, "--profile", PROFILE, "--as-of", MONTH_END, "--book", book)
    assert_refused(answer, f"there is no paper account in {book}; fund a new one with --cash")
    assert not book.exists()


def test_the_service_of_a_platform_takes_no_options_of_paper(run_refuses: Refuses) -> None:
    run_refuses("--platform ibkr runs its service: the environment says the rest", code=2, platform="ibkr")


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("start", "2022-13-01", "'2022-13-01' is not a date; write it as 2023-12-29"),
        ("cash", "much", "'much' is not a number; write it as 100000 or 0.5"),
        ("cash", "NaN", "'NaN' is not a number"),
        ("price-field", "open", "'open' is not a price field; choose close or adj_close"),
        ("fill", "never", "next-open"),
        ("execution", "dream", "realistic"),
        ("profile", None, "give either --profile NAME or --strategy FILE.py:CLASS"),
        ("strategy", "my.py:Mine", "give either --profile NAME or --strategy FILE.py:CLASS"),
        ("prices", None, "--prices"),
        ("colour", "red", "--colour"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(
    backtest_refuses: Refuses, option: str, text: str | None, words: str
) -> None:
    backtest_refuses(words, code=2, **{option: text})


def test_wrong_usage_of_a_run_is_one_line_and_exit_code_two(run_refuses: Refuses) -> None:
    run_refuses("is not a date", code=2, **{"as-of": "tomorrow"})
    run_refuses("is not a number", code=2, cash="Infinity")
    run_refuses("give either --profile", code=2, profile=None)


# --- the same run again ---------------------------------------------------------------------------


@pytest.fixture
def book(used: Path, tmp_path: Path) -> Path:
    """Return an account that has traded once, after `MONTH_END`."""
    shutil.copytree(used / "book", tmp_path / "book")
    return tmp_path / "book"


@pytest.fixture
def run(quant: Quant, prices: Path, book: Path) -> Callable[..., Answer]:
    def go(**changes: object) -> Answer:
        options = {"prices": prices, "profile": PROFILE, "as-of": MONTH_END, "book": book, **changes}
        return quant("run", *flags(options), "--json")

    return go


def test_a_run_fills_its_book_and_reports_what_it_did(run: Callable[..., Answer], book: Path) -> None:
    report = run(cash=10_000).document
    assert (report["outcome"], report["action"], report["as_of"]) == ("completed", "REBALANCE", "2022-04-29")
    assert report["key"]["session"] == "2022-05-02"
    (order,) = report["orders"]
    assert (order["side"], order["state"], order["filled"]) == ("BUY", "FILLED", order["quantity"])
    account = read_account(book)
    assert account.book.quantities == {order["symbol"]: Decimal(order["quantity"])}
    paid = Decimal(order["quantity"]) * Decimal(order["average_price"]) + Decimal(order["commission"])
    assert account.book.cash == 10_000 - paid
    assert paid <= Decimal("9950.01"), "the buffer of half a percent stays in cash"


def test_the_same_run_again_reports_the_same_and_changes_nothing(
    run: Callable[..., Answer], book: Path, tree: Tree
) -> None:
    before = tree(book)
    for cash in (10_000, None, "10000.00"):
        assert run(cash=cash).document == run().document
    assert tree(book) == before


def test_the_same_run_on_other_prices_reports_what_it_did_before(
    run: Callable[..., Answer], book: Path, tree: Tree, damaged: Callable[..., Path]
) -> None:
    before, report = tree(book), run().document
    other = damaged(cell=("adj_close", date(2022, 5, 2), "AGG", 1.0))
    assert run(prices=other).document == report
    assert tree(book) == before


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cash": 10_001}, ("--cash is 10001;", "was funded with 10000: use that amount")),
        ({"profile": "global_etf_rotation"}, ("has no prices of",)),
        ({"as-of": date(2022, 4, 28)}, ("--as-of 2022-04-28:", "traded on 2022-05-02 already")),
    ],
)
def test_a_run_that_contradicts_the_book_is_refused(
    run: Callable[..., Answer], book: Path, tree: Tree, changes: dict[str, object], words: tuple[str, ...]
) -> None:
    before = tree(book)
    assert_refused(run(**changes), *words)
    assert tree(book) == before


def test_the_same_session_for_another_strategy_is_refused(
    run: Callable[..., Answer], book: Path, tree: Tree, mine: Path
) -> None:
    before = tree(book)
    answer = run(profile=None, strategy=f"{mine}:Halves")
    assert_refused(answer, "was started for dual_momentum", "asked was halves", "use another account or slot")
    assert tree(book) == before


def test_the_next_session_holds_and_is_no_action(run: Callable[..., Answer], book: Path) -> None:
    before = read_account(book)
    report = run(**{"as-of": QUIET}).document
    assert (report["outcome"], report["action"], report["orders"]) == ("no_action", "HOLD", [])
    assert read_account(book).reports == before.reports


def test_a_run_before_there_is_enough_history_is_blocked_and_exits_with_one(
    quant: Quant, prices: Path, tmp_path: Path
) -> None:
    options = ["--prices", prices, "--profile", PROFILE, "--as-of", "2021-06-30", "--book", tmp_path / "book"]
    answer = quant("run", *options, "--cash", 10_000, "--json")
    assert answer.code == 1
    assert (answer.document["outcome"], answer.document["action"]) == ("blocked", "BLOCKED")
    assert answer.document["reasons"] == ["short history: 124 sessions; needs 12 month ends"]
    assert read_account(tmp_path / "book").book.cash == 10_000
    people = quant("run", *options)
    assert (people.code, people.err) == (1, "quant: blocked: short history: 124 sessions; needs 12 month ends\n")
    assert "blocked" in people.out
    assert "short history: 124 sessions" in people.out


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (MONTH_END, "no bar on 2022-04-29: BIL"),
        (date(2022, 5, 2), "no price for AGG, which has to be traded"),
    ],
)
def test_a_needed_symbol_without_a_price_blocks_a_run_and_nothing_is_traded(
    quant: Quant, damaged: Callable[..., Path], tmp_path: Path, day: date, reason: str
) -> None:
    path = damaged(cell=("adj_close", day, reason.split()[-1] if day == MONTH_END else "AGG", None))
    answer = quant(
        *("run", "--prices", path, "--profile", PROFILE, "--as-of", MONTH_END, "--book", tmp_path / "book"),
        *("--cash", 10_000, "--json"),
    )
    assert answer.code == 1
    assert answer.document["outcome"] == "blocked"
    assert reason in answer.document["reasons"]
    assert read_account(tmp_path / "book").reports == {}


# --- a strategy of one's own ----------------------------------------------------------------------


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (tmp_path / "my.py").write_text(MY_STRATEGY)
    return tmp_path / "my.py"


def test_a_strategy_of_ones_own_can_be_back_tested_and_run(
    quant: Quant, prices: Path, mine: Path, tmp_path: Path
) -> None:
    common = ["--prices", prices, "--strategy", f"{mine}:Halves", "--config", "shares=0.75", "--execution", "ideal"]
    period = ["--start", "2022-05-02", "--end", LAST]
    tested = quant("backtest", *common, *period, "--out", tmp_path / "out", "--json").document
    assert (tested["profile"], tested["rebalance_decisions"], tested["costs"]) == ("halves", 41, 0)
    ran = quant("run", *common, "--as-of", QUIET, "--book", tmp_path / "book", "--cash", 10_000, "--json").document
    assert ran["outcome"] == "completed"
    spent = {o["symbol"]: Decimal(o["quantity"]) * Decimal(o["average_price"]) for o in ran["orders"]}
    assert {symbol: round(amount, 2) for symbol, amount in spent.items()} == {"AGG": 2500, "SPY": 7500}


def test_a_strategy_file_may_use_annotations_from_the_future_and_dataclasses(
    quant: Quant, prices: Path, tmp_path: Path
) -> None:
    settings = "from dataclasses import dataclass\n\n@dataclass\nclass Pair:\n    shares: Decimal\n"
    (tmp_path / "my.py").write_text(f"from __future__ import annotations\n{MY_STRATEGY}\n{settings}")
    common = ["--prices", prices, "--strategy", f"{tmp_path / 'my.py'}:Halves", "--start", "2022-05-02", "--end", LAST]
    answer = quant("backtest", *common, "--out", tmp_path / "out")
    assert answer.code == 0, answer


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("{mine}", "write FILE.py:CLASS, such as my.py:MyStrategy"),
        ("{mine}:", "write FILE.py:CLASS"),
        ("{mine}:Absent", "has no Absent; it has"),
        ("{mine}:NoManifest", "is no strategy: it needs a StrategyManifest 'manifest' and 'evaluate'"),
        ("{mine}:number", "is no strategy"),
        ("{mine}:Shy", "Shy"),
        ("{mine}x:Halves", "is not a Python file that can be read"),
        ("absent.py:Halves", "strategy file absent.py is not a Python file that can be read"),
    ],
)
def test_a_reference_to_no_strategy_is_refused(
    backtest_refuses: Refuses, run_refuses: Refuses, mine: Path, reference: str, words: str
) -> None:
    backtest_refuses(words, profile=None, strategy=reference.format(mine=mine))
    run_refuses(words, profile=None, strategy=reference.format(mine=mine))


@pytest.mark.parametrize("code", ["1 / 0", "import absent_module", "def broken(:"])
def test_a_strategy_file_that_fails_to_load_is_refused(backtest_refuses: Refuses, tmp_path: Path, code: str) -> None:
    (tmp_path / "bad.py").write_text(code)
    backtest_refuses(f"strategy file {tmp_path / 'bad.py'} fails to load", profile=None, strategy=tmp_path / "bad.py:X")


def test_a_strategy_that_breaks_the_contract_is_refused(backtest_refuses: Refuses, mine: Path) -> None:
    backtest_refuses("halves: weights sum to 2.000000000; the bound is 1", profile=None, strategy=f"{mine}:Greedy")


def test_a_strategys_own_bounds_hold(backtest_refuses: Refuses, mine: Path) -> None:
    words = "config of halves: shares is '1.5': Input should be less than or equal to 1"
    backtest_refuses(words, profile=None, strategy=f"{mine}:Halves", config="shares=1.5")


# --- the back-test --------------------------------------------------------------------------------


def test_a_back_test_writes_its_files_and_prints_its_figures(quant: Quant, prices: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    options = ["--prices", prices, "--profile", PROFILE, "--start", "2022-03-01", "--end", LAST, "--out", out]
    tested = quant("backtest", *options, "--json").document
    names = {"summary.json", "equity.parquet", "orders.parquet", "decisions.jsonl", "report.html"}
    assert {path.name for path in out.iterdir()} == names
    assert {Path(name).name for name in tested["files"]} == names
    summary = json.loads((out / "summary.json").read_bytes())
    assert summary.items() <= tested.items()
    decisions = [json.loads(line) for line in (out / "decisions.jsonl").read_text().splitlines()]
    assert len(decisions) == tested["runs"] == tested["sessions"] - 1
    assert tested["final_decision"]["as_of"] == "2022-06-30"
    equity = pyarrow.parquet.read_table(out / "equity.parquet").to_pydict()
    assert len(equity["session"]) == tested["sessions"]
    assert equity["equity"][-1] / equity["equity"][0] == pytest.approx(tested["final_multiple"])
    held = np.sum([values for name, values in equity.items() if name.startswith("value_")], axis=0)
    assert (np.array(equity["cash"]) + held).tolist() == pytest.approx(equity["equity"])
    orders = pyarrow.parquet.read_table(out / "orders.parquet").to_pydict()
    assert sum(orders["cost"]) == pytest.approx(tested["costs"])
    assert all(session > as_of for as_of, session in zip(orders["as_of"], orders["session"], strict=True))


def test_a_back_test_is_the_same_twice_and_out_of_csv(
    quant: Quant, prices: Path, columns: dict[str, list[Any]], tmp_path: Path
) -> None:
    csv = save(tmp_path / "prices.csv", columns)
    period = ["--profile", PROFILE, "--start", "2022-03-01", "--end", LAST, "--json"]
    results = [
        quant("backtest", "--prices", path, *period, "--out", tmp_path / name).document
        for path, name in ((prices, "a"), (prices, "b"), (csv, "c"))
    ]
    origins = [result.pop("produced_by") for result in results]
    figures = [{k: v for k, v in result.items() if k not in ("files", "out")} for result in results]
    assert figures[0] == figures[1] == figures[2]
    assert origins[0] == origins[1]
    assert {name for name, value in origins[0].items() if origins[2][name] != value} == {"prices"}
    assert (tmp_path / "a" / "summary.json").read_bytes() == (tmp_path / "b" / "summary.json").read_bytes()
    assert len({(tmp_path / folder / "decisions.jsonl").read_bytes() for folder in "abc"}) == 1


def test_a_result_says_what_produced_it(quant: Quant, prices: Path, mine: Path, tmp_path: Path) -> None:
    options = ["--prices", prices, "--strategy", f"{mine}:Halves", "--config", "shares=0.75", "--slippage-bps", "3.50"]
    quant("backtest", *options, "--start", "2022-05-01", "--end", LAST, "--out", tmp_path / "out")
    told = json.loads((tmp_path / "out" / "summary.json").read_bytes())["produced_by"]
    hashes = {path: sha256(path.read_bytes()) for path in (prices, mine)}
    assert told["prices"] == [{"file": str(prices), "sha256": hashes[prices]}]
    assert told["strategy"] == {"class": "Halves", "file": "my.py", "sha256": hashes[mine]}
    expected = {
        "version": version("quant-platform-kit"), "profile": "halves", "config": {"shares": "0.75"},
        "price_field": "adj_close", "carries": "total_return", "fill": "next-open", "execution": "realistic",
        "commission_bps": "1", "slippage_bps": "3.5", "cash": "100000", "start": "2022-05-01", "end": str(LAST),
        "benchmark": "SPY",
    }  # fmt: skip
    assert expected.items() <= told.items()
    installed = quant(
        "backtest", "--prices", prices, "--profile", PROFILE, "--start", "2022-05-02", "--end", LAST,
        "--out", tmp_path / "other", "--json",
    ).document["produced_by"]["strategy"]  # fmt: skip
    assert installed["package"] == "us-equity-strategies"


def test_another_result_is_replaced_only_by_force(quant: Quant, prices: Path, tmp_path: Path, tree: Tree) -> None:
    out = tmp_path / "out"
    options = ["--prices", prices, "--profile", PROFILE, "--start", "2022-05-02", "--end", LAST, "--out", out]
    assert quant("backtest", *options).code == 0
    before = tree(out)
    assert quant("backtest", *options).code == 0
    assert tree(out) == before
    refused = quant("backtest", *options, "--cash", 5000)
    assert_refused(refused, f"--out {out} holds another result: its summary.json differs in cash; ", "--force")
    assert tree(out) == before
    assert quant("backtest", *options, "--cash", 5000, "--force").code == 0
    (out / "summary.json").write_text("{}")
    assert_refused(quant("backtest", *options), "differs in produced_by")


def test_a_run_decides_what_the_back_test_decided(quant: Quant, prices: Path, tmp_path: Path) -> None:
    common = ["--prices", prices, "--profile", PROFILE, "--json"]
    quant("backtest", *common, "--start", "2022-03-01", "--end", LAST, "--out", tmp_path / "out")
    lines = (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()
    digests = {line["as_of"]: line["digest"] for line in map(json.loads, lines)}
    for day in (MONTH_END, QUIET, NEXT_MONTH_END):
        ran = quant("run", *common, "--as-of", day, "--book", tmp_path / str(day), "--cash", 100_000).document
        assert ran["decision_digest"] == digests[str(day)]


def test_prices_of_another_adjustment_are_remarked_on(quant: Quant, prices: Path, tmp_path: Path) -> None:
    options = ["--prices", prices, "--profile", PROFILE, "--start", "2022-03-01", "--end", LAST]
    answer = quant("backtest", *options, "--out", tmp_path / "out", "--price-field", "close")
    assert answer.code == 0
    assert "dual_momentum is meant for total_return prices, not close" in answer.err


def test_without_a_terminal_a_good_back_test_leaves_standard_error_empty(
    quant: Quant, prices: Path, tmp_path: Path
) -> None:
    options = ["--prices", prices, "--profile", PROFILE, "--start", "2022-03-01", "--end", LAST]
    answer = quant("backtest", *options, "--out", tmp_path / "out")
    assert (answer.code, answer.err) == (0, "")
    assert "CAGR" in answer.out


# --- looking ---------------------------------------------------------------------------------------


def test_every_profile_of_the_catalog_is_enabled_on_paper(quant: Quant) -> None:
    rows = quant("profiles", "--json").document
    paper = {row["profile"]: row for row in rows if row["platform"] == "paper"}
    assert paper.keys() == catalog().keys()
    assert all(row["enabled"] and row["eligible"] and not row["reasons"] for row in paper.values())
    people = quant("profiles")
    assert (people.code, people.err) == (0, "")
    assert all(profile in people.out for profile in paper)
    assert "…" not in people.out, "nothing is cut on a terminal of 80 columns"


def test_for_every_profile_it_is_said_what_it_reads(quant: Quant) -> None:
    reads = {row["profile"]: row["reads"] for row in quant("profiles", "--json").document}
    for profile, strategy in catalog().items():
        manifest = strategy.manifest
        contract = manifest.features
        assert reads[profile]["symbols"] == list(manifest.history_symbols)
        assert (reads[profile]["features"] or {}).get("reads") == (list(contract.reads) if contract else None)
    lines = quant("profiles").out.splitlines()
    assert "dual_momentum (weights, direct) reads 299 sessions of AGG, BIL, EFA, SPY" in lines
    columns = "history, adv20_usd, mom_6_1, mom_12_1, sma200_gap, vol_126, beta_252; sma200_gap of SPY"
    assert f"russell_1000_multi_factor_defensive (weights, snapshot) reads a feature snapshot: {columns}" in lines
    (pullback,) = (line for line in lines if line.startswith("tech_communication_pullback_enhancement (weights"))
    assert pullback.endswith("; sma200_gap of QQQ; needs a configuration file")


def test_an_account_is_shown_as_it_is(quant: Quant, book: Path, tree: Tree) -> None:
    before, account = tree(book), read_account(book)
    shown = quant("paper", "show", "--book", book, "--json").document
    assert (shown["account_id"], shown["funded"]) == (account.book.account_id, "10000")
    assert {s: Decimal(q) for s, q in shown["positions"].items()} == account.book.quantities
    assert Decimal(shown["cash"]) == account.book.cash
    assert len(shown["fills"]) == 1
    people = quant("paper", "show", "--book", book)
    assert "1 fills of 1 orders; funded with 10,000.00" in people.out
    assert tree(book) == before


def test_an_account_that_is_not_there_is_refused(quant: Quant, tmp_path: Path) -> None:
    assert_refused(quant("paper", "show", "--book", tmp_path / "none"), str(tmp_path / "none"), "No such file")
    assert not (tmp_path / "none").exists()


def test_a_price_check_says_what_is_usable_and_for_whom(quant: Quant, prices: Path) -> None:
    checked = quant("prices", "check", prices, "--json").document
    assert checked["columns"] == ["close", "adj_close", "open"]
    assert [series["symbol"] for series in checked["series"]] == list(NEEDED)
    assert {(s["first"], s["last"], s["bars"], s["missing"]) for s in checked["series"]} == {
        ("2021-01-04", "2022-06-30", 376, 0)
    }
    uses = {use["profile"]: use for use in checked["profiles"]}
    assert uses.keys() == catalog().keys()
    assert uses[PROFILE]["usable"]
    assert "all 4 symbols from 2021-01-04 to 2022-06-30" in uses[PROFILE]["remark"]
    assert not uses["nasdaq_sp500_smart_dca"]["usable"]
    assert "QQQ" in uses["nasdaq_sp500_smart_dca"]["remark"]
    assert checked["usable"]


def test_a_price_check_names_what_is_wrong_and_exits_with_one_when_a_profile_cannot_use_the_file(
    quant: Quant, damaged: Callable[..., Path]
) -> None:
    path = damaged(cell=("adj_close", date(2021, 3, 1), "EFA", -1.0))
    for profile, code in ((None, 0), (PROFILE, 1)):
        answer = quant("prices", "check", path, "--json", *(["--profile", profile] if profile else []))
        assert answer.code == code
        assert len(answer.document["problems"]) == 1
        assert "close of EFA on 2021-03-01 is -1" in answer.document["problems"][0]["text"]
    people = quant("prices", "check", path, "--profile", PROFILE)
    assert (people.code, people.err) == (1, f"quant: {path}: no usable prices of EFA\n")
    assert "no usable prices of EFA" in people.out


def test_a_price_check_counts_missing_bars(quant: Quant, damaged: Callable[..., Path]) -> None:
    path = damaged(cell=("adj_close", date(2021, 3, 1), "EFA", None))
    checked = quant("prices", "check", path, "--profile", PROFILE, "--json").document
    assert {s["symbol"]: s["missing"] for s in checked["series"]} == {"AGG": 0, "BIL": 0, "EFA": 1, "SPY": 0}
    assert "missing bars: EFA 1" in checked["profiles"][0]["remark"]


def test_a_price_check_of_no_price_file_is_refused(quant: Quant, tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    assert_refused(quant("prices", "check", tmp_path / "text.csv"), "has no column date, symbol, close; it has a, b")
    assert_refused(quant("prices", "check", tmp_path / "none.csv"), "none.csv")
    assert_refused(quant("prices", "check", tmp_path / "text.csv", "--profile", "nobody"), "'nobody' is not known")


# --- the process ------------------------------------------------------------------------------------


NO_PANDAS = """
import atexit, sys
from quant_platform_kit.cli.main import main
atexit.register(lambda: print("pandas" in sys.modules, file=sys.stderr))
main()
"""


def test_a_run_from_price_file_to_report_does_not_load_pandas(prices: Path, tmp_path: Path) -> None:
    command = ["run", "--prices", prices, "--profile", PROFILE, "--as-of", MONTH_END, "--book", tmp_path / "book"]
    ran = subprocess.run(
        [sys.executable, "-c", NO_PANDAS, *map(str, command), "--cash", "10000", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout)["outcome"] == "completed"
    assert ran.stderr == "False\n"


def test_the_installed_command_ends_with_the_same_code_and_one_line(prices: Path, tmp_path: Path) -> None:
    command = ["run", "--prices", prices, "--profile", "nobody", "--as-of", MONTH_END, "--book", tmp_path / "book"]
    binary = Path(sys.executable).with_name("quant")
    ran = subprocess.run([binary, *map(str, command)], capture_output=True, text=True, check=False)
    assert_refused(Answer(ran.returncode, ran.stdout, ran.stderr), "'nobody' is not known")


def test_the_day_after_the_last_run_is_a_session_of_its_own(run: Callable[..., Answer], book: Path) -> None:
    ids = {run(**{"as-of": MONTH_END + timedelta(days=days)}).document["run_id"] for days in (0, 3, 4)}
    assert len(ids) == 3
    assert len(read_account(book).reports) == 1


# --- entering, and a change of profile ------------------------------------------------------------


def test_a_new_account_waits_for_a_month_end_unless_it_is_told_to_enter_now(
    quant: Quant, prices: Path, tmp_path: Path
) -> None:
    common = ["run", "--prices", prices, "--profile", PROFILE, "--as-of", QUIET, "--cash", 10_000, "--json"]
    waits = quant(*common, "--book", tmp_path / "waits").document
    assert (waits["outcome"], waits["executes"], waits["orders"]) == ("no_action", None, [])
    enters = quant(*common, "--book", tmp_path / "enters", "--enter-now").document
    assert (enters["outcome"], enters["executes"]) == ("completed", MONTH_END.isoformat())
    assert len(enters["orders"]) == 1


BILLS = """
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode
from pydantic import BaseModel


class Bills:
    class Config(BaseModel):
        pass

    manifest = StrategyManifest(
        profile="bills",
        display_name="Bills",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=("BIL",),
        history_sessions=1,
        sources=("test",),
    )

    def evaluate(self, ctx, config):
        return self.manifest.rebalance(ctx, {"BIL": 1.0})
"""


def test_what_an_earlier_profile_bought_is_refused_kept_or_sold_as_asked(
    quant: Quant, prices: Path, tmp_path: Path
) -> None:
    (tmp_path / "bills.py").write_text(BILLS)
    book = ["--prices", prices, "--book", tmp_path / "book", "--json"]
    first = quant("run", *book, "--profile", PROFILE, "--as-of", MONTH_END, "--cash", 10_000).document
    (bought,) = [order["symbol"] for order in first["orders"]]
    assert bought != "BIL"
    change = ["run", *book, "--strategy", f"{tmp_path / 'bills.py'}:Bills"]
    refused = quant(*change, "--as-of", QUIET)
    assert (refused.code, refused.document["orders"]) == (1, [])
    assert f"an earlier profile bought {bought}: run with handover sell or keep" in refused.document["reasons"]
    kept = quant(*change, "--as-of", QUIET, "--slot", "again", "--handover", "keep").document
    assert bought in kept["account"]["quantities"]
    sold = quant(*change, "--as-of", NEXT_MONTH_END, "--handover", "sell").document
    assert [(order["side"], order["symbol"]) for order in sold["orders"]] == [("SELL", bought), ("BUY", "BIL")]
    assert sorted(sold["account"]["quantities"]) == ["BIL"]
