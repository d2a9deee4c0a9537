"""`snapshots prune`: what it keeps, and that nobody who reads meanwhile is harmed."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from threading import Thread

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.adapters.snapshot_places import SnapshotSettings
from quant_platform_kit.adapters.strategies import bind, load_strategy_file
from snapshot_pipelines.publish import pruning
from snapshot_pipelines.publish.pruning import prune
from snapshot_pipelines.publish.roots import Root

from .conftest import DECEMBER, MADE, NOVEMBER, OCTOBER, Maker, Run

SEPTEMBER, AUGUST = date(2017, 9, 29), date(2017, 8, 31)
LATEST = "small_feature_snapshot_latest.parquet.manifest.json"


@pytest.fixture(scope="module")
def five(maker: Maker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a root with five months; nobody changes it."""
    root = tmp_path_factory.mktemp("five")
    maker.build(root, AUGUST, SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER)
    return root


@pytest.fixture
def store(five: Path, run: Run, tmp_path: Path) -> Path:
    assert run("publish", five, "--to", tmp_path / "store").code == 0
    return tmp_path / "store"


def days(store: Path) -> list[str]:
    return sorted(path.name for path in (store / "versions").iterdir())


def test_the_newest_sessions_stay_and_the_others_go_with_their_files(store: Path, run: Run) -> None:
    asked = run("prune", store, "--keep", "2", "--dry-run")
    assert (asked.code, len(days(store))) == (0, 5)
    assert "would be removed: 2017-08-31" in asked.out
    done = json.loads(run("prune", store, "--keep", "2", "--json").out)
    assert [one["as_of"] for one in done["removed"]] == ["2017-08-31", "2017-09-29", "2017-10-31"]
    assert days(store) == ["2017-11-30", "2017-12-29"]
    assert all(len(list((store / "versions" / day).iterdir())) == 3 for day in days(store))
    assert run("verify", store).code == 0
    assert json.loads(run("prune", store, "--keep", "2", "--json").out)["removed"] == []


def test_what_latest_names_stays_with_the_sessions_up_to_it(store: Path, run: Run) -> None:
    assert run("publish", f"{store}@2017-09-29", "--to", store, "--allow-older").code == 0
    run("prune", store, "--keep", "2")
    assert days(store) == ["2017-08-31", "2017-09-29", "2017-11-30", "2017-12-29"]


def test_what_was_made_in_the_last_seven_days_stays(store: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = MADE + timedelta(days=7)
    monkeypatch.setattr(PlainFolder, "now", lambda self: now - timedelta(seconds=1))
    assert "0 of small removed" in run("prune", store, "--keep", "2").out
    monkeypatch.setattr(PlainFolder, "now", lambda self: now + timedelta(seconds=1))
    assert "3 of small removed" in run("prune", store, "--keep", "2").out


def test_a_file_that_another_manifest_names_stays(store: Path, run: Run) -> None:
    old = next((store / "versions/2017-08-31").glob("*.manifest.json"))
    document = json.loads(old.read_text())
    other = {**document, "strategy_profile": "others"}
    (old.parent / f"{'0' * 64}.manifest.json").write_text(json.dumps(other))
    run("prune", store, "--keep", "2", "--profile", "small")
    assert (store / document["snapshot_path"]).is_file()
    assert not old.exists()


def test_what_becomes_latest_meanwhile_stays(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, known = Root(str(store)), pruning._remove
    rolled = next((store / "versions/2017-08-31").glob("*.manifest.json"))

    def roll_back(*arguments: object) -> bool:
        (store / LATEST).write_bytes(rolled.read_bytes())
        return known(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pruning, "_remove", roll_back)
    done = prune(root, "small", 2)
    assert [place.found.manifest.snapshot_as_of for place in done.removed] == [SEPTEMBER, OCTOBER]
    assert rolled.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("{five}",), 1, "there is no latest snapshot of small at"),
        (("{nowhere}",), 1, "there is no snapshot at"),
        (("{store}", "--keep", "1"), 2, "should be greater than or equal to 2"),
    ],
)
def test_a_mistake_removes_nothing(
    arguments: tuple[str, ...], code: int, said: str, five: Path, store: Path, run: Run
) -> None:
    ended = run("prune", *(text.format(five=five, store=store, nowhere=store / "nowhere") for text in arguments))
    assert ended.code == code
    assert said in ended.err
    assert len(days(store)) == 5


def test_a_manifest_that_cannot_be_read_stops_it(store: Path, run: Run) -> None:
    (store / "versions/2017-08-31/broken.manifest.json").write_bytes(b"{")
    refused = run("prune", store, "--keep", "2")
    assert refused.code == 1
    assert "versions/2017-08-31/broken.manifest.json: manifest is no JSON" in refused.err
    assert len(days(store)) == 5


def test_a_reader_is_never_refused_while_versions_are_removed(store: Path, five: Path, maker: Maker, run: Run) -> None:
    loader = FeatureLoader(SnapshotSettings("TEST", str(store / LATEST)), load_calendar("XNYS"))
    strategy, refused, ended = bind(load_strategy_file(maker.strategy)), list[str](), list[bool]()

    def read() -> None:
        while not ended:
            readings = loader.read(strategy, [NOVEMBER, date(2017, 12, 28), DECEMBER])
            refused.extend(reading.refused for reading in readings if reading.refused)

    reader = Thread(target=read)
    reader.start()
    for _ in range(5):
        prune(Root(str(store)), "small", 2)
        assert run("publish", five, "--to", store, "--allow-older").code == 0
    ended.append(True)
    reader.join()
    assert refused == []
