"""`snapshots run`: what is due is published once, whatever happens meanwhile."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.strategy import Adjustment
from quant_platform_kit.ports.price_source import DailyBar
from snapshot_pipelines.cli import run as command
from snapshot_pipelines.job import markets

from ..small_profile import STOCKS

NOVEMBER = date(2017, 11, 30)
AFTER_CLOSE = "2017-11-30T22:00"


def test_the_snapshot_of_a_month_end_is_published_after_its_close_and_people_are_told_once(office: Any) -> None:
    first, second = office.run(AFTER_CLOSE), office.run("2017-11-30T23:00")

    assert (first.code, first.outcomes) == (0, [("2017-11-30", "published")])
    assert office.latest["snapshot_as_of"] == "2017-11-30"
    assert (second.code, second.outcomes) == (0, [("2017-11-30", "already")])
    assert (
        "published already; nothing to do: the next one, of 2017-12-29, is due after its close at 2017-12-29 21:00"
        in (second.results[0]["text"])
    )
    assert len(office.versions) == 1
    assert [key[:26] for key in office.people.keys] == ["snapshot/small/2017-11-30-"]
    assert office.people.keys[0].endswith("-published")


def test_before_the_close_the_month_end_before_is_what_is_due(office: Any) -> None:
    ended = office.run("2017-11-30T20:59")

    assert ended.outcomes == [("2017-10-31", "published")]
    assert (
        "of 2017-11-30, is due after its close at 2017-11-30 21:00 UTC"
        in office.run("2017-11-30T20:59").results[0]["text"]
    )
    assert office.run("2017-11-30T21:00").outcomes == [("2017-11-30", "published")]


def test_a_source_that_ends_early_is_late_told_once_and_nothing_is_published(office: Any) -> None:
    office.prices(NOVEMBER, funds=date(2017, 11, 29))

    first, second = office.run(AFTER_CLOSE), office.run("2017-12-01T01:00")

    assert first.code == second.code == 1
    assert first.outcomes == [("2017-11-30", "late")]
    assert "funds.parquet: QQQ: the newest bar is of 2017-11-29, before 2017-11-30; nothing was published" in first.err
    assert first.err.count("\n") == 1
    assert not list(office.root.glob("*latest*"))
    assert office.people.keys == ["snapshot/small/2017-11-30-late"]

    office.prices(NOVEMBER)
    assert office.run("2017-12-01T02:00").outcomes == [("2017-11-30", "published")]
    assert [key.rpartition("-")[2] for key in office.people.keys] == ["late", "published"]


def test_stocks_that_end_early_are_late_though_the_benchmarks_are_there(office: Any) -> None:
    office.quotes.write(office.folder / "stocks.parquet", STOCKS, date(2017, 11, 29))
    ended = office.run(AFTER_CLOSE)
    assert (ended.code, ended.outcomes) == (1, [("2017-11-30", "late")])


def test_a_file_of_former_members_may_end_earlier(office: Any) -> None:
    office.quotes.write(office.folder / "gone.parquet", ("EEE",), date(2017, 9, 29))
    office.quotes.write(office.folder / "stocks.parquet", ("AAA", "BBB", "CCC", "DDD"), NOVEMBER)
    stays = [f"{symbol},2010-01-04," for symbol in ("AAA", "BBB", "CCC", "DDD")]
    rows = ["ticker,start_date,end_date", *stays, "EEE,2010-01-04,2017-09-30"]
    (office.folder / "membership.csv").write_text("\n".join(rows), "utf-8")
    office.job(prices='["stocks.parquet", "gone.parquet", "funds.parquet"]', membership='"membership.csv"')

    assert office.run(AFTER_CLOSE).outcomes == [("2017-11-30", "published")]


def test_a_notification_that_did_not_get_out_is_sent_by_the_next_run(office: Any) -> None:
    office.people.reachable = False
    first = office.run(AFTER_CLOSE)
    office.people.reachable = True
    second, third = office.run("2017-11-30T23:00"), office.run("2017-12-01T00:00")

    assert first.code == 0
    assert "nobody was told: nobody is there" in first.err
    assert first.results[0]["untold"] == "nobody is there"
    assert second.results[0]["untold"] is None
    assert third.code == 0
    assert len(office.people.told) == 1


def test_a_bad_source_is_refused_told_and_named(office: Any) -> None:
    (office.folder / "sectors.csv").write_text(
        "symbol,name,gics_sector,label_as_of\nAAA,A,Fishing,2016-01-04\n", "utf-8"
    )

    ended = office.run(AFTER_CLOSE)

    assert (ended.code, ended.outcomes) == (1, [("2017-11-30", "refused")])
    assert "gics_sector 'Fishing' is not known" in ended.err
    assert office.people.keys == ["snapshot/small/2017-11-30-refused"]
    assert not list(office.root.glob("versions/*"))


def test_what_was_rolled_back_is_not_published_again_unless_it_is_asked_for(office: Any) -> None:
    office.run("2017-11-15T22:00")
    older = office.root / "small_feature_snapshot_latest.parquet.manifest.json"
    october = older.read_bytes()
    office.run(AFTER_CLOSE)
    older.write_bytes(october)

    ended = office.run("2017-12-01T22:00")

    assert (ended.code, ended.outcomes) == (0, [("2017-11-30", "withdrawn")])
    assert "was published and rolled back to 2017-10-31" in ended.results[0]["text"]
    assert office.latest["snapshot_as_of"] == "2017-10-31"
    assert office.people.keys[-1].endswith("-withdrawn")
    assert office.run("2017-12-01T23:00", "--again").outcomes == [("2017-11-30", "published")]
    assert office.latest["snapshot_as_of"] == "2017-11-30"


def test_the_job_does_not_roll_back_and_says_what_does(office: Any) -> None:
    office.run("2017-11-15T22:00")
    office.run(AFTER_CLOSE)

    ended = office.run("2017-12-01T22:00", "--again", "--as-of", "2017-10-31")

    assert (ended.code, ended.outcomes) == (1, [("2017-10-31", "refused")])
    says = f"publish {office.root}@2017-10-31 --to {office.root} --profile small --allow-older`"
    assert says in ended.results[0]["text"]
    assert "2017-10-31 is older than 2017-11-30, which is latest" in ended.err
    assert office.latest["snapshot_as_of"] == "2017-11-30"


def test_a_published_snapshot_that_was_damaged_or_has_another_configuration_is_made_anew(office: Any) -> None:
    office.run(AFTER_CLOSE)
    (office.root / office.latest["snapshot_path"]).unlink()
    assert office.run("2017-11-30T23:00").code == 0
    assert (office.root / office.latest["snapshot_path"]).is_file()

    (office.folder / "small.json").write_text('{"holdings": 3}', "utf-8")
    office.job(config='{ small = "small.json" }')
    before = office.latest["config_sha256"]
    assert office.run("2017-12-01T22:00").outcomes == [("2017-11-30", "published")]
    assert office.latest["config_sha256"] != before
    assert office.latest["config_path"] == "small.json"


def test_a_session_of_ones_own_choice_is_built_and_an_older_one_refused(office: Any) -> None:
    office.job(as_of="2017-11-15")
    assert office.run(AFTER_CLOSE).outcomes == [("2017-11-15", "published")]

    ended = office.run(AFTER_CLOSE, "--as-of", "2017-10-31")

    assert (ended.code, ended.outcomes) == (1, [("2017-10-31", "refused")])
    assert "is older than 2017-11-15" in ended.err
    not_closed = office.run("2017-11-30T20:00", "--as-of", "2017-11-30")
    assert not_closed.code == 1
    assert "closes at 2017-11-30 21:00 UTC" in not_closed.err


def test_each_session_is_compared_with_what_is_published_and_not_published(office: Any) -> None:
    office.job(daily="true")
    office.prices(date(2017, 12, 5))

    first, second = office.run("2017-12-05T22:00"), office.run("2017-12-05T23:00")

    assert first.outcomes == [("2017-11-30", "published"), ("2017-12-05", "drift")]
    assert second.outcomes == [("2017-11-30", "already"), ("2017-12-05", "drift")]
    assert "already" in second.results[1]["text"]
    assert office.latest["snapshot_as_of"] == "2017-11-30"
    (report,) = office.root.glob("drift/small/2017-12-05-*.json")
    document = json.loads(report.read_text("utf-8"))
    assert document["before"]["as_of"] == "2017-11-30"
    assert document["after"]["as_of"] == "2017-12-05"
    moved = {column["name"]: column["changed"] for column in document["columns"]}
    assert moved["vol_63"] == 7
    assert len(office.people.told) == 2

    assert office.run("2017-12-05T23:30", "--publish-daily").outcomes[1] == ("2017-12-05", "published")
    assert office.latest["snapshot_as_of"] == "2017-12-05"


def test_code_that_was_changed_publishes_nothing(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "code_version", lambda: "snapshot-pipelines 0.1.0+g1279be5-dirty")

    ended = office.run(AFTER_CLOSE)

    assert (ended.code, ended.outcomes) == (1, [("2017-11-30", "refused")])
    assert not list(office.root.glob("versions/*"))


def test_a_store_that_is_down_fails_the_run_in_one_line(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise StoreError("the disk does not answer")

    monkeypatch.setattr(PlainFolder, "get", down)

    ended = office.run(AFTER_CLOSE)

    assert (ended.code, ended.outcomes) == (1, [("2017-11-30", "failed")])
    assert "the disk does not answer" in ended.err


class Killed(BaseException):
    """The process is gone: nothing that waits for errors sees it."""


def _kill_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Kill before the n-th change of a store; return how many there were."""
    count = 0

    def killing(method: Callable[..., Any]) -> Callable[..., Any]:
        def change(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                raise Killed
            return method(*arguments)

        return change

    for name in ("create", "replace", "delete"):
        monkeypatch.setattr(PlainFolder, name, killing(getattr(PlainFolder, name)))
    return lambda: count


def test_a_run_that_is_killed_between_any_two_writes_and_called_again_ends_the_same(office: Any) -> None:
    """A message whose delivery was not noted down any more is the only thing that may be there twice."""
    before = office.folder / "before"
    office.run("2017-11-15T22:00")
    shutil.copytree(office.root, before)
    kills = 0
    while True:
        shutil.rmtree(office.root)
        shutil.copytree(before, office.root)
        office.people.told.clear()
        with pytest.MonkeyPatch.context() as patch:
            writes = _kill_at(patch, kills + 1)
            with suppress(Killed):
                office.run(AFTER_CLOSE)
        ended = office.run("2017-11-30T23:00")
        assert (ended.code, ended.results[0]["as_of"]) == (0, "2017-11-30"), kills
        _check_whole(office)
        if writes() <= kills:
            break
        kills += 1
    assert kills == len(WRITES)


WRITES = ("rows", "summary", "version", "latest", "parquet", "csv", "ranking", "status", "noted", "message")


def _check_whole(office: Any) -> None:
    latest = office.latest
    assert latest["snapshot_as_of"] == "2017-11-30"
    name = "small_feature_snapshot_latest.parquet"
    (version,) = office.root.glob("versions/2017-11-30/*.manifest.json")
    assert version.read_bytes() == (office.root / f"{name}.manifest.json").read_bytes()
    assert (office.root / name).read_bytes() == (office.root / latest["snapshot_path"]).read_bytes()
    ranking = (office.root / "small_ranking_latest.csv").read_text("utf-8")
    assert version.name.removesuffix(".manifest.json") in ranking
    assert 1 <= len(office.people.told) <= 2
    assert len(set(office.people.keys)) == 1


def test_a_run_loads_no_pandas(office: Any) -> None:
    code = (
        "import sys\nfrom snapshot_pipelines.cli import run\nfrom snapshot_pipelines.cli.main import app\n"
        f"run.code_version = lambda: {'snapshot-pipelines 0.1.0+g1279be5'!r}\n"
        f"app(['run', '--config', {str(office.job(notify='[]'))!r}, '--now', '2017-11-30T22:00:00Z', '--json'], "
        "standalone_mode=False)\nassert 'pandas' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["outcome"] == "published"


# --- prices that are pulled ---------------------------------------------------------------------


class Platform:
    """A price source that counts what it is asked."""

    def __init__(self, quotes: Any) -> None:
        self.quotes, self.asked = quotes, 0
        self.last = NOVEMBER
        self.unknown: set[str] = set()
        self.late: set[str] = set()
        self.adjusted = True

    @property
    def adjustment(self) -> Adjustment:
        return Adjustment.SPLIT

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *_: object) -> None: ...

    def daily(self, symbols: list[str], years: int, until: date) -> dict[str, list[DailyBar]]:
        self.asked += 1
        (symbol,) = symbols
        if symbol in self.unknown:
            return {}
        closes = zip(self.quotes.sessions, self.quotes.closes[symbol].tolist(), strict=True)
        adjusted = self.adjusted
        return {
            symbol: [
                DailyBar(day, close, close if adjusted else None, volume=1e6)
                for day, close in closes
                if day <= min(until, date(2017, 11, 29) if symbol in self.late else self.last)
            ]
        }


@pytest.fixture
def platform(office: Any, quotes: Any, monkeypatch: pytest.MonkeyPatch) -> Platform:
    made = Platform(quotes)
    monkeypatch.setattr(markets, "price_source", lambda name: lambda: made)
    office.job(prices=None, pull='{ platform = "somewhere" }', folder='"work"')
    return made


def test_pulled_prices_stay_in_a_file_that_the_manifest_names(office: Any, platform: Platform) -> None:
    assert office.run(AFTER_CLOSE).outcomes == [("2017-11-30", "published")]

    file = office.folder / "work" / "pulled" / "somewhere-2017-11-30.parquet"
    (source,) = [one for one in office.latest["sources"] if one["role"] == "prices"]
    assert source["name"] == file.name
    assert source["sha256"] == sha256(file.read_bytes())
    assert platform.asked == 7
    assert office.run("2017-11-30T23:00").outcomes == [("2017-11-30", "already")]
    assert platform.asked == 7


def test_a_platform_that_is_late_is_asked_again(office: Any, platform: Platform) -> None:
    platform.last = date(2017, 11, 29)
    ended = office.run(AFTER_CLOSE)
    assert (ended.code, ended.outcomes) == (1, [("2017-11-30", "late")])
    assert "prices of somewhere: the newest bar is of 2017-11-29" in ended.err
    assert not list((office.folder / "work").glob("pulled/*"))

    platform.last = NOVEMBER
    assert office.run("2017-11-30T23:00").outcomes == [("2017-11-30", "published")]


def test_one_benchmark_that_is_late_makes_the_pulled_file_late(office: Any, platform: Platform) -> None:
    platform.late = {"SPY"}
    ended = office.run(AFTER_CLOSE)
    assert ended.outcomes == [("2017-11-30", "late")]
    assert "somewhere-2017-11-30.parquet: SPY: the newest bar is of 2017-11-29" in ended.err
    platform.late = set()
    assert office.run("2017-11-30T23:00").outcomes == [("2017-11-30", "published")]


def test_prices_without_total_return_are_refused(office: Any, platform: Platform) -> None:
    platform.adjusted = False
    ended = office.run(AFTER_CLOSE)
    assert (ended.code, ended.outcomes) == (1, [("2017-11-30", "refused")])
    assert "delivers no total return (adj_close) of QQQ, SPY, AAA" in ended.err


def test_a_pulled_file_that_something_is_published_from_is_never_lost(office: Any, platform: Platform) -> None:
    office.run(AFTER_CLOSE)
    old = (office.folder / "work" / "pulled" / "somewhere-2017-11-30.parquet").read_bytes()
    platform.unknown = {"EEE"}

    assert office.run("2017-11-30T23:00", "--again").outcomes == [("2017-11-30", "published")]

    files = sorted((office.folder / "work" / "pulled").iterdir())
    assert old in [file.read_bytes() for file in files]
    assert len(files) == 2
    assert office.latest["row_count"] == 6


def test_a_pulled_file_that_led_to_nothing_is_pulled_again(office: Any, platform: Platform) -> None:
    platform.unknown = {"AAA", "BBB", "CCC", "DDD", "EEE"}
    assert office.run(AFTER_CLOSE).outcomes == [("2017-11-30", "refused")]
    platform.unknown = set()
    assert office.run("2017-11-30T23:00").outcomes == [("2017-11-30", "published")]


def test_the_job_is_a_module_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["snapshots", "run", "--config", str(tmp_path / "none.toml")])
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("snapshot_pipelines", run_name="__main__")
    assert stop.value.code == 1
    assert capsys.readouterr().err.endswith("none.toml: No such file or directory; give the file of a job\n")
