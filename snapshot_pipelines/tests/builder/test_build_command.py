"""`snapshots build`: what it writes, its exit codes, and that bad input is one line and writes nothing."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from quant_platform_kit.adapters.snapshot_files import read_rows
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.snapshot_manifest import parse
from snapshot_pipelines.build.rows import Market, rows_at
from snapshot_pipelines.cli.main import main

AS_OF = date(2017, 11, 30)
TWO_SESSIONS = ("2010-01-04", "2010-01-05")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Build:
    """`snapshots build` on a copy of the invented market, whose files a test may change."""

    folder: Path
    options: dict[str, list[str]]
    run: Callable[[Sequence[str]], Ended]

    @property
    def root(self) -> Path:
        """Where it writes to."""
        return self.folder / "out"

    def __call__(self, *more: str, **changed: str | list[str] | None) -> Ended:
        """Run it; options are replaced by name, None takes one out."""
        given = {**self.options, "--out": [str(self.root)], "--as-of": [str(AS_OF)]}
        for name, value in changed.items():
            given[f"--{name.replace('_', '-')}"] = [] if value is None else [value] if isinstance(value, str) else value
        return self.run(["build", *(part for key, values in given.items() for v in values for part in (key, v)), *more])

    def file(self, name: str) -> Path:
        """Return a file of the market."""
        return self.folder / name

    def rewrite(self, name: str, change: Callable[[str], str]) -> None:
        """Change the text of a file."""
        text = self.file(name).read_text("utf-8")
        assert change(text) != text
        self.file(name).write_text(change(text), "utf-8")

    def prices(self, change: Callable[[dict[str, Any]], None], rows: int | None = None) -> None:
        """Change columns of the stocks' prices, of the first rows if their number is given."""
        table = pyarrow.parquet.ParquetFile(self.file("stocks.parquet")).read().slice(0, rows)
        columns: dict[str, Any] = {name: table[name].to_numpy() for name in table.column_names}
        columns = {name: values.copy() for name, values in columns.items()}
        change(columns)
        pyarrow.parquet.write_table(pa.table(columns), self.file("stocks.parquet"))


@pytest.fixture
def build(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Build:
    """Return the command on a copy of the market."""
    folder = tmp_path / "market"
    shutil.copytree(files.folder, folder)
    options = {name: [v.replace(str(files.folder), str(folder)) for v in vs] for name, vs in files.options.items()}

    def run(arguments: Sequence[str]) -> Ended:
        monkeypatch.setattr(sys, "argv", ["snapshots", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return Ended(int(stop.value.code or 0), said.out, said.err)

    return Build(folder, options, run)


def found(root: Path) -> list[str]:
    """Return the files below a folder, relative to it."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_version_is_rows_and_a_manifest_that_names_them(build: Build, market: Market) -> None:
    ended = build("--json")

    assert ended.code == 0, ended.err
    (snapshot,) = json.loads(ended.out)["snapshots"]
    content = Path(snapshot["manifest"]).read_bytes()
    manifest = parse(content)
    rows = (build.root / manifest.snapshot_path).read_bytes()
    assert found(build.root) == sorted(
        [
            f"versions/{AS_OF}/{sha256(content)}.manifest.json",
            f"versions/{AS_OF}/{sha256(content)}.summary.json",
            f"versions/{AS_OF}/{sha256(rows)}.parquet",
        ]
    )
    assert (manifest.snapshot_sha256, manifest.snapshot_bytes, manifest.snapshot_as_of) == (
        sha256(rows),
        len(rows),
        AS_OF,
    )
    assert (manifest.strategy_profile, manifest.contract_version) == ("mine", "mine.feature_snapshot.v1")
    assert (manifest.config_name, manifest.config_path) == ("mine", None)
    assert manifest.config_sha256 == sha256(b"{}")
    assert [(one.role, one.name) for one in manifest.sources] == [
        ("prices", "stocks.parquet"),
        ("benchmarks", "funds.parquet"),
        ("sectors", "sectors.csv"),
        ("membership", "membership.csv"),
    ]
    for source in manifest.sources:
        assert (source.sha256, source.bytes) == (sha256(d := build.file(source.name).read_bytes()), len(d))
    read, made = read_rows(rows), rows_at(market, AS_OF)
    assert (read.columns, read.row_count) == (manifest.columns, manifest.row_count)
    assert {name: list(texts) for name, texts in read.texts.items()} == {n: made[n] for n in ("symbol", "sector")}
    for name, values in {**read.days, **dict(zip(read.numeric, read.numbers, strict=True))}.items():
        np.testing.assert_array_equal(values, np.asarray(made[name]), err_msg=name)


def test_a_build_of_the_same_files_leaves_what_is_there(build: Build) -> None:
    first = json.loads(build("--json").out)["snapshots"]
    before = {name: (build.root / name).read_bytes() for name in found(build.root)}

    second = json.loads(build("--json").out)["snapshots"]

    assert [one["new"] for one in (*first, *second)] == [True, False]
    assert second[0]["manifest"] == first[0]["manifest"]
    assert {name: (build.root / name).read_bytes() for name in found(build.root)} == before
    assert "was there already" in build().out


def test_rows_that_were_damaged_since_are_written_anew(build: Build) -> None:
    build()
    (rows,) = build.root.rglob("*.parquet")
    content = rows.read_bytes()
    rows.write_bytes(content[:-1])

    ended = build("--json")

    assert json.loads(ended.out)["snapshots"][0]["new"]
    assert rows.read_bytes() == content


def test_another_membership_is_another_manifest_beside_the_first(build: Build) -> None:
    build()
    build.rewrite("membership.csv", lambda text: text.replace("FOX,2010-01-04", "FOX,2010-01-05"))

    build()

    kinds = [name.partition(".")[2] for name in found(build.root)]
    assert sorted(kinds) == ["manifest.json"] * 2 + ["parquet"] + ["summary.json"] * 2


def test_month_ends_are_those_of_the_calendar_both_included(build: Build) -> None:
    ended = build("--month-ends", "2017-06", "2017-09", as_of=None)

    assert ended.code == 0, ended.err
    assert sorted({name.split("/")[1] for name in found(build.root)}) == [
        "2017-06-30",
        "2017-07-31",
        "2017-08-31",
        "2017-09-29",
    ]
    assert "Of 2017-09-29 a reader should know" in ended.out


def test_no_pandas_is_in_the_process(build: Build) -> None:
    arguments = ["build", "--out", str(build.root), "--as-of", str(AS_OF)]
    arguments += [part for key, values in build.options.items() for v in values for part in (key, v)]
    script = (
        "import sys; from snapshot_pipelines.cli.main import main; sys.argv = ['snapshots', *sys.argv[1:]]\n"
        "try: main()\nexcept SystemExit as stop: assert not stop.code\n"
        "assert 'pyarrow' in sys.modules; assert 'pandas' not in sys.modules"
    )

    ended = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr


# --- bad input -----------------------------------------------------------------------------------


def refused(build: Build, ended: Ended, code: int = 1) -> str:
    """Return the one line that a build ended with; nothing was written."""
    assert ended.code == code, ended
    assert ended.out == ""
    assert ended.err.startswith("snapshots: ")
    assert ended.err.count("\n") == 1, ended.err
    assert not build.root.exists()
    return ended.err


def column(name: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    """Return a change of one column of prices."""

    def apply(columns: dict[str, Any]) -> None:
        columns[name] = change(columns[name])

    return apply


def cell(name: str, value: float) -> Callable[[dict[str, Any]], None]:
    """Return a change of the 31st row."""

    def change(values: Any) -> Any:
        values[30] = value
        return values

    return column(name, change)


def twice(columns: dict[str, Any]) -> None:
    """Append the first row again."""
    for name, values in columns.items():
        columns[name] = np.concatenate([values, values[:1]])


PRICES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a column that is lacking": (lambda c: c.pop("volume"), "has no column volume"),
    "no adj_close": (lambda c: c.pop("adj_close"), "has no column adj_close"),
    "another name of the date": (lambda c: c.update(day=c.pop("date")), "has no column date"),
    "dates as float32": (column("date", lambda d: np.arange(len(d), dtype=np.float32)), "column date is float"),
    "dates as whole numbers": (column("date", lambda d: np.full(len(d), 20170103)), "column date is int64"),
    "dates as text of another form": (column("date", lambda d: ["03.01.2017"] * len(d)), "write ISO dates"),
    "a row twice": (twice, "AAA on 2016-01-04 twice"),
    "an infinite close": (cell("close", np.inf), "close of AAA on .* is inf"),
    "an infinite adjusted close": (cell("adj_close", np.inf), "close of AAA on .* is inf"),
    "a negative close": (cell("close", -1.0), "AAA on .* is -1"),
    "a close of zero": (cell("adj_close", 0.0), "AAA on .* is 0"),
    "a negative volume": (cell("volume", -5.0), "volume of AAA on .* is -5"),
    "an infinite volume": (cell("volume", np.inf), "volume of AAA on .* is inf"),
    "closes as words": (column("close", lambda c: ["cheap"] * len(c)), "column close is string"),
    "symbols with spaces": (column("symbol", lambda s: [f" {x}" for x in s]), "spaces around it"),
    "dates that are no sessions": (column("date", lambda d: d + np.timedelta64(4, "D")), "not a session of XNYS"),
    "prices without dividends": (lambda c: c.update(adjustment=["raw"] * len(c["date"])), "adj_close is raw"),
    "none of the stocks": (column("symbol", lambda s: [f"{x}X" for x in s]), "no stock of the sectors file, nor of"),
}

TEXTS: dict[str, tuple[str, Callable[[str], str], str]] = {
    "sectors without a column": ("sectors.csv", lambda t: t.replace("label_as_of", "as_of"), "no column label_as_of"),
    "a column of sectors twice": ("sectors.csv", lambda t: t.replace("name,", "symbol,", 1), "no column name"),
    "a sector nobody knows": ("sectors.csv", lambda t: t.replace("Energy", "Crypto", 1), "row 1: gics_sector 'Crypto'"),
    "a stock twice": ("sectors.csv", lambda t: f"{t}\nAAA,A,Energy,2018-01-01", "row 11 has AAA again"),
    "a benchmark as a stock": ("sectors.csv", lambda t: f"{t}\nSPY,S,Energy,2018-01-01", "row 11 has SPY"),
    "a label without a day": ("sectors.csv", lambda t: t.replace("2018-03-01", "", 1), "has no label_as_of"),
    "a label of another form": ("sectors.csv", lambda t: t.replace("2018-03-01", "1.3.2018", 1), "write an ISO date"),
    "a stock without a symbol": ("sectors.csv", lambda t: t.replace("\nBBB,", "\n,"), "row 2 has no symbol"),
    "a row that is too short": ("sectors.csv", lambda t: f"{t}\nZZZ,Z", "row 11 has 2 cells; the header has 4"),
    "sectors without rows": ("sectors.csv", lambda t: t.splitlines()[0], "has no rows"),
    "an empty file of sectors": ("sectors.csv", lambda t: "", "no column symbol"),
    "sectors that are no text": ("sectors.csv", lambda t: "\0\ud7ff" * 9, "sectors"),
    "membership without a column": ("membership.csv", lambda t: t.replace("end_date", "until"), "no column end_date"),
    "stays that overlap": ("membership.csv", lambda t: f"{t}\nAAA,2011-01-03,2012-01-03", "AAA is a member from"),
    "a stay twice": ("membership.csv", lambda t: f"{t}\nGGG,2010-01-04,2016-02-01", "stays of one symbol"),
    "an end before its start": (
        "membership.csv",
        lambda t: f"{t}\nZZZ,2012-01-03,2011-01-03",
        "is not after start_date",
    ),
    "a stay of no day": ("membership.csv", lambda t: f"{t}\nZZZ,2012-01-03,2012-01-03", "is not after start_date"),
    "a stay without a start": ("membership.csv", lambda t: f"{t}\nZZZ,,2012-01-03", "has no start_date"),
    "a day that does not exist": ("membership.csv", lambda t: f"{t}\nZZZ,2012-02-30,", "start_date is '2012-02-30'"),
    "a member without a ticker": ("membership.csv", lambda t: f"{t}\n,2012-01-03,", "has no ticker"),
}


@pytest.mark.parametrize("what", PRICES)
def test_bad_prices_are_refused(build: Build, what: str) -> None:
    change, said = PRICES[what]
    build.prices(change)

    line = refused(build, build())

    assert "stocks.parquet" in line
    assert re.search(said, line), line


@pytest.mark.parametrize("what", TEXTS)
def test_bad_sectors_and_memberships_are_refused(build: Build, what: str) -> None:
    name, change, said = TEXTS[what]
    build.rewrite(name, change)

    line = refused(build, build())

    assert name in line
    assert said in line


def test_files_that_are_none_are_refused(build: Build) -> None:
    empty = build.file("empty.parquet")
    empty.write_bytes(b"")
    for option in ("sectors", "membership", "fundamentals", "features"):
        assert "No such file" in refused(build, build(**{option: str(build.file("nowhere"))}))
        assert "Is a directory" in refused(build, build(**{option: str(build.folder)}))
    funds = str(build.file("funds.parquet"))
    assert "No such file" in refused(build, build(prices=[str(build.file("nowhere.parquet")), funds]))
    assert "Is a directory" in refused(build, build(prices=[str(build.folder), funds]))
    assert "not a readable price file" in refused(build, build(prices=[str(empty), funds]))
    assert "has no column date" in refused(build, build(prices=[str(build.file("sectors.csv")), funds]))


def test_files_that_may_not_be_read_are_refused(build: Build) -> None:
    loop = build.file("loop")
    loop.symlink_to(loop)
    assert "Too many levels" in refused(build, build(prices=[str(loop), str(build.file("funds.parquet"))]))
    for option in ("sectors", "membership", "fundamentals", "features"):
        assert "Too many levels" in refused(build, build(**{option: str(loop)}))


def test_a_needed_symbol_in_two_files_is_refused_naming_both(build: Build) -> None:
    shutil.copy(build.file("funds.parquet"), build.file("more.parquet"))
    names = [str(build.file(name)) for name in ("stocks.parquet", "funds.parquet", "more.parquet")]

    line = refused(build, build(prices=names))

    assert f"QQQ is in {names[1]} and in {names[2]}; take it out of one of them" in line


@pytest.mark.parametrize(("left", "said"), [("stocks", "no prices of QQQ, SPY in"), ("funds", "any of the 10 stocks")])
def test_prices_without_the_benchmarks_or_without_stocks_are_refused(build: Build, left: str, said: str) -> None:
    assert said in refused(build, build(prices=str(build.file(f"{left}.parquet"))))


def test_benchmarks_of_another_time_than_the_stocks_are_refused(build: Build) -> None:
    build.prices(column("date", lambda d: np.repeat(np.array(TWO_SESSIONS, "datetime64[D]"), 10)), rows=20)

    assert (
        "QQQ has bars from 2016-01-04 to 2017-12-29, the stocks have theirs from 2010-01-04 to 2010-01-05"
        in refused(build, build(as_of="2010-01-05"))
    )


def test_a_membership_that_covers_nobody_is_refused(build: Build) -> None:
    build.file("membership.csv").write_text("ticker,start_date,end_date\nAAA,2010-01-04,2012-01-03\n", "utf-8")

    assert "no member on 2017-11-30 has prices and a sector" in refused(build, build())


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("2015-12-31", "no stock has a bar on 2015-12-31; bars of the stocks reach from 2016-01-04 to 2017-12-29"),
        (
            "2018-01-31",
            "2018-01-31; bars of the stocks reach from 2016-01-04 to 2017-12-29: give prices that reach the session",
        ),
        ("2017-12-02", "2017-12-02 is not a session of XNYS"),
        ("1980-01-02", "1980-01-02 is outside the XNYS calendar"),
        ("2027-12-30", "build its snapshot after that"),
    ],
)
def test_a_day_that_cannot_be_built_is_refused(build: Build, as_of: str, said: str) -> None:
    assert said in refused(build, build(as_of=as_of))


def test_month_ends_of_which_one_cannot_be_built_are_refused_as_a_whole(build: Build) -> None:
    line = refused(build, build("--month-ends", "2017-11", "2018-01", as_of=None))

    assert "no stock has a bar on 2018-01-31" in line
    assert "swap them" in refused(build, build("--month-ends", "2017-11", "2017-10", as_of=None))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"as_of": None}, "give either --as-of DAY or --month-ends FROM TO"),
        ({"as_of": "30.11.2017"}, "is not a date"),
        ({"as_of": None, "month_ends": None, "workers": "0"}, "neither a number of processes"),
        ({"workers": "many"}, "neither a number of processes"),
        ({"workers": "tcp://nowhere"}, "neither a number of processes"),
        ({"prices": None}, "Missing option '--prices'"),
        ({"sectors": None}, "Missing option '--sectors'"),
        ({"profile": "mine"}, "give either --profile NAME or --strategy"),
        ({"strategy": None}, "give either --profile NAME or --strategy"),
    ],
)
def test_wrong_usage_is_said_and_exits_with_2(build: Build, options: dict[str, str | None], said: str) -> None:
    assert said in refused(build, build(**options), 2)


def test_months_are_written_in_one_form_and_not_beside_a_day(build: Build) -> None:
    assert "'11/2017' is no month" in refused(build, build("--month-ends", "11/2017", "2017-12", as_of=None), 2)
    assert "give either --as-of" in refused(build, build("--month-ends", "2017-11", "2017-12"), 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace('"vol_63")', '"vol_64")'), "mine reads vol_64, which is not made; give it by --features"),
        (
            lambda t: t.replace('"vol_63")', '"trailing_pe")'),
            "mine reads trailing_pe, which is not made; give it by --fund",
        ),
        (lambda t: t.replace('("SPY",)', '("DIA",)'), "mine compares with DIA; rows of QQQ, SPY are made"),
        (lambda t: re.sub(r"features=.*", "", t), "profile mine reads prices, no feature snapshot"),
        (lambda t: t.replace("import BaseModel", "import NoModel"), "fails to load: ImportError"),
    ],
)
def test_a_profile_that_cannot_be_served_is_refused(build: Build, change: Callable[[str], str], said: str) -> None:
    build.rewrite("mine.py", change)

    assert said in refused(build, build())


def test_a_profile_or_configuration_nobody_knows_is_refused(build: Build) -> None:
    assert "profile 'nobody' is not known" in refused(build, build(profile="nobody", strategy=None))
    assert "reads prices, no feature snapshot" in refused(build, build(profile="dual_momentum", strategy=None))
    assert "holdings is not known" in refused(build, build(config="holdings=3"))


def test_facts_of_later_are_refused(build: Build) -> None:
    build.file("facts_2018_01.csv").write_text("ticker,returnOnEquity\nAAA,0.2\n", "utf-8")

    line = refused(build, build(fundamentals=str(build.file("facts_2018_01.csv"))))

    assert "facts of AAA were published 2018-01-31, after 2017-11-30" in line


def test_a_root_that_is_none_is_refused(build: Build) -> None:
    ended = build(out=str(build.file("mine.py")))

    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "mine.py: File exists; give a folder that can be written" in ended.err


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_a_disk_that_is_full_leaves_nothing(build: Build, monkeypatch: pytest.MonkeyPatch, call: str, at: int) -> None:
    right, calls = getattr(os, call), iter(range(1, 99))

    def full(*arguments: Any) -> None:
        if next(calls) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        right(*arguments)

    monkeypatch.setattr(os, call, full)
    ended = build("--month-ends", "2017-10", "2017-11", as_of=None)

    assert ended.code == 1
    assert "No space left on device; nothing was written: make room" in ended.err
    assert not build.root.exists() or found(build.root) == []


def test_what_was_there_outlives_a_build_that_fails(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    build()
    before = {name: (build.root / name).read_bytes() for name in found(build.root)}
    build.rewrite("membership.csv", lambda text: text.replace("FOX,2010-01-04", "FOX,2010-01-05"))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    assert build().code == 1
    assert {name: (build.root / name).read_bytes() for name in found(build.root)} == before


def test_what_a_killed_build_left_is_removed_after_a_day(build: Build) -> None:
    for name, age in (("old", 90_000), ("new", 60)):
        (left := build.root / f".build-{name}").mkdir(parents=True)
        then = left.stat().st_mtime - age
        os.utime(left, (then, then))

    assert build().code == 0

    assert [path.name for path in build.root.glob(".build-*")] == [".build-new"]


# --- features of one's own -----------------------------------------------------------------------

MY_FEATURES = '''
"""Mine."""

import numpy as np
from snapshot_pipelines.build.feature import feature

WIDTH = 3


def spread(closes):
    return closes.max(axis=0) / closes.min(axis=0) - 1


@feature(bars=WIDTH)
def range_3(w):
    """max / min - 1 of three closes. NaN without a bar in any of 3 sessions."""
    return spread(w.closes(WIDTH))
'''


def own(build: Build, text: str = MY_FEATURES) -> str:
    """Let the profile read a feature of its own; return the file that defines it."""
    build.rewrite("mine.py", lambda strategy: strategy.replace('"vol_63")', '"vol_63", "range_3")'))
    build.file("more.py").write_text(text, "utf-8")
    return str(build.file("more.py"))


def test_several_processes_build_the_same_bytes_with_features_of_ones_own(build: Build, market: Market) -> None:
    more = own(build)
    build("--month-ends", "2017-10", "2017-11", as_of=None, features=more)
    alone = {path.name: path.read_bytes() for path in build.root.rglob("*.parquet")}
    (manifest,) = (parse(path.read_bytes()) for path in build.root.glob(f"versions/{AS_OF}/*.manifest.json"))
    shutil.rmtree(build.root)

    ended = build("--month-ends", "2017-10", "2017-11", "--workers", "2", as_of=None, features=more)

    assert ended.code == 0, ended.err
    assert {path.name: path.read_bytes() for path in build.root.rglob("*.parquet")} == alone
    assert manifest.columns[-1].name == "range_3"
    assert (manifest.sources[-1].role, manifest.sources[-1].name) == ("features", "more.py")
    closes = market.grid.until(AS_OF).closes(3)[:, market.grid.table.column["AAA"]]
    made = read_rows(alone[f"{manifest.snapshot_sha256}.parquet"]).number("range_3")
    assert float(made[0]) == closes.max() / closes.min() - 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MY_FEATURES.replace("@feature(bars=WIDTH)", ""), "has no feature; mark a function with @feature"),
        (MY_FEATURES.replace("def range_3", "def vol_20"), "every snapshot has a column vol_20 already"),
        (MY_FEATURES.replace("def range_3", "def member"), "every snapshot has a column member already"),
        (MY_FEATURES.replace("def range_3", "def range_4"), "mine reads range_3, which is not made"),
        (f"{MY_FEATURES}\nrange_4 = feature(bars=1)(lambda w: w.closes(1)[0])", "has no name of its own"),
        (MY_FEATURES.replace("spread(w.closes(WIDTH))", "w.closes(WIDTH)"), "returns an array of shape (3, 12)"),
        (MY_FEATURES.replace("WIDTH = 3", "WIDTH ="), "fails to load: SyntaxError"),
        (MY_FEATURES.replace("WIDTH = 3", "WIDTH = 1 / 0"), "fails to load: ZeroDivisionError"),
        (MY_FEATURES.replace("WIDTH = 3", "WIDTH = -3"), "bars is -3"),
        ("\0", "fails to load"),
    ],
)
def test_features_that_cannot_be_built_are_refused(build: Build, text: str, said: str) -> None:
    assert said in refused(build, build(features=own(build, text)))


def test_features_that_the_profile_does_not_read_are_refused(build: Build) -> None:
    build.file("more.py").write_text(MY_FEATURES, "utf-8")

    line = refused(build, build(features=str(build.file("more.py"))))

    assert "profile mine does not read range_3" in line
