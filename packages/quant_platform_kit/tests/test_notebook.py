"""`from quant_platform_kit import backtest, load_prices`: what `quant backtest` writes, as frames."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import BaseModel, Field
from quant_platform_kit import Backtest, backtest, load_prices, sweep
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.price_files import LongPrices
from quant_platform_kit.adapters.strategies import bind, find_strategy
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.testing.synthetic import synthetic_prices

FIRST, LAST = date(2021, 1, 4), date(2022, 6, 30)
START, END = "2021-06-01", "2022-06-30"
PROFILE = "dual_momentum"
ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.py"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prices") / "prices.parquet"
    made = synthetic_prices(("AGG", "BIL", "EFA", "SPY"), load_calendar("XNYS"), FIRST, LAST)
    symbols = [made.symbols[code] for code in made.codes]
    pd.DataFrame({"date": made.days, "symbol": symbols, **made.columns}).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def prices(file: Path) -> LongPrices:
    return load_prices(file)


@pytest.fixture(scope="module")
def tested(prices: LongPrices) -> Backtest:
    return backtest(PROFILE, prices, START, END)


def test_frames_hold_what_the_command_writes(
    file: Path, tested: Backtest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--profile", PROFILE, "--prices", file, "--start", START, "--end", END, "--out", tmp_path / "out")
    monkeypatch.setattr(sys, "argv", ["quant", "backtest", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    equity = pd.read_parquet(tmp_path / "out" / "equity.parquet").set_index("session")
    pd.testing.assert_frame_equal(tested.equity, equity)
    pd.testing.assert_frame_equal(tested.orders, pd.read_parquet(tmp_path / "out" / "orders.parquet"))
    lines = (tmp_path / "out" / "decisions.jsonl").read_text().splitlines()
    assert tested.decisions["digest"].tolist() == [json.loads(line)["digest"] for line in lines]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert tested.summary.decisions_digest == summary["decisions_digest"]


def test_a_strategy_may_be_named_given_or_bound(prices: LongPrices, tested: Backtest) -> None:
    strategy = find_strategy(PROFILE)
    for given in (strategy, bind(strategy)):
        assert backtest(given, prices, date(2021, 6, 1), date(2022, 6, 30)).summary == tested.summary


def test_what_is_given_counts(prices: LongPrices, tested: Backtest) -> None:
    other = backtest(
        PROFILE, prices, START, END, cash=5_000, fill="next-close", execution="ideal", price_field="close",
        commission_bps="2.5", slippage_bps=1, benchmark="EFA",
    )  # fmt: skip
    assert other.equity["equity"].iloc[0] == 5_000
    assert other.result.benchmark_symbol == "EFA"
    assert other.orders["commission"].sum() > 0
    assert other.summary != tested.summary


def test_ratios_are_above_what_cash_earned(file: Path, prices: LongPrices, tested: Backtest) -> None:
    bil = pd.read_parquet(file).query("symbol == 'BIL'").set_index("date")["adj_close"]
    sessions = pd.DatetimeIndex(tested.equity.index)
    excess = tested.equity["equity"].pct_change().to_numpy()[1:] - bil.loc[sessions].pct_change().to_numpy()[1:]
    sheet = backtest(PROFILE, prices, START, END, risk_free="BIL").tear_sheet
    assert sheet.risk_free == "BIL"
    assert sheet.measures.sharpe == pytest.approx(excess.mean() / excess.std(ddof=1) * 252**0.5)
    assert tested.tear_sheet.risk_free is None
    assert tested.tear_sheet.measures.sharpe == tested.summary.sharpe
    rate = backtest(PROFILE, prices, START, END, risk_free=0.02).tear_sheet
    assert rate.risk_free == "2.00% a year"
    assert rate.measures.sharpe is not None
    assert tested.summary.sharpe is not None
    assert rate.measures.sharpe < tested.summary.sharpe


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a profile that nobody has installed": ({"strategy": "nowhere"}, "profile 'nowhere' is not known"),
    "a file that is not there": ({"strategy": "no.py:Mine"}, "no.py"),
    "a start that is no date": ({"start": "tomorrow"}, "start is 'tomorrow'; it has to be a date"),
    "an end before the start": ({"end": "2020-01-02"}, "--end 2020-01-02 is before"),
    "cash that is no number": ({"cash": "much"}, "cash is 'much'; it has to be a number"),
    "no cash": ({"cash": 0}, "cash is 0"),
    "a fill that is not known": ({"fill": "at once"}, "fill is 'at once'; it has to be one of next-open, next-close"),
    "an execution that is not known": ({"execution": "lucky"}, "one of realistic, ideal"),
    "a price field that the file has not": ({"price_field": "vwap"}, "price_field is 'vwap'; "),
    "a commission beyond its bounds": ({"commission_bps": -1}, "--commission-bps is -1"),
    "a setting that the profile has not": ({"config": {"luck": 1}}, "luck"),
    "a day that is none": ({"believe": [("SPY", "x")]}, "believe is 'x'"),
    "a risk-free rate in percent": ({"risk_free": 2}, "--risk-free is 2; a rate per year lies between -0.1 and 0.5"),
    "a risk-free symbol without prices": ({"risk_free": "SHV"}, "has no prices of SHV"),
    "a risk-free rate that is none": ({"risk_free": float("nan")}, "risk_free is nan; it has to be a number"),
    "cash without end": ({"cash": float("inf")}, "cash is inf; it has to be a number"),
    "snapshots for a profile without": ({"snapshots": "there"}, "reads no feature snapshot"),
}


@pytest.mark.parametrize(("change", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_that_says_what(prices: LongPrices, change: dict[str, Any], told: str) -> None:
    given: dict[str, Any] = {"strategy": PROFILE, "prices": prices, "start": START, "end": END, **change}
    with pytest.raises(InvalidInput, match=r"^.+$") as refused:
        backtest(given.pop("strategy"), given.pop("prices"), given.pop("start"), given.pop("end"), **given)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_bound_strategy_has_its_configuration_already(prices: LongPrices) -> None:
    with pytest.raises(InvalidInput, match="bound to its own"):
        backtest(bind(find_strategy(PROFILE)), prices, START, END, config={})


def test_a_sweep_has_frames_of_what_it_wrote(file: Path, tmp_path: Path) -> None:
    class Mine(type(find_strategy(PROFILE))):  # type: ignore[misc]
        """One that no module has by its name."""

        class Config(BaseModel):
            """What makes no difference."""

            luck: int = Field(0, ge=0, le=9)

    with pytest.warns(UserWarning, match=r"^the journal of trials .*trials\.jsonl is new"):
        tried = sweep(Mine(), file, START, END, tmp_path / "out", random=3, workers=1, execution="ideal")
    pd.testing.assert_frame_equal(tried.results, pd.read_parquet(tmp_path / "out" / "results.parquet"))
    equity = pd.read_parquet(tmp_path / "out" / "equity.parquet").set_index("session")
    pd.testing.assert_frame_equal(tried.equity, equity)
    assert tried.best["in_sharpe"] == tried.results["in_sharpe"].max()
    assert 0 <= tried.deflated_sharpe <= 1
    assert tried.page.is_file()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"random": None, "grid": {"luck": [1]}}, "luck is not known"),
        ({"workers": "many"}, "workers: 'many' is neither"),
        ({"split": "soon"}, "split is 'soon'; it has to be a date"),
        ({"backend": "threads"}, "backend is 'threads'; it has to be one of loky, dask"),
    ],
)
def test_a_sweep_refuses_as_the_command_does(file: Path, tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=r"^.+$") as refused:
        sweep(PROFILE, file, START, END, tmp_path / "out", **{"random": 3, **change})
    assert told in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_prices_are_named() -> None:
    with pytest.raises(InvalidInput, match="no price file"):
        load_prices()


def test_the_bare_package_imports_nothing() -> None:
    heavy = "('quant_platform_kit.', 'numpy', 'typer')"
    code = f"import sys, quant_platform_kit; print([name for name in sys.modules if name.startswith({heavy})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook: Path, file: Path) -> None:
    done = subprocess.run([sys.executable, str(notebook), str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
