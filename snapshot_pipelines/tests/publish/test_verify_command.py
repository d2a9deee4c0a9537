"""`snapshots verify`: the checks of a service, without one; and snapshots built again from their sources."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quant_platform_kit.adapters.snapshot_files import read_rows, write_rows
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.snapshot_manifest import encode, parse

from .conftest import NOVEMBER, Maker, Run

Cells = dict[str, Any]


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    """Return a root with the snapshot of November only."""
    shutil.copytree(built / "versions" / str(NOVEMBER), tmp_path / "root" / "versions" / str(NOVEMBER))
    return tmp_path / "root"


def resign(root: Path, damage: Callable[[Cells], None], **fields: Any) -> None:
    """Damage the rows of a root's only version, and write a manifest that agrees with them but for some fields."""
    (old,) = root.rglob("*.manifest.json")
    manifest = parse(old.read_bytes())
    rows = read_rows((root / manifest.snapshot_path).read_bytes())
    numbers = {name: rows.number(name).copy() for name in rows.numeric}
    cells: Cells = {**{name: list(texts) for name, texts in rows.texts.items()}, **rows.days, **numbers}
    damage(cells)
    data = write_rows(rows.columns, cells)
    digest = sha256(data)
    path = f"versions/{manifest.snapshot_as_of}/{digest}.parquet"
    count = len(cells["symbol"])
    changes = {"snapshot_path": path, "snapshot_sha256": digest, "snapshot_bytes": len(data), "row_count": count}
    made = encode(replace(manifest, **{**changes, **fields}))
    old.unlink()
    (root / path).write_bytes(data)
    (old.parent / f"{sha256(made)}.manifest.json").write_bytes(made)


def cell(name: str, row: int, value: object) -> Callable[[Cells], None]:
    return lambda cells: cells[name].__setitem__(row, value)


def nothing(cells: Cells) -> None:
    """Leave the rows as they are."""


def test_what_was_built_is_verified(built: Path, run: Run) -> None:
    done = run("verify", built, "--all", "--json")
    assert done.code == 0, done.err
    documents = json.loads(done.out)["verified"]
    assert [(document["as_of"], document["rows"]) for document in documents] == [
        *(("2017-10-31", 7), ("2017-11-30", 7), ("2017-12-29", 7))
    ]
    told = run("verify", f"{built}@2017-11-30").out
    assert "verified small 2017-11-30" in told
    assert "no configuration was compared" in told
    assert "no session decided on was given" in told


@pytest.mark.parametrize(
    ("damage", "fields", "said"),
    [
        (nothing, {"manifest_type": "strategy_plugin_release"}, "manifest_type is strategy_plugin_release"),
        (nothing, {"strategy_profile": "others"}, "made for others; this service runs small"),
        (
            nothing,
            {"contract_version": "small.feature_snapshot.v2"},
            "contract small.feature_snapshot.v2; this release reads v1",
        ),
        (nothing, {"generated_at": parse}, "generated_at 2017-11-30T17:30:00Z is before that session's close (21:00Z)"),
        (nothing, {"snapshot_path": "../rows.parquet"}, "snapshot_path ../rows.parquet leaves the root"),
        (nothing, {"row_count": 8}, "has 7 rows; manifest says 8"),
        (cell("as_of", 1, np.datetime64("2017-12-01")), {}, "row BBB has as_of 2017-12-01; snapshot is of 2017-11-30"),
        (cell("symbol", 1, "AAA"), {}, "AAA twice"),
        (cell("member", 0, 2), {}, "member of AAA is 2"),
        (cell("vol_63", 2, np.inf), {}, "vol_63 of CCC is inf"),
        (cell("mom_6_1", 3, np.nan), {}, "mom_6_1 is unknown for 1 of 5 members; at most 10 % may be"),
        (cell("sma200_gap", 6, np.nan), {}, "sma200_gap of SPY is unknown"),
    ],
)
def test_a_snapshot_with_a_manifest_that_agrees_is_still_checked(
    damage: Callable[[Cells], None], fields: dict[str, Any], said: str, root: Path, run: Run
) -> None:
    if "generated_at" in fields:
        fields = {"generated_at": _at_noon(root)}
    resign(root, damage, **fields)
    refused = run("verify", root, "--profile", "small") if "strategy_profile" not in fields else _by_file(root, run)
    assert refused.code == 1
    assert f"feature snapshot small: {said}" in refused.err.replace("the file has", "has")


def _at_noon(root: Path) -> Any:
    (manifest,) = root.rglob("*.manifest.json")
    return parse(manifest.read_bytes()).generated_at.replace(year=2017, month=11, day=30, hour=17)


def _by_file(root: Path, run: Run) -> Any:
    (manifest,) = root.rglob("*.manifest.json")
    return run("verify", manifest)


def test_a_changed_byte_and_a_cut_manifest_are_found(root: Path, run: Run) -> None:
    (rows,) = root.rglob("*.parquet")
    content = rows.read_bytes()
    rows.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    assert "the file was changed or cut" in run("verify", root).err
    (manifest,) = root.rglob("*.manifest.json")
    manifest.write_bytes(manifest.read_bytes()[:-20])
    assert "manifest is no JSON" in run("verify", root).err


def test_a_configuration_and_a_session_are_compared_where_they_are_given(root: Path, run: Run) -> None:
    assert run("verify", root, "--config", "holdings=2", "--as-of", "2017-12-28").code == 0
    assert "built with configuration" in run("verify", root, "--config", "holdings=3").err
    assert (
        "stale: as_of 2017-11-30 is 20 sessions before 2017-12-29" in run("verify", root, "--as-of", "2018-01-02").err
    )
    assert "is after the session decided on, 2017-11-29" in run("verify", root, "--as-of", "2017-11-29").err


def test_a_snapshot_that_is_built_again_is_equal(root: Path, maker: Maker, run: Run) -> None:
    done = run("verify", root, "--rebuild", *maker.sources)
    assert done.code == 0, done.err
    assert "built again from its sources: equal to 1e-9" in done.out


def test_a_value_that_no_source_makes_is_named(root: Path, maker: Maker, run: Run) -> None:
    def damage(cells: Cells) -> None:
        cells["vol_63"][1] += 2e-9

    resign(root, damage)
    refused = run("verify", root, "--rebuild", *maker.sources)
    assert refused.code == 1
    assert "vol_63 of BBB is 0.1" in refused.err
    assert "rebuilt it is 0.1" in refused.err


def test_a_source_that_was_changed_by_a_byte_is_named(root: Path, maker: Maker, run: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(maker.folder, tmp_path / "market")
    changed = replace(maker, folder=folder)
    sectors = folder / "sectors.csv"
    sectors.write_text(sectors.read_text().replace("BBB Inc", "BBB inc"))
    refused = run("verify", root, "--rebuild", *changed.sources)
    assert refused.code == 1
    assert f"{sectors} is not what the snapshot was built from: its sha256 is " in refused.err


def test_sources_go_by_their_content_and_every_one_is_needed(
    root: Path, maker: Maker, run: Run, tmp_path: Path
) -> None:
    stocks, funds = maker.inputs.prices
    moved = shutil.copy(stocks, tmp_path / "moved.parquet")
    sectors = ("--sectors", maker.inputs.sectors)
    assert run("verify", root, "--rebuild", "--prices", moved, "--prices", funds, *sectors).code == 0
    lacking = run("verify", root, "--rebuild", "--prices", stocks, *sectors)
    assert "benchmarks funds.parquet (sha256 " in lacking.err
    assert "was not given" in lacking.err
    other = tmp_path / "membership.csv"
    other.write_text("ticker,start_date,end_date\n")
    more = run("verify", root, "--rebuild", *maker.sources, "--membership", other)
    assert f"{other} is no source of 2017-11-30, which was built without it" in more.err
    absent = run("verify", root, "--rebuild", "--prices", tmp_path / "no.parquet", *sectors)
    assert "no.parquet: No such file" in absent.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rebuild",), "--rebuild needs the sources"),
        (("--sectors", "x.csv"), "add --rebuild, or leave them out"),
        (("--as-of", "yesterday"), "is not a date"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], said: str, root: Path, run: Run) -> None:
    ended = run("verify", root, *arguments)
    assert ended.code == 2
    assert said in ended.err
