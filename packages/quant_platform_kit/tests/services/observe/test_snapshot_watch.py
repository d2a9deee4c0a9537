"""A snapshot that is due is missed before the services that read it block."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.cli import watched_snapshots
from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.sessions import Cadence
from quant_platform_kit.services.observe.snapshot_watch import snapshot_due
from quant_platform_kit.testing.published_snapshot import PROFILE, Draft, Leaders

from ...command import Answer, call

XNYS = load_calendar("XNYS")
TWO_HOURS = timedelta(hours=2)
OCTOBER, NOVEMBER, DECEMBER = date(2018, 10, 31), date(2018, 11, 30), date(2018, 12, 31)
Quant = Callable[..., Answer]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


DUE = {
    "before the close of a month end": ("2018-11-30T20:59", OCTOBER),
    "at its close": ("2018-11-30T21:00", OCTOBER),
    "a minute before the grace is over": ("2018-11-30T22:59", OCTOBER),
    "when the grace is over": ("2018-11-30T23:00", NOVEMBER),
    "on the weekend": ("2018-12-02T12:00", NOVEMBER),
    "in the month after": ("2018-12-28T23:30", NOVEMBER),
    "after the next month end": ("2018-12-31T23:00", DECEMBER),
}


@pytest.mark.parametrize(("now", "as_of"), DUE.values(), ids=DUE)
def test_a_snapshot_is_due_a_grace_after_the_close_of_a_session_decided_on(now: str, as_of: date) -> None:
    assert snapshot_due(utc(now), Cadence.MONTH_END, TWO_HOURS, XNYS).as_of == as_of


def test_it_is_due_at_the_next_opening_at_the_latest() -> None:
    week = timedelta(days=7)
    assert snapshot_due(utc("2018-12-03T14:29"), Cadence.MONTH_END, week, XNYS).as_of == OCTOBER
    found = snapshot_due(utc("2018-12-03T14:30"), Cadence.MONTH_END, week, XNYS)
    assert (found.as_of, found.needed) == (NOVEMBER, utc("2018-12-03T14:30"))
    assert (found.next, found.next_due) == (DECEMBER, utc("2019-01-02T14:30"))


def test_a_rule_of_every_session_needs_one_every_session() -> None:
    assert snapshot_due(utc("2018-11-29T23:00"), Cadence.SESSION, TWO_HOURS, XNYS).as_of == date(2018, 11, 29)
    assert snapshot_due(utc("2018-11-29T22:00"), Cadence.SESSION, TWO_HOURS, XNYS).as_of == date(2018, 11, 28)


# --- quant watchdog ---------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a root with the snapshot of October as latest."""
    Draft(OCTOBER).write(tmp_path / "snapshots")
    return tmp_path / "snapshots"


@pytest.fixture
def quant(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Quant:
    """Return a function that watches a store without accounts, in which no run is due yet, and snapshots."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(watched_snapshots, "catalog", lambda: {PROFILE: Leaders()})
    PlainFolder(tmp_path / "store").create("owners/A", b"{}")

    def run(now: str, address: object, *arguments: str) -> Answer:
        place = [f"--store=file://{tmp_path}/store", f"--reports=file://{tmp_path}/reports"]
        usual = ["--schedule", "45 15 * * 1-5", "--now", f"{now}:00Z", "--snapshot", f"{PROFILE}={address}", "--json"]
        return call(monkeypatch, capsys, "watchdog", *place, *usual, *arguments)

    return run


def told(answer: Answer) -> list[str]:
    """Return what is said of snapshots."""
    return [one["text"] for one in answer.document["alerts"] if one["text"].startswith("feature snapshot")]


def test_an_alert_comes_before_the_services_would_block_and_stays_until_it_is_cured(quant: Quant, root: Path) -> None:
    assert told(quant("2018-11-30T22:00", root)) == []
    (before,) = told(quant("2018-11-30T23:00", root))
    (after,) = told(quant("2018-12-03T15:00", root))
    assert "leaders: stale: as_of 2018-10-31 is 21 sessions before 2018-11-30, the newest month end" in before
    assert "; its services block from 2018-12-03 14:30 UTC on: run the job that publishes it" in before
    assert "; its services block since 2018-12-03 14:30 UTC" in after

    Draft(NOVEMBER).write(root)
    assert told(quant("2018-12-03T15:00", root)) == []
    document = quant("2018-12-03T15:00", root).document
    assert document["snapshots"] == [
        {
            "profile": "leaders",
            "address": str(root),
            "as_of": "2018-11-30",
            "due": "2018-11-30",
            "next": "2018-12-31",
            "next_due": "2018-12-31T23:00:00+00:00",
        }
    ]


def test_a_snapshot_that_is_there_early_is_well(quant: Quant, root: Path) -> None:
    Draft(NOVEMBER).write(root)
    assert told(quant("2018-11-30T22:20", root)) == []


def test_the_grace_is_an_option(quant: Quant, root: Path) -> None:
    assert told(quant("2018-11-30T21:30", root, "--snapshot-grace", "30m")) != []
    assert told(quant("2018-11-30T21:29", root, "--snapshot-grace", "30m")) == []


def test_a_manifest_can_be_named_as_a_service_names_it(quant: Quant, root: Path) -> None:
    latest = root / "leaders_feature_snapshot_latest.parquet.manifest.json"
    assert told(quant("2018-11-30T22:00", latest)) == []
    assert "stale" in told(quant("2018-12-01T00:00", f"file://{latest}"))[0]


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no manifest": (lambda path: path.unlink(), "no manifest at"),
    "no JSON": (lambda path: path.write_text("{"), "manifest"),
    "another contract": (
        lambda path: path.write_text(
            path.read_text().replace("leaders.feature_snapshot.v1", "leaders.feature_snapshot.v2")
        ),
        "contract leaders.feature_snapshot.v2; this release reads v1",
    ),
    "made too early": (
        lambda path: path.write_text(path.read_text().replace("T22:15:04Z", "T12:15:04Z")),
        "generated_at 2018-10-31T12:15:04Z is before that session's close",
    ),
}


@pytest.mark.parametrize(("damage", "said"), BAD.values(), ids=BAD)
def test_what_a_service_would_refuse_is_told_in_its_words(
    quant: Quant, root: Path, damage: Callable[[Path], Any], said: str
) -> None:
    damage(root / "leaders_feature_snapshot_latest.parquet.manifest.json")
    answer = quant("2018-11-30T20:00", root)
    assert said in told(answer)[0]
    assert answer.code == 1
    kinds = {one["kind"] for one in answer.document["alerts"] if one["text"].startswith("feature snapshot")}
    assert kinds == {"snapshot"}


def test_a_store_of_snapshots_that_is_down_is_an_alert(
    quant: Quant, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise StoreError("the disk does not answer")

    monkeypatch.setattr(PlainFolder, "get", down)
    answer = quant("2018-11-30T20:00", root)
    assert "cannot be read: the disk does not answer" in told(answer)[0]


@pytest.mark.parametrize("text", ["leaders", "=x", "leaders=", "other=x"])
def test_a_wrong_name_is_wrong_usage(quant: Quant, root: Path, text: str) -> None:
    answer = quant("2018-11-30T20:00", root, "--snapshot", text)
    assert answer.code == 2
    assert f"--snapshot {text!r}" in answer.err or "known: leaders" in answer.err


def test_a_configuration_is_not_compared(quant: Quant, root: Path) -> None:
    """A watchdog is told of none."""
    Draft(NOVEMBER, fields={"config_sha256": "0" * 64}).write(root)
    assert told(quant("2018-12-03T15:00", root)) == []
