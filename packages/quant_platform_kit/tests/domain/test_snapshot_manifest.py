"""A manifest is written in one form, and read back as it was meant or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_manifest import (
    MOST_BYTES,
    Column,
    SnapshotManifest,
    Source,
    encode,
    parse,
)

ROWS, CONFIG, PRICES = "a78a" * 16, "a7d2" * 16, "5bd2" * 16
MANIFEST = SnapshotManifest(
    strategy_profile="mega_cap_leader_rotation",
    contract_version="mega_cap_leader_rotation.feature_snapshot.v1",
    config_name="mega_cap_leader_rotation",
    config_path=None,
    config_sha256=CONFIG,
    snapshot_path=f"versions/2018-11-30/{ROWS}.parquet",
    snapshot_sha256=ROWS,
    snapshot_bytes=48785,
    snapshot_as_of=date(2018, 11, 30),
    row_count=363,
    columns=(Column("as_of", "date", False), Column("vol_63", "float64", True)),
    generated_at=datetime(2018, 11, 30, 22, 15, 4, tzinfo=UTC),
    sources=(Source("prices", "daily.parquet", PRICES, 15284888),),
    code_version="snapshot-pipelines 0.1.0+g1279be5",
)
WRITTEN = f"""{{
 "manifest_type": "feature_snapshot",
 "contract_version": "mega_cap_leader_rotation.feature_snapshot.v1",
 "strategy_profile": "mega_cap_leader_rotation",
 "config_name": "mega_cap_leader_rotation",
 "config_path": null,
 "config_sha256": "{CONFIG}",
 "snapshot_path": "versions/2018-11-30/{ROWS}.parquet",
 "snapshot_sha256": "{ROWS}",
 "snapshot_bytes": 48785,
 "snapshot_as_of": "2018-11-30",
 "row_count": 363,
 "generated_at": "2018-11-30T22:15:04Z",
 "source_project": "snapshot_pipelines",
 "code_version": "snapshot-pipelines 0.1.0+g1279be5",
 "columns": [
  {{"name": "as_of", "type": "date", "nullable": false}},
  {{"name": "vol_63", "type": "float64", "nullable": true}}
 ],
 "sources": [
  {{"role": "prices", "name": "daily.parquet", "sha256": "{PRICES}", "bytes": 15284888}}
 ]
}}
"""


def test_a_manifest_is_written_in_one_form() -> None:
    assert encode(MANIFEST).decode() == WRITTEN


@pytest.mark.parametrize(
    "manifest",
    [
        MANIFEST,
        replace(MANIFEST, sources=(), config_path="größe.json", config_name="line\nbreak"),
        replace(MANIFEST, generated_at=datetime(2018, 11, 30, 22, 15, 4, 120000, tzinfo=UTC)),
    ],
)
def test_what_is_written_is_read_back(manifest: SnapshotManifest) -> None:
    assert parse(encode(manifest)) == manifest


def test_fields_of_later_versions_are_passed_over() -> None:
    document = {**json.loads(WRITTEN), "later": {"x": [1]}}
    document["columns"][0]["unit"] = "day"
    assert parse(json.dumps(document).encode()) == MANIFEST


@pytest.mark.parametrize("name", list(json.loads(WRITTEN)))
def test_a_field_that_is_lacking_is_named(name: str) -> None:
    document = json.loads(WRITTEN)
    del document[name]
    with pytest.raises(InvalidInput, match=rf"^manifest lacks {name}$"):
        parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("manifest_type", 1, "manifest_type is 1; expected a text"),
        ("strategy_profile", "", 'strategy_profile is ""; expected a text'),
        ("config_path", 3, "config_path is 3; expected a text"),
        ("config_sha256", "A7D2", 'config_sha256 is "A7D2"; expected a SHA-256'),
        ("snapshot_sha256", None, "snapshot_sha256 is null; expected a SHA-256"),
        ("snapshot_bytes", 0, "snapshot_bytes is 0; expected a whole number of at least 1"),
        ("snapshot_bytes", True, "snapshot_bytes is true; expected a whole number"),
        ("row_count", "363", 'row_count is "363"; expected a whole number'),
        ("row_count", 363.0, "row_count is 363.0; expected a whole number"),
        ("row_count", -1, "row_count is -1; expected a whole number of at least 0"),
        ("snapshot_as_of", "20181130", 'snapshot_as_of is "20181130"; expected a date'),
        ("snapshot_as_of", 20181130, "snapshot_as_of is 20181130; expected a date"),
        ("generated_at", "2018-11-30T22:15:04", "expected a UTC time"),
        ("generated_at", "2018-11-30T22:15:04+01:00", "expected a UTC time"),
        ("generated_at", "2018-13-30T22:15:04Z", "expected a UTC time"),
        ("columns", {}, "columns is {}; expected a list"),
        ("columns", ["as_of"], 'columns[0] is "as_of"; expected an object'),
        ("columns", [{"name": "x", "type": "date"}], "expected an object with nullable"),
        ("columns", [{"name": "x", "type": "float32", "nullable": True}], 'columns[0].type is "float32"; expected one'),
        ("columns", [{"name": "x", "type": ["date"], "nullable": True}], 'columns[0].type is ["date"]; expected one'),
        ("columns", [{"name": "x", "type": "date", "nullable": 0}], "columns[0].nullable is 0; expected true or false"),
        ("columns", [{"name": "x", "type": "date", "nullable": True}] * 2, "columns names x twice"),
        ("sources", [{"role": "prices", "name": "x", "sha256": "y", "bytes": 1}], "sources[0].sha256"),
        ("code_version", "x" * 100 * 1000, None),
    ],
)
def test_a_known_field_of_another_type_is_named_with_its_value(name: str, value: object, said: str | None) -> None:
    data = json.dumps({**json.loads(WRITTEN), name: value}).encode()
    if said is None:
        assert parse(data).code_version == value
        return
    with pytest.raises(InvalidInput) as refused:
        parse(data)
    assert str(refused.value).startswith("manifest: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "manifest is no JSON: Expecting value"),
        (b"[1]", "manifest is [1]; expected a JSON object"),
        (b"\xff\xfe\xff", "manifest is no JSON"),
        (WRITTEN[:-40].encode(), "manifest is no JSON"),
        (b'{"row_count": NaN}', "manifest is no JSON: NaN is no number"),
        (b'{"row_count": 1, "row_count": 2}', "manifest has row_count twice"),
        (b'{"row_count": ' + b"9" * 5000 + b"}", "manifest is no JSON"),
        (b"[" * 100_000, "manifest is no JSON"),
        (WRITTEN.encode() + b" " * MOST_BYTES, "at most 1048576 are read"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(data)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_flipped_byte_is_never_read_as_another_type(flipped: Callable[[bytes], list[bytes]]) -> None:
    for data in flipped(WRITTEN.encode()):
        try:
            found = parse(data)
        except InvalidInput:
            continue
        assert isinstance(found, SnapshotManifest)
        assert type(found.row_count) is int


@pytest.fixture
def flipped() -> Callable[[bytes], list[bytes]]:
    def flips(data: bytes) -> list[bytes]:
        return [data[:at] + bytes([data[at] ^ 0x21]) + data[at + 1 :] for at in range(0, len(data), 3)]

    return flips
