"""What a release refuses, each time saying what is missing, and leaving everything as it was."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError, Refused
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, bundle_text
from quant_release.repository.git import Git, GitError
from quant_release.run.apply import Watching, abandon, apply
from quant_release.run.journal import Journal, RunWatcher
from quant_release.run.locks import lease_store, lock_checkout
from quant_release.run.opening import Options, Release
from quant_release.steps.machine import Boundary, Subject, advance
from quant_release.steps.table import Row, Scope
from quant_release.testing.rehearsal import Rehearsal

pytestmark = pytest.mark.services


def refused(rehearsal: Rehearsal, options: Options, match: str, *, resume: bool = False) -> None:
    """Check that a release is refused with a text, and that nothing moved."""

    def picture() -> tuple[object, ...]:
        git, origin = rehearsal.git, rehearsal.origin
        files = {path: (git.root / path).read_bytes() for path in git.files("HEAD", ".")}
        return git.commit(), git.tags(), git.changed(), files, origin.tags(), origin.text("for-each-ref")

    before = picture()
    with pytest.raises(QuantError, match=match):
        apply(options, BUNDLE, resume=resume)
    assert picture() == before


def another_checkout(rehearsal: Rehearsal, folder: Path) -> Git:
    """Return somebody else's clone."""
    subprocess.run(["git", "clone", "--quiet", str(rehearsal.origin.root), str(folder)], check=True)
    other = Git(folder)
    for name, value in {"user.name": "Bob", "user.email": "bob@localhost", "commit.gpgSign": "false"}.items():
        other.run("config", name, value)
    return other


def push_from_elsewhere(rehearsal: Rehearsal, folder: Path) -> None:
    other = another_checkout(rehearsal, folder)
    (other.root / "README.md").write_text("Somebody was faster.\n")
    other.run("commit", "--quiet", "--all", "--message", "Faster")
    other.push()


def test_an_app_is_not_pinned_to_a_tag_that_is_missing(release: Callable[[], Release]) -> None:
    here = release()
    journal = here.executor.tools.journal
    assert journal is not None
    with pytest.raises(Refused, match=f"pin of app ibkr: .*tag {KIT}-v0.7.10 is not at the origin"):
        advance(here.executor, [Subject(Scope.APP, "ibkr")], RunWatcher(journal, "run"))


def test_a_rollback_does_not_pin_a_tag_that_is_missing(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text("0.7.6", "0.7.11", "rollback = true"))
    refused(rehearsal, options, f"rollback releases no package, and {KIT}-v0.7.6 is not published")


def test_strategies_are_not_released_before_the_kit(release: Callable[[], Release], strategies: Subject) -> None:
    here = release()
    journal = here.executor.tools.journal
    assert journal is not None
    with pytest.raises(Refused, match=f"{STRATEGIES} depends on it: tag {KIT}-v0.7.10 is not at the origin"):
        advance(here.executor, [strategies], RunWatcher(journal, "run"))


def test_strategies_are_not_left_at_a_version_for_another_kit(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text("0.7.10", "0.7.11"))
    refused(rehearsal, options, "us-equity-strategies 0.7.11 was released for quant-platform-kit 0.7.8, the bundle has")


def test_a_tag_that_exists_elsewhere_is_not_moved(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.git.tag(f"{KIT}-v0.7.10", "HEAD~1", "by hand")
    refused(rehearsal, options, "exists already, at .* a tag never moves: choose a newer version")


def test_a_tag_that_differs_from_the_origins_is_not_moved(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.origin.run("tag", f"{KIT}-v0.7.10", "main")
    rehearsal.git.tag(f"{KIT}-v0.7.10", "HEAD~1", "by hand")
    refused(rehearsal, options, "here and .* at the origin; a tag never moves")


def test_a_tag_at_the_origin_that_names_another_version_is_not_taken(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.origin.run("tag", f"{KIT}-v0.7.10", "main")
    refused(rehearsal, options, f"names a commit with {KIT} 0.7.8: choose another one")


def test_unrelated_files_that_are_staged_are_not_committed(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.write("README.md", "Staged by accident.\n")
    rehearsal.git.run("add", "README.md")
    refused(rehearsal, options, "staged, and not part of this commit: README.md")


def test_uncommitted_edits_of_the_package_are_not_released(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.write("packages/quant_platform_kit/src/quant_platform_kit/new.py", "x = 1\n")
    refused(
        rehearsal, options, "uncommitted edits in packages/quant_platform_kit/src/quant_platform_kit/new.py: commit"
    )


def test_an_edit_of_the_packages_own_lock_entry_is_not_released(rehearsal: Rehearsal, options: Options) -> None:
    lock = (rehearsal.root / "uv.lock").read_text()
    rehearsal.write("uv.lock", lock.replace('version = "0.7.8"', 'version = "0.9.9"'))
    refused(rehearsal, options, re.escape(f"uv.lock (entry of {KIT})"))


def test_trailing_spaces_since_the_last_tag_are_not_released(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.commit("packages/quant_platform_kit/src/quant_platform_kit/new.py", "x = 1  \n")
    rehearsal.git.push()
    refused(rehearsal, options, "git diff --check: .*new.py:1: trailing whitespace")


def test_a_tag_without_its_commit_at_the_origin_is_not_a_release(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE, until="tag:quant-platform-kit")
    rehearsal.git.run("push", "--quiet", "origin", f"{KIT}-v0.7.10")
    refused(rehearsal, options, "its commit [0-9a-f]{12} was not pushed to origin/main: git push origin", resume=True)
    rehearsal.git.push()
    apply(options, BUNDLE, until=f"push:{KIT}", resume=True)


def test_a_tag_on_a_side_branch_is_not_a_release(rehearsal: Rehearsal, options: Options, tmp_path: Path) -> None:
    other = another_checkout(rehearsal, tmp_path / "other")
    other.run("checkout", "--quiet", "-b", "side")
    manifest = other.root / "packages/quant_platform_kit/pyproject.toml"
    manifest.write_text(manifest.read_text().replace("0.7.8", "0.7.10"))
    other.run("commit", "--quiet", "--all", "--message", "On the side")
    other.run("tag", f"{KIT}-v0.7.10")
    other.run("push", "--quiet", "origin", f"{KIT}-v0.7.10")
    refused(rehearsal, options, "commit [0-9a-f]{12} of tag .* is not reachable from origin/main")


def test_an_origin_that_moved_before_the_release_is_not_overtaken(
    rehearsal: Rehearsal, options: Options, tmp_path: Path
) -> None:
    push_from_elsewhere(rehearsal, tmp_path / "other")
    refused(rehearsal, options, "origin/main moved to [0-9a-f]{12}, which HEAD does not contain")


@pytest.mark.parametrize(("boundary", "error"), [(Boundary.CHOSEN, Refused), (Boundary.RECORDED, GitError)])
def test_an_origin_that_moves_between_plan_and_push_is_not_overtaken(
    rehearsal: Rehearsal, options: Options, tmp_path: Path, boundary: Boundary, error: type[QuantError]
) -> None:
    def interfere(at: Boundary, row: Row, subject: Subject) -> None:
        if (at, row.step, subject.name) == (boundary, "push", KIT):
            push_from_elsewhere(rehearsal, tmp_path / "other")

    def interfere_before(at: Boundary, row: Row, subject: Subject) -> None:
        if (at, row.step, subject.name) == (Boundary.ACTED, "tag", KIT):
            push_from_elsewhere(rehearsal, tmp_path / "other")

    with pytest.raises(error, match=r"moved to|failed to push"):
        apply(
            options, BUNDLE, watching=Watching(reached=interfere if boundary is Boundary.RECORDED else interfere_before)
        )
    assert f"{KIT}-v0.7.10" not in rehearsal.origin.tags()
    assert rehearsal.origin.text("log", "--format=%s", "--max-count=1", "main") == "Faster"


def test_local_commits_of_something_else_are_not_published_along(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.commit("README.md", "Not pushed yet.\n", "Work in progress")
    refused(rehearsal, options, "neither at the origin nor of this release: [0-9a-f]{12} 'Work in progress'; push them")


def test_a_commit_that_only_looks_like_a_release_is_not_published_along(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.commit("README.md", "Not pushed yet.\n", "Bump shared strategy package pins")
    refused(rehearsal, options, "neither at the origin nor of this release")


@pytest.mark.parametrize(("versions", "newest"), [(("0.7.6", "0.7.13"), "0.7.8"), (("0.7.9", "0.7.13"), "0.7.12")])
def test_a_version_does_not_go_backwards(
    rehearsal: Rehearsal, options: Options, versions: tuple[str, str], newest: str
) -> None:
    if newest == "0.7.12":
        rehearsal.git.tag(f"{KIT}-v0.7.12", "HEAD", "somebody's")
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text(*versions))
    refused(rehearsal, options, f"the version of {KIT} goes backwards, from {newest} to {versions[0]}")


def test_pins_do_not_go_backwards_unless_the_bundle_says_so(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE, until="push-pins:ibkr")
    abandon(options, BUNDLE)
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text("0.7.8", "0.7.11"))
    refused(rehearsal, options, "goes backwards, from 0.7.10 to 0.7.8: choose a newer one, or say rollback = true")


def test_a_package_without_changelog_entry_is_not_released(rehearsal: Rehearsal, options: Options) -> None:
    path = f"docs/history/{STRATEGIES}.md"
    text = (rehearsal.root / path).read_text().replace("## Unreleased", "## Before")
    rehearsal.commit(path, text)
    rehearsal.git.push()
    refused(rehearsal, options, f"preflight of package {STRATEGIES}: {path} has no entry for 0.7.13")


def test_a_profile_that_is_not_enabled_is_not_released(rehearsal: Rehearsal, options: Options) -> None:
    text = bundle_text().replace('profile = "global_etf_rotation"', 'profile = "tactical_asset_allocation"', 1)
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", text)
    refused(
        rehearsal,
        options,
        "service ibkr-service: profile tactical_asset_allocation is not enabled on ibkr: not enabled in",
    )


def test_a_second_operator_is_told_who_is_at_work_and_since_when(
    rehearsal: Rehearsal, options: Options, tmp_path: Path
) -> None:
    other = another_checkout(rehearsal, tmp_path / "other")
    store = open_store(rehearsal.store)
    clock = SystemClock()
    with lock_checkout(other.own_folder(), clock), lease_store(store, "bob", other, clock):
        refused(rehearsal, options, r"bob in \S+/other \(\w+\) since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC is at work")
    apply(options, BUNDLE, until=f"tag:{KIT}")


def test_a_second_release_of_the_same_checkout_is_refused(
    rehearsal: Rehearsal, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quant_release.run.locks.WAIT_SECONDS", 0.1)
    with lock_checkout(rehearsal.git.own_folder(), SystemClock()):
        refused(rehearsal, options, "another release works in this checkout")


def test_an_open_release_is_resumed_and_not_begun_again(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE, until="push:quant-platform-kit")
    refused(rehearsal, options, f"the release of {BUNDLE} that ana began at .* is open: add --resume")
    rehearsal.write(f"release/bundles/{BUNDLE}.toml", bundle_text("0.7.10", "0.7.14"))
    refused(
        rehearsal, options, f"bundle {BUNDLE} says something else: finish that one, or release abandon", resume=True
    )


def test_there_is_nothing_to_resume_where_no_release_is_open(rehearsal: Rehearsal, options: Options) -> None:
    refused(rehearsal, options, "there is nothing to resume", resume=True)


def test_a_store_that_only_this_machine_sees_is_for_rehearsals(rehearsal: Rehearsal) -> None:
    options = Options(rehearsal.root, "ana", rehearsal.store)
    refused(rehearsal, options, "an operator on another one would not be seen")
    refused(rehearsal, Options(rehearsal.root, "ana"), "set STORE_URL or add --store URL")


def test_images_need_somebody_to_build_them(rehearsal: Rehearsal) -> None:
    options = Options(rehearsal.root, "ana", rehearsal.store, local=True)
    refused(rehearsal, options, "add --builder docker, buildah or gcloud")


def test_a_checkout_without_origin_or_branch_is_refused(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.git.run("checkout", "--quiet", "--detach")
    refused(rehearsal, options, "no branch is checked out here")
    rehearsal.git.run("checkout", "--quiet", "-b", "elsewhere")
    refused(rehearsal, options, "the origin has no branch elsewhere; push it first: git push origin elsewhere")
    rehearsal.git.run("remote", "remove", "origin")
    refused(rehearsal, options, "this checkout has no origin")


def test_a_refusal_is_in_the_journal(rehearsal: Rehearsal, options: Options, tmp_path: Path) -> None:
    def interfere(at: Boundary, row: Row, subject: Subject) -> None:
        if (at, row.step) == (Boundary.ACTED, "tag"):
            push_from_elsewhere(rehearsal, tmp_path / "other")

    with pytest.raises(Refused):
        apply(options, BUNDLE, watching=Watching(reached=interfere))
    journal = Journal(open_store(rehearsal.store), "ana")
    (run,) = journal.runs()
    last = journal.events(run.run)[-1]
    assert (last.what, last.step, last.subject) == ("failed", "push", f"package {KIT}")
    assert "which HEAD does not contain" in last.text
