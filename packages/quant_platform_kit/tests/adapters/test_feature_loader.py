"""A run is given the snapshot of its session, verified, or told in words why not: each check, and their order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.adapters.snapshot_places import SnapshotRoot, SnapshotSettings
from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Damaged, StoreError
from quant_platform_kit.domain.features import FeatureReading
from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.testing import published_snapshot
from quant_platform_kit.testing.published_snapshot import (
    COLUMNS,
    FAULTS,
    PROFILE,
    SESSION,
    SYMBOLS,
    Damage,
    Draft,
    cell_is,
    field_is,
    has,
    leaders,
    of_day,
)

Read = Callable[..., FeatureReading]
ONE_DAY = (8, 9, 10)
"""Faults of one field: no snapshot has two of them."""


@pytest.fixture
def read(tmp_path: Path, calendar: ExchangeCalendar) -> Read:
    """Return a reader of a draft, published below a root of its own."""
    roots = (tmp_path / str(number) for number in range(1000))

    def reading(*damages: Damage, session: date = SESSION, strategy: BoundStrategy | None = None) -> FeatureReading:
        draft, root = Draft(), next(roots)
        for damage in damages:
            damage(draft)
        draft.write(root)
        path = str(root / latest_key(PROFILE)) if draft.setting else ""
        loader = FeatureLoader(SnapshotSettings("TEST", path), calendar)
        return loader.read(strategy or leaders(), [session])[0]

    return reading


def service(root: Path, calendar: ExchangeCalendar, *sessions: date) -> Sequence[FeatureReading]:
    settings = SnapshotSettings("TEST_", str(root / latest_key(PROFILE)))
    return FeatureLoader(settings, calendar).read(leaders(), sessions)


# --- the checks --------------------------------------------------------------------------------


def test_a_snapshot_that_passes_every_check_is_given_with_its_rows(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    version = Draft().write(tmp_path)
    tuesday = date(2018, 12, 4)
    (reading,) = service(tmp_path, calendar, tuesday)
    snapshot = reading.snapshot
    assert snapshot is not None, reading.refused
    assert (reading.session, reading.refused) == (tuesday, "")
    assert (snapshot.as_of, snapshot.newest_due, snapshot.age) == (SESSION, SESSION, 2)
    assert snapshot.digest == sha256(version.read_bytes())
    assert tuple(snapshot.rows) == SYMBOLS
    assert set(snapshot.rows["JPM"]) == {column.name for column in COLUMNS} - {"as_of", "symbol", "sector"}
    assert snapshot.rows["JPM"]["sector_code"] == 40
    assert snapshot.rows["JPM"]["history"] == 1741
    assert snapshot.stocks == set(SYMBOLS) - {"SPY"}


@pytest.mark.parametrize("number", FAULTS)
def test_each_check_refuses_with_its_message_and_what_to_do(read: Read, number: int) -> None:
    damage, said = FAULTS[number]
    reading = read(damage)
    assert reading.snapshot is None
    assert reading.refused.startswith("feature snapshot leaders: ")
    assert said in reading.refused
    todo = reading.refused.partition(said)[2]
    assert any(word in todo + said for word in ("publish", "correct", "set it to")), "ends with what to do"
    assert "\n" not in reading.refused


@pytest.mark.parametrize("first", FAULTS)
def test_of_two_faults_the_one_checked_first_is_told(read: Read, first: int) -> None:
    for second in (number for number in FAULTS if number > first):
        if {first, second} <= set(ONE_DAY):
            continue
        reading = read(FAULTS[first][0], FAULTS[second][0])
        told = [number for number, (_, said) in FAULTS.items() if said in reading.refused]
        assert told == [first], f"{first} and {second}: {reading.refused}"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (field_is(config_sha256=None), "manifest: config_sha256 is null; expected a SHA-256"),
        (field_is(contract_version="leaders"), "contract leaders; this release reads leaders.feature_snapshot.v1"),
        (of_day("1800-01-01", "2018-11-30T22:15:04Z"), "snapshot_as_of 1800-01-01 is no XNYS session"),
        (field_is(snapshot_path="/etc/passwd"), "snapshot_path /etc/passwd leaves the root"),
        (field_is(snapshot_path="versions//x.parquet"), "leaves the root"),
        (field_is(snapshot_path="versions\\x.parquet"), "leaves the root"),
        (field_is(snapshot_path="versions/2018-11-30/x.parquet"), "does not end in its sha256"),
        (has("afterwards", lambda data: data[:-1]), "bytes; manifest says "),
        (has("afterwards", lambda data: b""), "is 0 bytes; manifest says "),
        (field_is(columns=[]), "column as_of is not in the manifest"),
        (lambda draft: draft.without("sector_code"), "sector_code is missing; the profile reads it"),
        (lambda draft: draft.without("sma200_gap"), "sma200_gap is missing; the profile reads it"),
        (cell_is("symbol", "", 2), "row 3 has no symbol"),
        (cell_is("symbol", "ZTS", 2), "ZTS before SPY: not ascending"),
        (cell_is("member", 2), "member of AAPL is 2"),
        (cell_is("is_stock", -1, 1), "is_stock of JPM is -1"),
        (cell_is("adv20_usd", -1.0, 1), "adv20_usd of JPM is -1; it is not negative"),
        (cell_is("vol_63", -0.1, 1), "vol_63 of JPM is -0.1; it is not negative"),
        (cell_is("corr_252", 1.0001, 1), "corr_252 of JPM is 1.0001; a correlation is between -1 and 1"),
        (cell_is("beta_252", -np.inf, 1), "beta_252 of JPM is -inf; a number is finite"),
        (cell_is("symbol", "SPX", 3), "no row for SPY"),
        (cell_is("beta_252", np.nan, 0), "beta_252 is unknown for 1 of 4 members"),
    ],
)
def test_the_same_check_finds_other_faults(read: Read, damage: Damage, said: str) -> None:
    reading = read(damage)
    assert reading.snapshot is None
    assert said in reading.refused


@pytest.mark.parametrize(
    "damage",
    [
        cell_is("corr_252", -1 - 1e-10, 0),
        cell_is("beta_252", np.nan, 3),
        cell_is("sma200_gap", np.nan, 0, 1, 2, 4),
        cell_is("vol_63", 0.0, 0),
        field_is(later="field"),
    ],
)
def test_what_is_allowed_is_not_refused(read: Read, damage: Damage) -> None:
    assert read(damage).refused == ""


def test_another_type_or_order_than_the_manifest_says_is_named(read: Read) -> None:
    def other_type(draft: Draft) -> None:
        draft.fields["columns"] = [
            {"name": c.name, "type": "int32" if c.name == "vol_63" else c.type, "nullable": c.nullable}
            for c in draft.columns
        ]

    def other_order(draft: Draft) -> None:
        said = [{"name": c.name, "type": c.type, "nullable": c.nullable} for c in draft.columns]
        draft.fields["columns"] = [*said[1:], said[0]]

    def not_empty(draft: Draft) -> None:
        draft.fields["columns"] = [{"name": c.name, "type": c.type, "nullable": True} for c in draft.columns]

    def text(draft: Draft) -> None:
        draft.columns = tuple(Column_text(c) if c.name == "vol_63" else c for c in draft.columns)
        draft.cells["vol_63"] = list(SYMBOLS)

    def Column_text(column):
        return type(column)(column.name, "string", column.nullable)

    assert "vol_63 is float64; manifest says int32" in read(other_type).refused
    assert "columns are in the order as_of, symbol" in read(other_order).refused
    assert "as_of may not be empty; manifest says it may be empty" in read(not_empty).refused
    assert "vol_63 is string; the profile reads a number" in read(text).refused


# --- which snapshot ----------------------------------------------------------------------------

OCTOBER, NOVEMBER, DECEMBER = date(2018, 10, 31), date(2018, 11, 30), date(2018, 12, 31)


def test_a_missed_session_is_decided_on_its_own_snapshot(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    for day in (OCTOBER, NOVEMBER, DECEMBER):
        Draft(day).write(tmp_path)
    sessions = (OCTOBER, date(2018, 11, 29), NOVEMBER, date(2018, 12, 28), DECEMBER, date(2019, 1, 2))
    read = [reading.snapshot for reading in service(tmp_path, calendar, *sessions)]
    assert [snapshot and snapshot.as_of for snapshot in read] == [
        *(OCTOBER, OCTOBER, NOVEMBER, NOVEMBER, DECEMBER, DECEMBER)
    ]
    assert [snapshot and snapshot.age for snapshot in read] == [0, 20, 0, 18, 0, 1]


def test_what_lies_beyond_latest_was_withdrawn(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    Draft(NOVEMBER).write(tmp_path)
    Draft(OCTOBER).write(tmp_path)
    october, november = service(tmp_path, calendar, date(2018, 11, 29), NOVEMBER)
    assert october.snapshot is not None
    assert october.snapshot.as_of == OCTOBER
    assert "stale: as_of 2018-10-31 is 21 sessions before 2018-11-30" in november.refused


def test_of_two_versions_of_a_session_the_one_made_last_counts(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    made = [
        Draft(OCTOBER, made=f"2018-10-31T2{hour}:00:00Z", cells={"vol_63": np.full(5, hour / 10)}).write(
            tmp_path, latest=False
        )
        for hour in (2, 3, 1)
    ]
    Draft(NOVEMBER).write(tmp_path)
    (reading,) = service(tmp_path, calendar, date(2018, 11, 1))
    assert reading.snapshot is not None
    assert reading.snapshot.digest == sha256(made[1].read_bytes())
    assert reading.snapshot.rows["JPM"]["vol_63"] == 0.3


def test_no_older_snapshot_is_taken_instead_of_one_that_is_refused(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    Draft(date(2018, 11, 15)).write(tmp_path)
    Draft(date(2018, 11, 16), afterwards=lambda data: data[:-1]).write(tmp_path, latest=False)
    Draft(DECEMBER).write(tmp_path)
    before, refused = service(tmp_path, calendar, date(2018, 11, 15), date(2018, 11, 20))
    assert before.snapshot is not None
    assert "the file was changed or cut" in refused.refused


def test_a_version_that_cannot_be_read_is_not_passed_over(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    Draft(OCTOBER).write(tmp_path)
    version = Draft(date(2018, 11, 15)).write(tmp_path)
    version.write_bytes(version.read_bytes()[:-9])
    Draft(DECEMBER).write(tmp_path)
    (reading,) = service(tmp_path, calendar, date(2018, 11, 20))
    assert f"versions/2018-11-15/{version.name}: manifest is no JSON" in reading.refused


def test_versions_of_other_profiles_below_the_same_root_are_not_looked_at(
    tmp_path: Path, calendar: ExchangeCalendar
) -> None:
    Draft(OCTOBER).write(tmp_path)
    Draft(date(2018, 11, 15), fields={"strategy_profile": "others"}).write(tmp_path)
    Draft(DECEMBER).write(tmp_path)
    (reading,) = service(tmp_path, calendar, date(2018, 11, 20))
    assert reading.snapshot is not None
    assert reading.snapshot.as_of == OCTOBER


def test_a_pinned_version_is_the_only_candidate(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    pinned = Draft(NOVEMBER).write(tmp_path, latest=False)
    Draft(OCTOBER).write(tmp_path, latest=False)
    Draft(DECEMBER).write(tmp_path)
    loader = FeatureLoader(SnapshotSettings("TEST", str(pinned)), calendar)
    before, own, later = loader.read(leaders(), [OCTOBER, date(2018, 12, 5), DECEMBER])
    assert "as_of 2018-11-30 is after the session decided on, 2018-10-31" in before.refused
    assert own.snapshot is not None
    assert own.snapshot.as_of == NOVEMBER
    assert "stale: as_of 2018-11-30" in later.refused


def test_a_root_that_was_never_published_to_is_read_by_its_versions(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    for day in (OCTOBER, NOVEMBER):
        Draft(day).write(tmp_path, latest=False)
    loader = FeatureLoader(SnapshotRoot(str(tmp_path)), calendar)
    early, october, november = loader.read(leaders(), [date(2018, 10, 30), date(2018, 11, 2), NOVEMBER])
    assert f"no manifest of 2018-10-30 or before at {tmp_path}/" in early.refused
    assert october.snapshot is not None
    assert november.snapshot is not None
    assert (october.snapshot.as_of, november.snapshot.as_of) == (OCTOBER, NOVEMBER)
    assert "no manifest at " in service(tmp_path, calendar, NOVEMBER)[0].refused, "a service starts from latest"


@pytest.mark.parametrize(
    ("cadence", "due", "said"),
    [
        (Cadence.UNSTATED, None, ""),
        (Cadence.SESSION, date(2018, 12, 14), "9 sessions before 2018-12-14, the session decided on"),
        (Cadence.MONTH_START, date(2018, 12, 3), "1 session before 2018-12-03, the newest month start"),
        (Cadence.MONTH_END, NOVEMBER, ""),
        (Cadence.QUARTER_END, date(2018, 9, 28), ""),
    ],
)
def test_what_is_stale_depends_on_when_the_profile_decides(
    read: Read, cadence: Cadence, due: date | None, said: str
) -> None:
    reading = read(session=date(2018, 12, 14), strategy=leaders(cadence))
    if said:
        assert said in reading.refused
    else:
        assert reading.snapshot is not None
        assert reading.snapshot.newest_due == due


# --- where -------------------------------------------------------------------------------------


def test_files_are_looked_for_below_the_path_of_the_second_setting(tmp_path: Path, calendar: ExchangeCalendar) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    Draft().write(there)
    here.mkdir()
    (there / latest_key(PROFILE)).rename(here / latest_key(PROFILE))
    manifest = str(here / latest_key(PROFILE))
    for path in (there, f"{there}/{PROFILE}_feature_snapshot_latest.parquet", f"file://{there}", f"{there}/x.csv"):
        loader = FeatureLoader(SnapshotSettings("TEST", manifest, str(path)), calendar)
        assert loader.read(leaders(), [SESSION])[0].snapshot is not None
    Draft(date(2018, 11, 15)).write(there, latest=False)
    loader = FeatureLoader(SnapshotSettings("TEST", manifest, str(there)), calendar)
    older = loader.read(leaders(), [date(2018, 11, 16)])[0].snapshot
    assert older is not None
    assert older.as_of == date(2018, 11, 15), "so are versions"
    alone = FeatureLoader(SnapshotSettings("TEST", f"file://{manifest}"), calendar)
    assert "does not exist" in alone.read(leaders(), [SESSION])[0].refused


@pytest.mark.parametrize(
    ("manifest", "rows", "said"),
    [
        ("s3://bucket/x.manifest.json", "", "TEST_FEATURE_SNAPSHOT_MANIFEST_PATH: s3://bucket is no place of snapsh"),
        ("/folder/", "", "TEST_FEATURE_SNAPSHOT_MANIFEST_PATH is /folder/; name a manifest"),
        ("gs://B/x.manifest.json", "", "TEST_FEATURE_SNAPSHOT_MANIFEST_PATH: 'B' is no name of a bucket"),
        ("x.manifest.json", "http://x", "TEST_FEATURE_SNAPSHOT_PATH: http://x is no place of snapshots"),
        ("/nowhere/x.manifest.json", "", "no manifest at /nowhere/x.manifest.json; publish one or correct the path"),
    ],
)
def test_a_setting_that_names_no_place_blocks(calendar: ExchangeCalendar, manifest: str, rows: str, said: str) -> None:
    (reading,) = FeatureLoader(SnapshotSettings("TEST", manifest, rows), calendar).read(leaders(), [SESSION])
    assert said in reading.refused


# --- stores that change or are down while they are read ------------------------------------------


class Meddled(PlainFolder):
    """A folder in which something happens right before an object is read."""

    before: Callable[[str], None] = staticmethod(lambda key: None)
    reads: list[str]

    def get(self, key: str) -> Stored | None:
        """Return an object, after what happens."""
        self.reads.append(key)
        Meddled.before(key)
        return super().get(key)


@pytest.fixture
def meddled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("quant_platform_kit.adapters.snapshot_stores.PlainFolder", Meddled)
    monkeypatch.setattr(Meddled, "reads", [], raising=False)
    return tmp_path


def test_a_snapshot_that_is_removed_while_it_is_read_is_read_anew(
    meddled: Path, calendar: ExchangeCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    Draft(date(2018, 11, 30)).write(meddled)

    def prune(key: str) -> None:
        if key.startswith("versions/2018-11-30") and not (meddled / "versions/2018-12-03").exists():
            Draft(date(2018, 12, 3)).write(meddled)
            for file in (meddled / "versions/2018-11-30").iterdir():
                file.unlink()

    monkeypatch.setattr(Meddled, "before", staticmethod(prune))
    (reading,) = service(meddled, calendar, date(2018, 12, 4))
    assert reading.snapshot is not None, reading.refused
    assert reading.snapshot.as_of == date(2018, 12, 3)


def test_a_file_is_read_once_for_all_sessions_that_it_decides(meddled: Path, calendar: ExchangeCalendar) -> None:
    for day in (OCTOBER, NOVEMBER):
        Draft(day).write(meddled)
    sessions = calendar.between(OCTOBER, date(2018, 12, 28))
    assert all(reading.snapshot for reading in service(meddled, calendar, *sessions))
    assert len(Meddled.reads) == len(set(Meddled.reads)) == 4


def test_a_file_that_stays_away_is_looked_for_twice(meddled: Path, calendar: ExchangeCalendar) -> None:
    Draft(removed=True).write(meddled)
    assert "does not exist; publish it again" in service(meddled, calendar, SESSION)[0].refused
    assert len(Meddled.reads) == 4


def test_what_was_hashed_is_what_is_decided_on(
    meddled: Path, calendar: ExchangeCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    Draft().write(meddled)

    def cut_and_hash(data: bytes) -> str:
        if data.startswith(b"PAR1"):
            next(meddled.rglob("*.parquet")).write_bytes(b"")
        return sha256(data)

    monkeypatch.setattr("quant_platform_kit.adapters.snapshot_reading.sha256", cut_and_hash)
    assert service(meddled, calendar, SESSION)[0].snapshot is not None


@pytest.mark.parametrize("prefix", ["leaders", "versions"])
def test_a_store_that_is_down_is_no_reason_to_block(
    meddled: Path, calendar: ExchangeCalendar, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    Draft().write(meddled)

    def down(key: str) -> None:
        if key.startswith(prefix):
            raise StoreError(f"store object {key}: Input/output error")

    monkeypatch.setattr(Meddled, "before", staticmethod(down))
    with pytest.raises(StoreError, match=r"^feature snapshot leaders: .* cannot be read: .*Input/output") as failed:
        service(meddled, calendar, SESSION)
    assert not isinstance(failed.value, Damaged)


# --- pandas ------------------------------------------------------------------------------------

LOAD = """
import sys
from datetime import date
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.snapshot_places import SnapshotRoot
from quant_platform_kit.adapters.strategies import bind, load_strategy_file
loader = FeatureLoader(SnapshotRoot(sys.argv[1]), load_calendar("XNYS"))
print(loader.read(bind(load_strategy_file(sys.argv[2] + ":Leaders")), [date(2018, 11, 30)])[0].snapshot.age)
print(sorted(name for name in ("pandas", "pyarrow") if name in sys.modules))
"""


def test_loading_a_snapshot_does_not_load_pandas(tmp_path: Path) -> None:
    assert find_spec("pandas"), "without pandas installed this proves nothing"
    Draft().write(tmp_path)
    strategy = published_snapshot.__file__
    command = [sys.executable, "-c", LOAD, str(tmp_path), str(strategy)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["0", "['pyarrow']"]
