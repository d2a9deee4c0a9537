"""What was taken back is decided on no more, also once newer snapshots are there; what is published again is."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.snapshot_places import SnapshotRoot
from quant_platform_kit.adapters.strategies import bind, load_strategy_file

from .conftest import DECEMBER, MADE, NOVEMBER, OCTOBER, Maker, Run

OTHER_RELEASE = "snapshot-pipelines 0.1.0+g1279be6"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a root to publish to."""
    return tmp_path / "published"


def read(maker: Maker, store: Path, session: date) -> tuple[date, str]:
    """Return which snapshot a session is decided on."""
    strategy = bind(load_strategy_file(maker.strategy))
    (reading,) = FeatureLoader(SnapshotRoot(str(store)), load_calendar("XNYS")).read(strategy, [session])
    return (reading.snapshot.as_of, reading.snapshot.digest) if reading.snapshot else (date.min, reading.refused)


def good(ended: object) -> None:
    assert getattr(ended, "code") == 0, ended  # noqa: B009


def test_a_session_whose_snapshot_was_rolled_back_stays_without_it(
    maker: Maker, built: Path, store: Path, run: Run
) -> None:
    good(run("publish", built, "--to", store, "--as-of", OCTOBER))
    good(run("publish", built, "--to", store, "--as-of", NOVEMBER))
    good(run("publish", built, "--to", store, "--as-of", OCTOBER, "--allow-older"))
    good(run("publish", built, "--to", store, "--as-of", DECEMBER))
    assert read(maker, store, DECEMBER)[0] == DECEMBER
    assert "stale: as_of 2017-10-31" in read(maker, store, NOVEMBER)[1]
    good(run("verify", store, "--all"))

    good(run("publish", built, "--to", store, "--as-of", NOVEMBER, "--allow-older"))
    good(run("publish", built, "--to", store, "--as-of", DECEMBER))
    assert [read(maker, store, day)[0] for day in (NOVEMBER, DECEMBER)] == [NOVEMBER, DECEMBER]


def test_of_two_of_a_session_the_one_that_was_gone_back_to_stays(
    maker: Maker, built: Path, store: Path, run: Run, tmp_path: Path
) -> None:
    (first,) = (built / "versions" / str(NOVEMBER)).glob("*.manifest.json")
    maker.build(tmp_path / "second", NOVEMBER, made=MADE + timedelta(days=1), version=OTHER_RELEASE)
    good(run("publish", built, "--to", store, "--as-of", NOVEMBER))
    good(run("publish", tmp_path / "second", "--to", store))
    refused = run("publish", built, "--to", store, "--as-of", NOVEMBER)
    assert (refused.code, "--allow-older to go back to it, nothing was changed" in refused.err) == (1, True)
    good(run("publish", built, "--to", store, "--as-of", NOVEMBER, "--allow-older"))
    good(run("publish", built, "--to", store, "--as-of", DECEMBER))
    assert read(maker, store, NOVEMBER) == (NOVEMBER, first.name.partition(".")[0])


def test_a_version_that_says_it_was_made_later_than_now_is_refused(
    maker: Maker, store: Path, run: Run, tmp_path: Path
) -> None:
    maker.build(tmp_path / "future", NOVEMBER, made=MADE.replace(year=2099))
    ended = run("publish", tmp_path / "future", "--to", store)
    assert ended.code == 1
    assert "says that it was made at 2099-01-02T09:30:00Z" in ended.err
    assert not store.exists() or not list(store.rglob("*.json"))


def test_a_manifest_that_is_not_what_its_name_says_is_refused_and_named(
    maker: Maker, built: Path, store: Path, run: Run
) -> None:
    good(run("publish", built, "--to", store))
    (manifest,) = (store / "versions" / str(NOVEMBER)).glob("*.manifest.json")
    manifest.rename(manifest.with_name(f"{'b' * 64}.manifest.json"))
    assert f"{'b' * 64}.manifest.json is not what its name says: remove that object" in read(maker, store, NOVEMBER)[1]


def test_what_lies_beyond_is_marked_and_nothing_else(maker: Maker, built: Path, store: Path, run: Run) -> None:
    good(run("publish", built, "--to", store))
    good(run("publish", built, "--to", store, "--as-of", NOVEMBER, "--allow-older"))
    assert [path.parent.name for path in store.rglob("*.withdrawn")] == [str(DECEMBER)]
