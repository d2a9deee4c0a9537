"""`release status`: what is there, and every mismatch by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import Refused
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, new_repository
from quant_release.inspect.status import read_status
from quant_release.run.apply import apply
from quant_release.run.opening import Options
from quant_release.testing.rehearsal import Rehearsal


def kinds(rehearsal: Rehearsal) -> list[tuple[str, str]]:
    return [(one["kind"], one["subject"]) for one in read_status(rehearsal.root)["mismatches"]]


def test_every_mismatch_of_the_baseline_is_named(rehearsal: Rehearsal) -> None:
    status = read_status(rehearsal.root)
    assert {one["name"]: one["version"] for one in status["packages"]} == {KIT: "0.7.8", STRATEGIES: "0.7.11"}
    assert {one["name"]: one["pins"] for one in status["apps"]} == {
        "ibkr": {KIT: "0.7.7", STRATEGIES: "0.7.7"},
        "schwab": {KIT: "0.7.8", STRATEGIES: "0.7.10"},
        "longbridge": {KIT: "0.7.8", STRATEGIES: "0.7.11"},
    }
    assert [one["text"] for one in status["mismatches"]] == [
        "ibkr is pinned to quant-platform-kit 0.7.7, behind 0.7.8",
        "ibkr is pinned to us-equity-strategies 0.7.7, behind 0.7.11",
        "schwab is pinned to us-equity-strategies 0.7.10, behind 0.7.11",
    ]
    assert status["well"] is False


def test_nothing_is_amiss_after_the_release(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE)
    status = read_status(rehearsal.root)
    assert (status["mismatches"], status["notes"], status["well"]) == ([], [], True)


def test_a_repository_without_tags_says_so_and_has_no_mismatch(rehearsal: Rehearsal, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    for path, data in rehearsal.git.read("HEAD", rehearsal.git.files("HEAD", "packages", "apps", "uv.lock")).items():
        if not path.endswith("requirements.txt"):
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).write_bytes(data or b"")
    new_repository(fresh)
    status = read_status(fresh)
    assert status["well"]
    assert status["notes"] == [
        "this checkout has no origin: nothing can be released, and no app can be pinned",
        "no package of this repository has a tag yet, and no app is pinned: the first release makes the tags",
    ]


def test_a_pin_to_a_tag_that_the_origin_lacks_is_named(rehearsal: Rehearsal) -> None:
    rehearsal.origin.run("tag", "--delete", f"{KIT}-v0.7.7")
    rehearsal.git.run("tag", "--delete", f"{KIT}-v0.7.7")
    assert ("missing_tag", "ibkr") in kinds(rehearsal)


def test_versions_tags_and_lock_that_differ_are_named(rehearsal: Rehearsal) -> None:
    manifest = "packages/quant_platform_kit/pyproject.toml"
    text = (rehearsal.root / manifest).read_text()
    rehearsal.commit(manifest, text.replace("0.7.8", "0.7.9"))
    assert {("lock", KIT), ("untagged", KIT)} <= set(kinds(rehearsal))
    rehearsal.git.tag(f"{KIT}-v0.7.9", "HEAD", "by hand")
    assert ("tag_not_published", KIT) in kinds(rehearsal)
    rehearsal.origin.run("tag", f"{KIT}-v0.7.9", "main")
    assert ("tag_moved", KIT) in kinds(rehearsal)


def test_pins_that_do_not_fit_each_other_or_the_origin_are_named(rehearsal: Rehearsal) -> None:
    path = "apps/longbridge/requirements.txt"
    text = (rehearsal.root / path).read_text()
    rehearsal.commit(path, text.replace(f"{KIT}-v0.7.8", f"{KIT}-v0.7.7"))
    assert {("behind", "longbridge"), ("unfitting", "longbridge")} <= set(kinds(rehearsal))
    rehearsal.commit(path, text.replace("origin.git", "elsewhere.git"))
    assert ("other_origin", "longbridge") in kinds(rehearsal)
    rehearsal.commit(path, "# nothing\n")
    assert kinds(rehearsal).count(("unpinned", "longbridge")) == 2


def test_a_folder_that_is_no_workspace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    new_repository(tmp_path)
    with pytest.raises(Refused, match=r"has no package with a table \[tool.release\]"):
        read_status(tmp_path)
