"""Copies of places that are only added to: written once, listed, and brought back whole or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.cli.main import main
from quant_platform_kit.domain.errors import Damaged, InvalidInput, Refused
from quant_platform_kit.services.operate.copying import MANIFEST, back_up, bring_back, check_copy

OBJECTS = {"topic=a/one.parquet": b"1" * 10, "claims/a/00000": b"{}", "topic=a/two.parquet": bytes(range(256))}


@pytest.fixture
def source(tmp_path: Path) -> PlainFolder:
    place = PlainFolder(tmp_path / "source")
    for key, data in OBJECTS.items():
        place.create(key, data)
    return place


@pytest.fixture
def copy(tmp_path: Path) -> PlainFolder:
    return PlainFolder(tmp_path / "copy")


def test_a_copy_has_every_object_and_comes_back_as_it_was(
    source: PlainFolder, copy: PlainFolder, tmp_path: Path
) -> None:
    assert back_up(source, copy).objects == len(OBJECTS)
    target = PlainFolder(tmp_path / "target")
    assert bring_back(copy, target).written == len(OBJECTS)
    assert {key: stored.data for key in target.keys("") if (stored := target.get(key))} == OBJECTS


def test_a_second_copy_writes_only_what_is_new(source: PlainFolder, copy: PlainFolder) -> None:
    back_up(source, copy)
    source.create("topic=a/three.parquet", b"3")
    done = back_up(source, copy)
    assert (done.objects, done.written) == (len(OBJECTS) + 1, 1)
    assert len(check_copy(copy)) == len(OBJECTS) + 1


def test_an_object_that_was_changed_on_either_side_ends_the_copy(source: PlainFolder, copy: PlainFolder) -> None:
    copy.create("claims/a/00000", b"another")
    with pytest.raises(Damaged, match="claims/a/00000 is another object in the copy"):
        back_up(source, copy)


@pytest.mark.parametrize("damage", ["changed", "missing", "no list"])
def test_a_copy_that_is_not_whole_is_refused_before_anything_is_written(
    source: PlainFolder, copy: PlainFolder, tmp_path: Path, damage: str
) -> None:
    back_up(source, copy)
    file = tmp_path / "copy" / "topic=a" / "one.parquet"
    if damage == "changed":
        file.write_bytes(b"0" * 10)
    elif damage == "missing":
        file.unlink()
    else:
        (tmp_path / "copy" / MANIFEST / "000001").unlink()
    target = PlainFolder(tmp_path / "target")
    with pytest.raises(InvalidInput, match="list of its objects" if damage == "no list" else "topic=a/one"):
        bring_back(copy, target)
    assert target.keys("") == []


def test_a_place_that_is_not_empty_is_refused(source: PlainFolder, copy: PlainFolder, tmp_path: Path) -> None:
    back_up(source, copy)
    target = PlainFolder(tmp_path / "target")
    target.create("mine", b"")
    with pytest.raises(Refused, match=r"holds 1 objects, such as mine: use an empty one"):
        bring_back(copy, target)
    assert target.keys("") == ["mine"]


def test_a_place_that_holds_nothing_is_no_source(copy: PlainFolder, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="check its address"):
        back_up(PlainFolder(tmp_path / "nothing"), copy)


@pytest.mark.parametrize("inside", ["", "/", "/copy"])
def test_a_place_is_no_copy_of_itself(
    source: PlainFolder,
    tmp_path: Path,
    inside: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A plan may name the same place twice: there would be no second copy, and a list among what is archived."""
    target = f"file://{tmp_path}/source{inside}"
    monkeypatch.setattr(sys, "argv", ["quant", "objects", "copy", f"{tmp_path}/source", target])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"quant: TO {target} and FROM {tmp_path}/source are one place, or one is in the other: copy it elsewhere\n"
    )
    assert sorted(source.keys("")) == sorted(OBJECTS)
