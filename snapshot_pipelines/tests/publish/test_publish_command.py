"""`snapshots publish`: the order of its writes, what it refuses, and what is there afterwards."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.adapters.snapshot_places import SnapshotRoot, SnapshotSettings
from quant_platform_kit.adapters.snapshot_reading import published
from quant_platform_kit.adapters.strategies import bind, load_strategy_file
from quant_platform_kit.domain.features import FeatureReading
from snapshot_pipelines.publish import roots

from .conftest import DECEMBER, MADE, NOVEMBER, OCTOBER, Maker, Run

LATEST = "small_feature_snapshot_latest.parquet.manifest.json"
COPIES = (
    "small_feature_snapshot_latest.parquet",
    "small_feature_snapshot_latest.csv",
    "small_ranking_latest.csv",
    "release_status_summary.json",
)


@dataclass
class Watched(PlainFolder):
    """A folder that tells what is written to it, and in which something may happen before."""

    root: Path
    _timeout_seconds: float = 5
    written: list[str] = field(default_factory=list)
    before: Callable[[str], None] = field(default=lambda key: None)

    def create(self, key: str, data: bytes) -> int:
        """Create."""
        self.before(key)
        self.written.append(key)
        return super().create(key, data)

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Replace."""
        self.before(key)
        self.written.append(key)
        return super().replace(key, data, generation)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def watched(store: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Return the store that is published to, watched."""
    made, known = Watched(store), roots.open_snapshots
    monkeypatch.setattr(
        roots, "open_snapshots", lambda root, endpoint: made if Path(root) == store else known(root, endpoint=endpoint)
    )
    return made


def decided_on(store: Path, maker: Maker, session: date) -> FeatureReading:
    loader = FeatureLoader(SnapshotSettings("TEST", str(store / LATEST)), load_calendar("XNYS"))
    return loader.read(bind(load_strategy_file(maker.strategy)), [session])[0]


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_versions_are_published_and_the_newest_is_latest(built: Path, store: Path, maker: Maker, run: Run) -> None:
    done = run("publish", built, "--to", store, "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["as_of"], document["moved"], document["before"]) == ("2017-12-29", True, None)
    assert len(document["new"]) == 3
    assert published((store / LATEST).read_bytes()).manifest.snapshot_as_of == DECEMBER
    for session, as_of in ((OCTOBER, OCTOBER), (date(2017, 12, 28), NOVEMBER), (DECEMBER, DECEMBER)):
        reading = decided_on(store, maker, session)
        assert reading.snapshot is not None, reading.refused
        assert reading.snapshot.as_of == as_of
    assert sorted(path.name for path in store.iterdir() if path.is_file() and path.name != ".lock") == sorted(
        [LATEST, *COPIES]
    )
    assert "published" in run("publish", f"{built}@2017-10-31", "--to", store.parent / "other").out


def test_rows_come_before_their_manifest_then_latest_then_copies(built: Path, watched: Watched, run: Run) -> None:
    assert run("publish", f"{built}@2017-11-30", "--to", watched.root).code == 0
    rows, summary, manifest = watched.written[:3]
    assert rows.endswith(".parquet")
    assert summary.endswith(".summary.json")
    assert manifest.endswith(".manifest.json")
    assert watched.written[3:] == [LATEST, *COPIES]


def test_copies_say_what_latest_says(built: Path, store: Path, run: Run) -> None:
    run("publish", built, "--to", store)
    latest = published((store / LATEST).read_bytes())
    assert (store / COPIES[0]).read_bytes() == (store / latest.manifest.snapshot_path).read_bytes()
    lines = (store / COPIES[1]).read_text().splitlines()
    assert lines[0].startswith("as_of,symbol,is_stock,member,primary,sector,sector_code,history,adv20_usd,")
    assert lines[1].startswith("2017-12-29,AAA,1,1,1,Energy,10,")
    assert len(lines) == 1 + latest.manifest.row_count
    ranking = (store / COPIES[2]).read_text().splitlines()
    assert ranking[0] == "rank,symbol,score,sector,as_of,manifest_sha256"
    assert ranking[1].split(",")[0] == "1"
    assert ranking[1].endswith(f",Energy,2017-12-29,{latest.digest}")
    assert len(ranking) == 6
    status = json.loads((store / COPIES[3]).read_text())
    assert list(status.items())[:2] == [("strategy_profile", "small"), ("as_of", "2017-12-29")]
    assert (status["manifest_sha256"], status["row_count"]) == (latest.digest, 7)
    assert status["coverage"]["with_row"] == 5
    assert status["in_words"]


def test_publishing_the_same_again_writes_nothing(
    built: Path, store: Path, maker: Maker, run: Run, tmp_path: Path
) -> None:
    run("publish", built, "--to", store)
    before = files(store)
    again = run("publish", built, "--to", store)
    assert (again.code, "nothing to publish" in again.out) == (0, True)
    assert files(store) == before
    maker.build(tmp_path / "later", DECEMBER, made=MADE + timedelta(days=2))
    later = run("publish", tmp_path / "later", "--to", store, "--json")
    assert json.loads(later.out)["moved"] is False
    assert files(store) == before, "what was made later and is the same otherwise is no news"


def test_publishing_again_completes_what_a_killed_publisher_left(built: Path, store: Path, run: Run) -> None:
    run("publish", built, "--to", store)
    before = files(store)
    rows = published((store / LATEST).read_bytes()).manifest.snapshot_path
    for name in (*COPIES, rows):
        (store / name).unlink()
    assert run("publish", built, "--to", store).code == 0
    assert {name: content for name, (content, _) in files(store).items()} == {
        name: content for name, (content, _) in before.items()
    }


def test_an_older_session_is_refused_unless_it_is_a_rollback(built: Path, store: Path, maker: Maker, run: Run) -> None:
    run("publish", built, "--to", store)
    before = files(store)
    refused = run("publish", built, "--as-of", "2017-11-30", "--to", store)
    assert refused.code == 1
    assert "2017-11-30 is older than 2017-12-29, which is latest; add --allow-older" in refused.err
    assert files(store) == before
    rolled = run("publish", f"{store}@2017-11-30", "--to", store, "--allow-older")
    assert rolled.code == 0, rolled.err
    assert decided_on(store, maker, date(2017, 12, 28)).snapshot is not None
    late = decided_on(store, maker, DECEMBER)
    assert "stale: as_of 2017-11-30" in late.refused, "what lies beyond latest was withdrawn"


def test_what_lies_before_latest_is_left_out(built: Path, store: Path, run: Run) -> None:
    run("publish", f"{built}@2017-11-30", "--to", store)
    done = run("publish", built, "--to", store, "--json")
    assert [key.split("/")[1] for key in json.loads(done.out)["new"]] == ["2017-12-29"]
    done = run("publish", built, "--to", store, "--allow-older", "--json")
    assert [key.split("/")[1] for key in json.loads(done.out)["new"]] == ["2017-10-31"]
    assert json.loads(done.out)["moved"] is False


def test_a_version_built_by_changed_code_is_refused(maker: Maker, store: Path, run: Run, tmp_path: Path) -> None:
    maker.build(tmp_path / "dirty", NOVEMBER, version="snapshot-pipelines 0.1.0+g1279be5-dirty")
    refused = run("publish", tmp_path / "dirty", "--to", store)
    assert refused.code == 1
    assert (
        "was built by snapshot-pipelines 0.1.0+g1279be5-dirty, code that was changed and not committed" in refused.err
    )
    assert files(store) == {}


def test_a_version_that_does_not_pass_its_checks_is_refused(built: Path, store: Path, run: Run, tmp_path: Path) -> None:
    damaged = shutil.copytree(built, tmp_path / "damaged")
    rows = next((damaged / "versions/2017-11-30").glob("*.parquet"))
    rows.write_bytes(rows.read_bytes()[:-1])
    refused = run("publish", damaged, "--to", store)
    assert refused.code == 1
    assert "feature snapshot small: versions/2017-11-30/" in refused.err
    assert "the file was changed or cut" in refused.err
    assert files(store) == {}


def test_another_configuration_than_the_one_in_force_is_refused(built: Path, store: Path, run: Run) -> None:
    refused = run("publish", built, "--to", store, "--config", "holdings=3")
    assert refused.code == 1
    assert "built with configuration" in refused.err
    assert files(store) == {}


def test_without_the_configuration_it_was_built_with_no_ranking_is_published(
    maker: Maker, built: Path, store: Path, run: Run, tmp_path: Path
) -> None:
    run("publish", f"{built}@2017-11-30", "--to", store)
    assert (store / COPIES[2]).is_file()
    maker.build(tmp_path / "three", DECEMBER, holdings=3)
    done = run("publish", tmp_path / "three", "--to", store)
    assert done.code == 0
    assert "no ranking is published: the profile has none, or --config does not give what it" in done.err
    assert not (store / COPIES[2]).exists(), "no ranking of another snapshot is left"


def test_the_loser_of_a_race_says_so_and_changes_nothing(
    maker: Maker, built: Path, watched: Watched, run: Run, tmp_path: Path
) -> None:
    store = watched.root
    run("publish", f"{built}@2017-11-30", "--to", store)
    other = maker.build(tmp_path / "other", DECEMBER, made=MADE + timedelta(hours=1), holdings=3)[0]
    winner = other.read_bytes()

    def overtake(key: str) -> None:
        if key == LATEST:
            (store / LATEST).unlink()
            (store / LATEST).write_bytes(winner)

    watched.before = overtake
    watched.written.clear()
    lost = run("publish", built, "--to", store)
    assert lost.code == 1
    assert (
        f"another publisher made 2017-12-29 {published(winner).digest[:12]} latest at 2018-01-02T10:30:00Z; "
        "nothing was changed"
    ) in lost.err
    assert (store / LATEST).read_bytes() == winner
    assert [path.name for path in (store / "versions/2017-12-29").glob("*.manifest.json")] == []
    assert watched.written[-1] == LATEST, "no copies are written"


def test_a_write_that_another_publisher_made_with_the_same_content_is_success(
    built: Path, watched: Watched, run: Run
) -> None:
    version = next((built / "versions/2017-12-29").glob("*.manifest.json")).read_bytes()

    def overtake(key: str) -> None:
        if key == LATEST:
            (watched.root / LATEST).write_bytes(version)

    watched.before = overtake
    assert run("publish", built, "--to", watched.root).code == 0


def test_copies_of_a_snapshot_that_is_latest_no_more_are_not_written(
    maker: Maker, built: Path, watched: Watched, run: Run, tmp_path: Path
) -> None:
    other = maker.build(tmp_path / "other", DECEMBER, holdings=3)[0].read_bytes()

    def overtake(key: str) -> None:
        if key == COPIES[0]:
            (watched.root / LATEST).unlink()
            (watched.root / LATEST).write_bytes(other)

    watched.before = overtake
    assert run("publish", built, "--to", watched.root).code == 0
    assert watched.written[-1] == COPIES[0]


def test_a_latest_that_cannot_be_read_is_cured_by_publishing(built: Path, store: Path, maker: Maker, run: Run) -> None:
    run("publish", f"{built}@2017-11-30", "--to", store)
    (store / LATEST).write_bytes(b"{")
    assert run("publish", built, "--to", store).code == 0
    assert decided_on(store, maker, DECEMBER).snapshot is not None


def test_a_version_file_that_holds_something_else_is_not_written_over(built: Path, store: Path, run: Run) -> None:
    run("publish", f"{built}@2017-11-30", "--to", store)
    rows = next((built / "versions/2017-12-29").glob("*.parquet"))
    (store / "versions/2017-12-29").mkdir()
    (store / "versions/2017-12-29" / rows.name).write_bytes(b"cut")
    refused = run("publish", built, "--to", store)
    assert refused.code == 1
    assert "has another content than its name says: remove it and publish again" in refused.err
    assert published((store / LATEST).read_bytes()).manifest.snapshot_as_of == NOVEMBER


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("{empty}", "--to", "{store}"), 1, "there is no version at"),
        (("{built}@2017-11-29", "--to", "{store}"), 1, "no snapshot of 2017-11-29 of small at"),
        (("{built}", "--as-of", "2017-11-29", "--to", "{store}"), 1, "there is no version of 2017-11-29 at"),
        (("{built}", "--as-of", "November", "--to", "{store}"), 2, "is not a date; write it as 2023-12-29"),
        (("{built}",), 2, "Missing option '--to'"),
        (("{built}", "--to", "s3://bucket"), 1, "s3://bucket is no place of snapshots"),
        (("{built}", "--to", "{file}"), 1, "Not a directory"),
        (("{built}/versions/2017-11-30/x.manifest.json", "--to", "{store}"), 1, "no manifest at"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...], code: int, said: str, built: Path, store: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    places = {"built": built, "store": store, "empty": tmp_path / "empty", "file": tmp_path / "file"}
    ended = run("publish", *(text.format(**places) for text in arguments))
    assert ended.code == code
    assert said in ended.err
    assert ended.err.count("\n") == 1
    assert files(store) == {}


def test_a_root_with_snapshots_of_two_profiles_asks_for_one(
    built: Path, maker: Maker, run: Run, tmp_path: Path
) -> None:
    root = shutil.copytree(built, tmp_path / "both")
    other = json.loads(next((root / "versions/2017-11-30").glob("*.manifest.json")).read_text())
    (root / "versions/2017-11-30" / f"{'0' * 64}.manifest.json").write_text(
        json.dumps({**other, "strategy_profile": "others"})
    )
    refused = run("publish", root, "--to", tmp_path / "store")
    assert "there are snapshots of others, small; choose one by --profile" in refused.err
    assert run("publish", root, "--to", tmp_path / "store", "--profile", "small").code == 0


def test_a_published_root_is_read_as_a_back_test_reads_it(built: Path, store: Path, maker: Maker, run: Run) -> None:
    run("publish", built, "--to", store)
    strategy = bind(load_strategy_file(maker.strategy))
    sessions = load_calendar("XNYS").between(OCTOBER, DECEMBER)
    read = [
        [reading.snapshot and reading.snapshot.digest for reading in loader.read(strategy, sessions)]
        for loader in (FeatureLoader(SnapshotRoot(str(root)), load_calendar("XNYS")) for root in (built, store))
    ]
    assert read[0] == read[1]
    assert None not in read[0]
