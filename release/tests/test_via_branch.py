"""Releases to an origin whose branch only a person may move: by way of `release/RUN`, which is merged."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import Refused
from quant_release.demo.baseline import BUNDLE, KIT, STRATEGIES
from quant_release.inspect.preview import plan
from quant_release.inspect.status import read_status
from quant_release.repository.git import Git, GitError
from quant_release.repository.workspace import read_workspace
from quant_release.run.apply import Watching, abandon, apply
from quant_release.run.journal import Journal
from quant_release.run.merging import MergeTerms
from quant_release.run.opening import Options, read_release
from quant_release.steps.machine import Boundary, StepFailed, Subject, legs, next_row
from quant_release.steps.model_check import ModelExecutor, State, subjects_for
from quant_release.steps.table import VIA_BRANCH, Row, Stage
from quant_release.testing.rehearsal import Rehearsal

pytestmark = pytest.mark.services
"""Each goes through a whole release, and several do more than once."""

_PROTECTED = """\
#!/bin/sh
case $1 in refs/heads/main) echo "main is protected: changes must be made through a pull request" >&2; exit 1;; esac
"""
_WHO = ("-c", "user.name=Bob", "-c", "user.email=bob@localhost")
_BRANCH = re.compile(r"merge (release/\S+) into main")


@pytest.fixture(autouse=True)
def _protected(rehearsal: Rehearsal) -> None:
    hook = rehearsal.origin.root / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(_PROTECTED)
    hook.chmod(0o755)


def commit_on_main(origin: Git, tree: str, *parents: str) -> None:
    """Move the origin's branch to a new commit, as a hosting service does."""
    options = [part for parent in parents for part in ("-p", parent)]
    commit = origin.text(*_WHO, "commit-tree", tree, *options, "-m", "Merged by Bob")
    origin.run("update-ref", "refs/heads/main", commit)


def merge_tree(origin: Git, branch: str) -> str:
    return origin.text("merge-tree", "--write-tree", "main", branch)


def by_merge_commit(origin: Git, branch: str) -> None:
    commit_on_main(origin, merge_tree(origin, branch), "main", branch)


def by_fast_forward(origin: Git, branch: str) -> None:
    origin.run("update-ref", "refs/heads/main", branch)


def by_squash(origin: Git, branch: str) -> None:
    commit_on_main(origin, merge_tree(origin, branch), "main")


def by_rebase(origin: Git, branch: str) -> None:
    commits = origin.text("rev-list", "--reverse", f"main..{branch}").split()
    for commit in commits:
        commit_on_main(origin, f"{commit}^{{tree}}", "main")


def somebody_elses_commit(rehearsal: Rehearsal, path: str = "README.md", text: str = "Somebody was faster.\n") -> None:
    """Put a commit of somebody else on the origin's branch."""
    origin = rehearsal.origin
    blob = origin.run("hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()
    index = str(origin.root / "index-of-bob")
    bob = Git(origin.root)
    bob._environment = {**bob._environment, "GIT_INDEX_FILE": index}
    bob.run("read-tree", "main")
    bob.run("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    commit_on_main(origin, bob.text("write-tree"), "main")


@dataclass
class Person:
    """Merges what a release asks for, as it asks, and knows what was asked."""

    rehearsal: Rehearsal
    merge: Callable[[Git, str], None] | None = by_merge_commit
    meanwhile: Callable[[], None] = lambda: None
    had_tagged: bool = False
    asked: list[str] = field(default_factory=list[str])

    def __call__(self, text: str) -> None:
        """Merge."""
        found = _BRANCH.match(text)
        assert found is not None, text
        self.asked.append(found[1])
        tags = self.rehearsal.git.tags()
        merged = {tag for tag, commit in tags.items() if self.rehearsal.origin.succeeds("cat-file", "-e", commit)}
        assert self.had_tagged or merged == tags.keys(), "a tag was made before its commit was merged"
        self.meanwhile()
        if self.merge is not None:
            self.merge(self.rehearsal.origin, found[1])


def by_branch(options: Options, person: Person, patience: float = 0.0) -> Options:
    return replace(options, merging=MergeTerms(wanted=True, patience=patience, poll=0.01, say=person))


def check_released(rehearsal: Rehearsal) -> None:
    """Check that everything is published, every tag is on the branch, and the checkout is where the origin is."""
    tags = rehearsal.origin.tags()
    for tag in (f"{KIT}-v0.7.10", f"{STRATEGIES}-v0.7.13"):
        assert rehearsal.origin.contains("main", tags[tag])
        (entry,) = rehearsal.origin.log(f"{tags[tag]}~1", tags[tag])
        assert entry[1] == f"Prepare {tag.rpartition('-')[2]} release"
    assert rehearsal.git.commit() == rehearsal.origin.commit("main")
    assert rehearsal.git.changed() == []
    status = read_status(rehearsal.root)
    assert (status["mismatches"], status["notes"]) == ([], [])


def test_a_push_that_is_declined_says_how_to_go_on_and_a_resume_does(rehearsal: Rehearsal, options: Options) -> None:
    with pytest.raises(GitError, match="pull requests may move the branch: --resume --via-branch"):
        apply(options, BUNDLE)
    person = Person(rehearsal, by_fast_forward, had_tagged=True)
    apply(by_branch(options, person), BUNDLE, until=f"push-tag:{KIT}", resume=True)
    assert f"{KIT}-v0.7.10" in rehearsal.origin.tags()


@pytest.mark.parametrize("merge", [by_merge_commit, by_fast_forward])
def test_a_release_asks_for_a_merge_of_each_package_and_one_of_all_pins_as_its_plan_says(
    rehearsal: Rehearsal, options: Options, merge: Callable[[Git, str], None]
) -> None:
    person = Person(rehearsal, merge)
    options = by_branch(options, person)
    release = read_release(options, BUNDLE)
    steps = plan(release.executor, release.subjects)
    done: list[tuple[str, str]] = []

    def listen(what: str, row: Row, on: Subject) -> None:
        if what == "ended":
            done.append((row.step, str(on)))

    run = apply(options, BUNDLE, watching=Watching(listen))
    assert person.asked == [f"release/{run.run}"] * 3
    assert done == [(step.step, step.subject) for step in steps]
    assert [step for step, _ in done] == [
        *["preflight", "bump", "commit", "merge", "tag", "push-tag"] * 2,
        *["pin", "test", "commit-pins"] * 3,
        "merge-pins",
        *["image"] * 3,
    ]
    assert "git push origin HEAD:release/RUN" in steps[3].commands
    check_released(rehearsal)


def test_the_model_goes_through_the_stages_that_a_real_release_by_branch_goes_through(
    rehearsal: Rehearsal, options: Options
) -> None:
    options = by_branch(options, Person(rehearsal))
    real: list[tuple[str, str, Stage]] = []

    def reached(at: Boundary, row: Row, subject: Subject) -> None:
        if at in (Boundary.CHOSEN, Boundary.VERIFIED):
            real.append((row.step, subject.scope.value, read_release(options, BUNDLE).executor.stage(subject)))

    apply(options, BUNDLE, until="merge-pins", watching=Watching(reached=reached))
    subjects, state = subjects_for(packages=2, apps=3)[:5], State()
    modelled: list[tuple[str, str, Stage]] = []
    for subject, rows in legs(VIA_BRANCH, subjects):
        while (row := next_row(ModelExecutor(state, subjects, VIA_BRANCH), subject)) in rows:
            modelled.append((row.step, subject.scope.value, ModelExecutor(state, subjects, VIA_BRANCH).stage(subject)))
            for effect in ModelExecutor(state, subjects, VIA_BRANCH).effects(row.action, subject):
                state = effect(state)
            state = replace(state, published=state.proposed)
            modelled.append((row.step, subject.scope.value, ModelExecutor(state, subjects, VIA_BRANCH).stage(subject)))
    assert modelled == real


@pytest.mark.parametrize("path", ["README.md", "packages/quant_platform_kit/src/quant_platform_kit/__init__.py"])
def test_commits_of_others_that_arrive_before_the_merge_are_no_obstacle_and_not_in_the_tag(
    rehearsal: Rehearsal, options: Options, path: str
) -> None:
    person = Person(rehearsal)
    text = iter(f"x = {number}\n" for number in range(9))
    person.meanwhile = lambda: somebody_elses_commit(rehearsal, path, next(text))
    apply(by_branch(options, person), BUNDLE, until=f"push-tag:{STRATEGIES}")
    tag = f"{KIT}-v0.7.10"
    assert rehearsal.origin.read(tag, [path]) != rehearsal.origin.read("main", [path])
    assert rehearsal.git.commit() == rehearsal.origin.commit("main")


@pytest.mark.parametrize("merge", [by_squash, by_rebase])
@pytest.mark.parametrize("number", [1, 3])
def test_commits_that_arrive_as_others_are_refused_and_released_after_an_abandon(
    rehearsal: Rehearsal, options: Options, merge: Callable[[Git, str], None], number: int
) -> None:
    person = Person(rehearsal)

    def merge_badly(origin: Git, branch: str) -> None:
        (by_merge_commit if len(person.asked) < number else merge)(origin, branch)

    person.merge = merge_badly
    options = by_branch(options, person)
    for resume in (False, True):
        with pytest.raises(Refused, match=r"not its commit \w{12}: it was squashed or rebased; `release abandon`"):
            apply(options, BUNDLE, resume=resume)
    made = {f"{KIT}-v0.7.10", f"{STRATEGIES}-v0.7.13"}
    assert made & rehearsal.origin.tags().keys() == (set() if number == 1 else made)
    abandon(options, BUNDLE)
    assert rehearsal.git.changed() == []
    rehearsal.git.run("pull", "--quiet", "--ff-only")
    person.merge = by_merge_commit
    apply(options, BUNDLE, until="merge-pins" if number == 3 else f"push-tag:{STRATEGIES}")
    tags = rehearsal.origin.tags()
    assert all(rehearsal.origin.contains("main", tags[tag]) for tag in made)
    assert rehearsal.git.commit() == rehearsal.origin.commit("main")


def test_a_version_that_was_committed_by_hand_without_a_tag_of_the_kit_is_merged_with_it(
    rehearsal: Rehearsal, options: Options
) -> None:
    manifest = "packages/us_equity_strategies/pyproject.toml"
    text = (rehearsal.root / manifest).read_text().replace('"0.7.11"', '"0.7.13"')
    rehearsal.commit(manifest, re.sub(r" @ git[^\"]+", "==0.7.10", text), "A version by hand")
    rehearsal.origin.run("fetch", "--quiet", str(rehearsal.root), "main:main")
    person = Person(rehearsal)
    apply(by_branch(options, person), BUNDLE, until=f"push-tag:{KIT}")
    person.merge = None
    options = by_branch(options, person)
    with pytest.raises(StepFailed, match="nobody has merged"):
        apply(options, BUNDLE, resume=True)
    by_merge_commit(rehearsal.origin, person.asked[-1])
    apply(options, BUNDLE, until=f"push-tag:{STRATEGIES}", resume=True)
    found = read_workspace(rehearsal.origin, f"{STRATEGIES}-v0.7.13").packages[STRATEGIES]
    assert found.references[KIT].tag == f"{KIT}-v0.7.10"


def test_a_merge_that_does_not_come_in_time_is_waited_for_by_the_next_resume_which_remembers_the_way(
    rehearsal: Rehearsal, options: Options
) -> None:
    person = Person(rehearsal, None)
    with pytest.raises(StepFailed, match=r"nobody has merged release/\S+ into origin/main within 0 min: .* --resume"):
        apply(by_branch(options, person), BUNDLE)
    assert f"{KIT}-v0.7.10" not in rehearsal.git.tags()
    by_merge_commit(rehearsal.origin, person.asked[0])
    person.merge = by_merge_commit
    patient = replace(options, merging=MergeTerms(patience=0.0, say=person))
    apply(patient, BUNDLE, until=f"push-tag:{STRATEGIES}", resume=True)
    assert len(person.asked) == 2
    assert f"{STRATEGIES}-v0.7.13" in rehearsal.origin.tags()


def test_a_release_looks_again_until_somebody_has_merged(rehearsal: Rehearsal, options: Options) -> None:
    person = Person(rehearsal, None)
    slept: list[float] = []

    class Waiting(SystemClock):
        def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            if len(slept) % 3 == 0:
                by_merge_commit(rehearsal.origin, person.asked[-1])

    merging = MergeTerms(wanted=True, patience=60.0, poll=7.0, say=person, clock=Waiting())
    apply(replace(options, merging=merging), BUNDLE, until=f"push-tag:{KIT}")
    assert slept == [7.0] * 3


def test_a_release_by_branch_that_dies_at_any_boundary_is_finished(rehearsal: Rehearsal, options: Options) -> None:
    options = by_branch(options, Person(rehearsal))
    seen: set[tuple[str, str, str]] = set()

    class Death(BaseException):
        pass

    def reached(at: Boundary, row: Row, subject: Subject) -> None:
        where = (at.value, row.step, str(subject))
        if at in (Boundary.RECORDED, Boundary.ACTED) and where not in seen:
            seen.add(where)
            raise Death

    for attempt in range(99):
        try:
            apply(options, BUNDLE, resume=attempt > 0, watching=Watching(reached=reached))
        except Death:
            continue
        break
    assert len(seen) == 2 * (12 + 9 + 1 + 3)
    check_released(rehearsal)
    messages = [text for _, text, _ in rehearsal.origin.log("main~9", "main")]
    assert messages.count("Bump shared strategy package pins") == 3
    (run,) = Journal(open_store(rehearsal.store), "ana").runs()
    assert run.bundle == BUNDLE


def test_a_run_whose_branch_was_updated_from_main_at_the_origin_goes_on(rehearsal: Rehearsal, options: Options) -> None:
    person = Person(rehearsal, None)
    with pytest.raises(StepFailed, match="nobody has merged"):
        apply(by_branch(options, person), BUNDLE)
    via, origin = person.asked[0], rehearsal.origin
    somebody_elses_commit(rehearsal)
    commit = origin.text(*_WHO, "commit-tree", merge_tree(origin, via), "-p", via, "-p", "main", "-m", "Update")
    origin.run("update-ref", f"refs/heads/{via}", commit)
    person.merge = by_fast_forward
    apply(by_branch(options, person), BUNDLE, until=f"push-tag:{KIT}", resume=True)
    assert origin.contains("main", origin.tags()[f"{KIT}-v0.7.10"])
    assert rehearsal.git.commit() == origin.commit("main") == commit


def test_a_branch_of_the_run_with_other_commits_is_not_overwritten(rehearsal: Rehearsal, options: Options) -> None:
    person = Person(rehearsal, None)
    with pytest.raises(StepFailed, match="nobody has merged"):
        apply(by_branch(options, person), BUNDLE)
    via = person.asked[0]
    commit_on_main(rehearsal.origin, "main^{tree}", "main")
    rehearsal.origin.run("update-ref", f"refs/heads/{via}", "main")
    there = rehearsal.origin.commit(via)
    with pytest.raises(Refused, match=f"{via} at the origin is at {there[:12]}, which is not of this release"):
        apply(by_branch(options, person), BUNDLE, resume=True)
    assert rehearsal.origin.commit(via) == there


def test_edits_that_are_in_the_way_of_the_merge_are_kept_and_named(rehearsal: Rehearsal, options: Options) -> None:
    rehearsal.write("README.md", "An edit that has nothing to do with it.\n")
    person = Person(rehearsal)
    person.meanwhile = lambda: somebody_elses_commit(rehearsal)
    with pytest.raises(Refused, match=r"cannot follow origin/main to .*README.md.*then --resume"):
        apply(by_branch(options, person), BUNDLE)
    assert f"{KIT}-v0.7.10" in rehearsal.origin.tags()
    assert (rehearsal.root / "README.md").read_text() == "An edit that has nothing to do with it.\n"
    rehearsal.git.run("stash", "--quiet")
    apply(by_branch(options, person), BUNDLE, until=f"preflight:{STRATEGIES}", resume=True)
    assert rehearsal.git.commit() == rehearsal.origin.commit("main")


def test_an_abandoned_release_leaves_the_checkout_as_it_was_and_names_the_branch(
    rehearsal: Rehearsal, options: Options
) -> None:
    before, person = rehearsal.git.commit(), Person(rehearsal, None)
    with pytest.raises(StepFailed, match="nobody has merged"):
        apply(by_branch(options, person), BUNDLE)
    left = abandon(options, BUNDLE)
    assert left[-1].startswith(f"branch {person.asked[0]} is still at the origin")
    assert (rehearsal.git.commit(), rehearsal.git.changed()) == (before, [])
