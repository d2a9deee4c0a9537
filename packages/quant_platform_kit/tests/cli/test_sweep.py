"""`quant sweep`: the figures of single back-tests, a journal that counts, and what stopped goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from quant_platform_kit import backtest, load_prices
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.testing.synthetic import synthetic_prices

MIX = '''
from pydantic import BaseModel, Field
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode


class Mix:
    """A share of SPY, the rest in AGG, on some days."""

    manifest = StrategyManifest(
        profile="mix",
        display_name="Mix",
        target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({InputName.MARKET_HISTORY}),
        managed=("SPY", "AGG"),
        history_sessions=1,
        cadence=Cadence.SESSION,
        sources=("me",),
    )

    class Config(BaseModel):
        """How much, and how often."""

        model_config = {"extra": "forbid", "frozen": True}
        share: float = Field(0.5, ge=0, le=0.9)
        every: int = Field(5, ge=1, le=20)

    def evaluate(self, ctx, config):
        """Decide."""
        if ctx.as_of.day % config.every:
            return self.manifest.hold(ctx)
        return self.manifest.rebalance(ctx, {"SPY": config.share, "AGG": 0.9 - config.share})
'''
Quant = Callable[..., tuple[int, str, str]]
GRID = ("--grid", "share=0.1:0.7:0.2", "--grid", "every=2,7")
FIGURES = {"cagr", "max_drawdown", "volatility", "sharpe", "turnover", "costs", "decisions_digest", "final_multiple"}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, calendar = tmp_path_factory.mktemp("market"), load_calendar("XNYS")
    file = synthetic_prices(("AGG", "SPY"), calendar, date(2021, 1, 4), date(2021, 6, 30))
    columns = (file.columns[name].tolist() for name in ("close", "open"))
    rows = zip(file.days.tolist(), file.codes.tolist(), *columns, strict=True)
    lines = [f"{day},{file.symbols[code]},{close},{close},{opened}" for day, code, close, opened in rows]
    (folder / "prices.csv").write_text("\n".join(["date,symbol,close,adj_close,open", *lines]))
    (folder / "mix.py").write_text(MIX)
    return folder


@pytest.fixture
def quant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Quant:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["quant", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("os.fsync", lambda handle: None)
    return call


def asked(market: Path, out: Path, *more: object) -> list[object]:
    prices, strategy = market / "prices.csv", f"{market}/mix.py:Mix"
    named = ["--prices", prices, "--strategy", strategy, "--start", "2021-01-04", "--end", "2021-06-30"]
    return ["sweep", *named, "--out", out, "--workers", 1, *more]


def rows(out: Path) -> list[dict[str, Any]]:
    return pq.read_table(out / "results.parquet").to_pylist()


def test_figures_are_those_of_single_back_tests(quant: Quant, market: Path, tmp_path: Path) -> None:
    code, out, _ = quant(*asked(market, tmp_path / "out", *GRID, "--json"))
    assert code == 0
    prices, found = load_prices(market / "prices.csv"), rows(tmp_path / "out")
    equity = pq.read_table(tmp_path / "out" / "equity.parquet")
    assert [(row["config_share"], row["config_every"]) for row in found] == [
        (share, every) for share in (0.1, 0.3, 0.5, 0.7) for every in (2, 7)
    ]
    for row in found[::5]:
        config = {"share": row["config_share"], "every": row["config_every"]}
        single = backtest(f"{market}/mix.py:Mix", prices, "2021-01-04", "2021-06-30", config=config)
        assert {name: row[name] for name in FIGURES} == {name: plain(single.summary)[name] for name in FIGURES}
        assert equity[row["trial"][:12]].to_pylist() == single.result.equity.tolist()
        assert row["in_sharpe"] == pytest.approx(single.summary.sharpe)
    document = json.loads(out)
    assert document["best"]["in_sharpe"] == max(row["in_sharpe"] for row in found)
    assert document["trials"]["counted"] == document["points"] == 8


def test_a_sweep_that_was_killed_goes_on_to_the_same_results(quant: Quant, market: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    broken, whole = tmp_path / "broken" / "out", tmp_path / "whole" / "out"
    script = "from quant_platform_kit.cli.main import main; main()"
    words = [sys.executable, "-c", script, *map(str, asked(market, broken, *GRID))]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not list(broken.glob("points/*.npz")) and running.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    running.kill()
    running.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in broken.glob("points/*.npz")}
    assert kept
    with (broken.parent / "trials.jsonl").open("ab") as journal:
        journal.write(b'{"torn')
    for out in (broken, whole):
        assert quant(*asked(market, out, *GRID))[0] == 0
    assert kept.items() <= {path.name: path.stat().st_mtime_ns for path in broken.glob("points/*.npz")}.items()
    for name in ("results.parquet", "equity.parquet"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes()
    counted = [(out.parent / "trials.jsonl").read_text().splitlines() for out in (broken, whole)]
    assert sorted(counted[0]) == sorted(counted[1])
    assert len(counted[0]) == 8


def test_every_sweep_counts_in_the_journal_beside_it(quant: Quant, market: Path, tmp_path: Path) -> None:
    points = ("--grid", "share=0.1,0.5")
    first = json.loads(quant(*asked(market, tmp_path / "a", *points, "--json"))[1])
    code, out, err = quant(*asked(market, tmp_path / "b", "--grid", "share=0.2,0.3,0.5", "--json"))
    second = json.loads(out)
    again = json.loads(quant(*asked(market, tmp_path / "a", *points, "--json"))[1])
    assert (code, err) == (0, "")
    assert [each["trials"]["counted"] for each in (first, second, again)] == [2, 4, 4]
    assert [each["trials"]["of_other_sweeps"] for each in (first, second, again)] == [0, 1, 2]
    split = json.loads(quant(*asked(market, tmp_path / "a", *points, "--split", "2021-04-01", "--json"))[1])
    assert split["trials"]["counted"] == 6

    _, out, err = quant(*asked(market, tmp_path / "far" / "a", *points))
    assert "far/trials.jsonl is new: trials that other journals count are not in the deflated" in err
    assert f"2, in {tmp_path}/far/trials.jsonl" in out
    _, out, err = quant(*asked(market, tmp_path / "far" / "a", *points, "--journal", tmp_path / "trials.jsonl"))
    assert err == ""
    assert f"6, 4 of them of other sweeps, in {tmp_path}/trials.jsonl" in out
    page = (tmp_path / "far" / "a" / "sweep.html").read_text()
    assert f"<code>{tmp_path}/trials.jsonl</code>" in page


def test_other_prices_and_other_code_are_other_trials(quant: Quant, market: Path, tmp_path: Path) -> None:
    points = ("--grid", "share=0.1,0.5")
    quant(*asked(market, tmp_path / "a", *points))
    for name, change in (("prices.csv", lambda text: text + "\n"), ("mix.py", lambda text: text + "\n# other\n")):
        changed = tmp_path / name.partition(".")[0]
        changed.mkdir()
        for file in ("prices.csv", "mix.py"):
            text = (market / file).read_text()
            (changed / file).write_text(change(text) if file == name else text)
        document = json.loads(quant(*asked(changed, tmp_path / "a", *points, "--json"))[1])
        assert document["trials"]["counted"] == (2 if name == "prices.csv" else 4)


def test_the_table_and_the_page_tell_of_split_and_walk(quant: Quant, market: Path, tmp_path: Path) -> None:
    more = ("--random", 5, "--seed", 3, "--split", "2021-04-01", "--walk-forward", "3m/1m")
    code, out, _ = quant(*asked(market, tmp_path / "out", *more))
    assert code == 0
    for told in ("after the split", "deflated Sharpe ratio", "probability of overfitting", "Sharpe walking forward"):
        assert told in out
    found, page = rows(tmp_path / "out"), (tmp_path / "out" / "sweep.html").read_text()
    assert {"out_sharpe", "in_sharpe"} < found[0].keys()
    assert all(0 <= row["config_share"] <= 0.9 and 1 <= row["config_every"] <= 20 for row in found)
    for told in ("Walking forward", "Before and after the split", 'class="best"', "<h2>By setting</h2>", "2021-03-31"):
        assert told in page
    quant(*asked(market, tmp_path / "again", *more))
    assert rows(tmp_path / "again") == found
    walk = json.loads((tmp_path / "out" / "sweep.json").read_text())["walk_forward"]["windows"]
    assert [part["held"][0] for part in walk[:4]] == ["2021-04-05", "2021-05-05", "2021-06-07"]


BAD: dict[str, tuple[tuple[object, ...], int, str]] = {
    "nothing to vary": ((), 1, "a sweep needs something to vary"),
    "a setting that is not known": (("--grid", "luck=1,2"), 1, "luck is not known; known: share, every"),
    "a value out of its bounds": (("--grid", "share=0.5,2"), 1, "share is '2'"),
    "a value twice": (("--grid", "share=0.5,0.50"), 1, "are one configuration"),
    "a setting that is fixed": (("--grid", "share=0.5", "--config", "share=0.1"), 1, "share is in --config and"),
    "a split outside": (("--grid", "share=0.5", "--split", "2030-01-01"), 1, "--split 2030-01-01 leaves"),
    "a split that is no date": (("--grid", "share=0.5", "--split", "soon"), 2, "'soon' is not a date"),
    "a walk that is none": (("--grid", "share=0.5", "--walk-forward", "5"), 1, "write it as 5y/1y"),
    "a walk that is too long": (("--grid", "share=0.5", "--walk-forward", "5y/1y"), 1, "chooses on 60 months"),
    "an end before the start": (("--grid", "share=0.5", "--end", "2020-01-02"), 1, "the period has 0 sessions"),
    "a period that is not covered": (("--grid", "share=0.5", "--start", "2020-01-02"), 1, "is not covered"),
    "a file that is not there": (("--grid", "share=0.5", "--prices", "no.csv"), 1, "no.csv"),
    "workers that are none": (("--grid", "share=0.5", "--workers", "many"), 2, "is neither a number of processes"),
    "loky with an address": (("--grid", "share=0.5", "--workers", "tcp://h:1", "--backend", "loky"), 2, "leave one"),
    "a profile over snapshots": (("--strategy", "mega_cap_leader_rotation", "--random", 2), 1, "feature snapshots"),
    "two strategies": (("--grid", "share=0.5", "--profile", "mix"), 2, "give either --profile NAME or --strategy"),
}  # fmt: skip


@pytest.mark.parametrize(("more", "status", "told"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_writes_nothing(
    quant: Quant, market: Path, tmp_path: Path, more: tuple[object, ...], status: int, told: str
) -> None:
    code, out, err = quant(*asked(market, tmp_path / "deep" / "out", *more))
    assert (code, out) == (status, "")
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "deep").exists()


def test_a_journal_that_cannot_be_read_is_refused(quant: Quant, market: Path, tmp_path: Path) -> None:
    (tmp_path / "trials.jsonl").write_text('{"profile": "mix"}\n')
    code, _, err = quant(*asked(market, tmp_path / "out", "--grid", "share=0.5,0.6"))
    assert code == 1
    assert "line 1 of the journal of trials" in err
    assert not (tmp_path / "out").exists()
