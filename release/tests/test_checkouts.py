"""Checkouts of other kinds than a plain clone, and files that come from elsewhere."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from quant_platform_kit.domain.errors import Refused
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES, bundle_text
from quant_release.inspect.status import read_status
from quant_release.repository.git import Git
from quant_release.run.apply import abandon, apply
from quant_release.run.opening import Options, read_release
from quant_release.run.rollback import rollback
from quant_release.steps.table import Scope, Stage
from quant_release.testing.rehearsal import Rehearsal

pytestmark = pytest.mark.services


def clone(rehearsal: Rehearsal, folder: Path, *options: str) -> Git:
    """Return a clone of the origin, with somebody who commits in it."""
    url = f"file://{rehearsal.origin.root}"
    subprocess.run(["git", "clone", "--quiet", *options, url, str(folder)], check=True)
    git = Git(folder)
    for name, value in {"user.name": "Ana", "user.email": "ana@localhost", "commit.gpgSign": "false"}.items():
        git.run("config", name, value)
    return git


def tagged_in_order(rehearsal: Rehearsal) -> bool:
    """Whether both packages are released, each tag on its own commit of the branch."""
    tags = rehearsal.origin.tags()
    found = [rehearsal.origin.log(f"{tag}~1", tag)[0][:2] for tag in (f"{KIT}-v0.7.10", f"{STRATEGIES}-v0.7.13")]
    wanted = [
        (tags[f"{KIT}-v0.7.10"], "Prepare v0.7.10 release"),
        (tags[f"{STRATEGIES}-v0.7.13"], "Prepare v0.7.13 release"),
    ]
    return found == wanted and all(rehearsal.origin.contains("main", commit) for commit, _ in wanted)


def test_a_shallow_clone_is_refused_by_everything_that_reads_it(
    rehearsal: Rehearsal, options: Options, tmp_path: Path
) -> None:
    git = clone(rehearsal, tmp_path / "shallow", "--depth", "1")
    options = replace(options, root=git.root)
    for command in (
        lambda: read_status(git.root),
        lambda: read_release(options, BUNDLE),
        lambda: apply(options, BUNDLE),
        lambda: rollback(options, BUNDLE),
        lambda: abandon(options, BUNDLE),
    ):
        with pytest.raises(Refused, match="is a shallow clone, whose history is cut off: git fetch --unshallow, then"):
            command()
    assert not git.own_folder().exists()
    assert not (rehearsal.origin.root.parent / "store" / "release").exists()
    git.run("fetch", "--quiet", "--unshallow")
    assert read_status(git.root)["head"] == rehearsal.git.commit()


@pytest.mark.parametrize("cut", ["blob:none", "tree:0"])
def test_a_partial_clone_is_released_from_as_a_whole_one(
    rehearsal: Rehearsal, options: Options, tmp_path: Path, cut: str
) -> None:
    rehearsal.origin.run("config", "uploadpack.allowFilter", "true")
    rehearsal.origin.run("config", "uploadpack.allowAnySHA1InWant", "true")
    git = clone(rehearsal, tmp_path / "partial", f"--filter={cut}")
    assert git.text("config", "remote.origin.partialclonefilter") == cut
    assert read_status(git.root)["mismatches"] == read_status(rehearsal.root)["mismatches"]
    apply(replace(options, root=git.root), BUNDLE, until=f"push:{STRATEGIES}")
    assert tagged_in_order(rehearsal)


def test_a_linked_worktree_is_released_from_as_a_checkout_of_its_own(
    rehearsal: Rehearsal, options: Options, tmp_path: Path
) -> None:
    rehearsal.git.run("checkout", "--quiet", "--detach")
    rehearsal.git.run("worktree", "add", "--quiet", str(tmp_path / "linked"), "main")
    linked = Git(tmp_path / "linked")
    apply(replace(options, root=linked.root), BUNDLE, until=f"push:{STRATEGIES}")
    assert tagged_in_order(rehearsal)
    assert linked.own_folder() != rehearsal.git.own_folder()
    assert (linked.changed(), rehearsal.git.changed()) == ([], [])


def test_without_a_branch_status_answers_and_a_release_is_refused(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.git.run("checkout", "--quiet", "--detach")
    status = read_status(rehearsal.root)
    assert (status["branch"], status["notes"]) == (
        None,
        ["the branch is not at the origin yet, or none is checked out"],
    )
    with pytest.raises(Refused, match="no branch is checked out here; check out the one that is released from"):
        apply(options, BUNDLE)


def test_a_bundle_outside_of_the_checkout_is_released_and_resumed_by_its_path(
    rehearsal: Rehearsal, options: Options, tmp_path: Path
) -> None:
    path = tmp_path / f"{BUNDLE}.toml"
    path.write_bytes(bundle_text().replace("\n", "\r\n").encode())
    (rehearsal.root / f"release/bundles/{BUNDLE}.toml").unlink()
    apply(options, str(path), until=f"commit:{KIT}")
    apply(options, str(path), until=f"push:{STRATEGIES}", resume=True)
    assert tagged_in_order(rehearsal)


def test_the_ends_of_lines_say_nothing_about_a_bundle_or_a_pin(rehearsal: Rehearsal, options: Options) -> None:
    apply(options, BUNDLE)
    digest = read_release(options, BUNDLE).bundle.digest
    for path in (f"release/bundles/{BUNDLE}.toml", *(f"apps/{app}/requirements.txt" for app in ("ibkr", "schwab"))):
        file = rehearsal.root / path
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    rehearsal.git.run("commit", "--quiet", "--all", "--message", "From another system")
    rehearsal.git.push()
    assert read_status(rehearsal.root)["mismatches"] == []
    release = read_release(options, BUNDLE)
    assert {release.executor.stage(one) for one in release.subjects if one.scope is Scope.APP} == {Stage.PUBLISHED}
    assert release.bundle.digest == digest
