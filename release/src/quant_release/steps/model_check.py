"""The transition table explored: every state that steps, crashes, undo and other people can lead to.

This is a model checker. `ModelExecutor` answers and acts as `ReleaseExecutor` does, on a state small enough to be
enumerated. Guards, stages and undo are chosen by the production table and the production machine; only what an action
does is written again here, as the durable effects it has one after the other. Subjects advance in any order and a
process may die after any effect, so that nothing but the guards keeps the order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from quant_release.steps.machine import Subject
from quant_release.steps.search import Exploration, Model, search
from quant_release.steps.table import TABLE, Action, Guard, Row, Scope, Stage, Undo

__all__ = ["INVARIANTS", "VIA_BRANCH_INVARIANTS", "ModelExecutor", "State", "explore", "subjects_for"]

Commit = tuple[Subject, int, bool]
"""Whose it is, its number, and whether something went in that is not the subject's own."""


@dataclass(frozen=True, slots=True)
class State:
    """A checkout, its origin, the journal and the image repositories.

    Attributes
    ----------
    log, published
        Commits of HEAD since the release began, and how many of them the origin's branch has.
    proposed
        How many of them the branch of the run has at the origin, for a person to merge.
    tags, origin_tags
        Number of the commit that each package's tag names.
    half, written
        Subjects whose files are partly, or all, as they are to be in the working tree.
    staged
        Subjects that are staged; ``stray`` is something else that is.
    passed
        Subjects whose tests passed.
    moved
        Whether the origin's branch has what HEAD lacks: somebody else's commits, or the merge of a person.
    squashed
        Whether a person brought there what was proposed, but not its commits.
    pushed_images, images
        In the repository, and in the journal.
    commits, undone
        How many commits were ever made, and how often something was taken back.
    """

    log: tuple[Commit, ...] = ()
    published: int = 0
    proposed: int = 0
    tags: frozenset[tuple[Subject, int]] = frozenset()
    origin_tags: frozenset[tuple[Subject, int]] = frozenset()
    half: frozenset[Subject] = frozenset()
    written: frozenset[Subject] = frozenset()
    staged: frozenset[Subject] = frozenset()
    stray: bool = False
    passed: frozenset[Subject] = frozenset()
    moved: bool = False
    squashed: bool = False
    pushed_images: frozenset[Subject] = frozenset()
    images: frozenset[Subject] = frozenset()
    commits: int = 0
    undone: int = 0
    interfered: int = 0

    def commit_of(self, subject: Subject) -> int | None:
        """Return the number of a subject's commit in HEAD, None without one."""
        return next((number for one, number, _ in self.log if one == subject), None)

    def at_origin(self, subject: Subject) -> bool:
        """Whether the origin's branch has a subject's commit."""
        return any(one == subject for one, _, _ in self.log[: self.published])

    def is_published(self, package: Subject) -> bool:
        """Whether a package's tag is at the origin, and its commit on the branch there."""
        numbers = {number for _, number, _ in self.log[: self.published]}
        return any(one == package and number in numbers for one, number in self.origin_tags)


Effect = Callable[[State], State]


class ModelExecutor:
    """Answers about one state, for the machine; ``effects`` says what an action does to it."""

    def __init__(self, state: State, subjects: Sequence[Subject], table: Sequence[Row] = TABLE) -> None:
        self.state, self.table = state, table
        self.is_via_branch = any(row.action is Action.MERGE for row in table)
        self.packages = [one for one in subjects if one.scope is Scope.PACKAGE]

    # --- questions -----------------------------------------------------------------------------

    def stage(self, subject: Subject) -> Stage:
        """Return how far a subject has come."""
        state = self.state
        match subject.scope:
            case Scope.PACKAGE:
                return self._package_stage(subject)
            case Scope.APP:
                if state.at_origin(subject):
                    return Stage.PUBLISHED
                committed = state.commit_of(subject) is not None
                if not committed and subject not in state.written:
                    return Stage.START
                if subject not in state.passed:
                    return Stage.PINNED
                return Stage.COMMITTED if committed else Stage.TESTED
            case Scope.IMAGE:
                return Stage.BUILT if subject in state.images else Stage.START
            case Scope.SERVICE | Scope.WORKLOAD:
                raise AssertionError("what runs somewhere has a model of its own: service_model, workload_check")

    def _package_stage(self, subject: Subject) -> Stage:
        state = self.state
        if state.is_published(subject):
            return Stage.PUBLISHED
        if subject not in state.passed:
            return Stage.START
        number = state.commit_of(subject)
        if number is None:
            return Stage.BUMPED if subject in state.written else Stage.CHECKED
        if self.is_via_branch and not state.at_origin(subject):
            return Stage.COMMITTED
        if (subject, number) in state.tags:
            return Stage.TAGGED
        return Stage.MERGED if self.is_via_branch else Stage.COMMITTED

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return the guard's name if it does not hold."""
        state = self.state
        holds: Mapping[Guard, Callable[[], bool]] = {
            Guard.ALIGNED: lambda: not state.moved,
            Guard.OWN: lambda: True,
            Guard.UNSTAGED: lambda: not state.stray and state.staged <= {subject},
            Guard.CLEAN: lambda: True,
            Guard.WHITESPACE: lambda: True,
            Guard.FORWARD: lambda: True,
            Guard.CHANGELOG: lambda: True,
            Guard.FITTING: lambda: True,
            Guard.BUILDER: lambda: True,
            Guard.TAG_FREE: lambda: self._tag_free(subject),
            Guard.DEPENDENCIES: lambda: all(state.is_published(one) for one in self._below(subject)),
            Guard.PACKAGES: lambda: all(state.is_published(one) for one in self.packages),
            Guard.PINS: lambda: state.at_origin(Subject(Scope.APP, subject.name)),
        }
        return None if holds[guard]() else guard.value

    def _below(self, package: Subject) -> list[Subject]:
        """Return the packages that a package depends on: in the model, those before it."""
        return self.packages[: self.packages.index(package)]

    def _tag_free(self, package: Subject) -> bool:
        here = {number for one, number in self.state.tags if one == package}
        there = {number for one, number in self.state.origin_tags if one == package}
        if there:
            return self.state.is_published(package) and (not here or here == there)
        return here <= {self.state.commit_of(package)}

    # --- what happens --------------------------------------------------------------------------

    def effects(self, action: Action, subject: Subject) -> Sequence[Effect]:
        """Return the durable effects of an action, in order."""
        one = frozenset({subject})
        match action:
            case Action.CHECK | Action.TEST:
                return (lambda s: replace(s, passed=s.passed | one),)
            case Action.BUMP:
                return (
                    lambda s: replace(s, half=s.half | one),
                    lambda s: replace(s, half=s.half - one, written=s.written | one),
                )
            case Action.PIN:
                return (lambda s: replace(s, written=s.written | one),)
            case Action.COMMIT | Action.COMMIT_PINS:
                return (lambda s: replace(s, staged=s.staged | one), lambda s: _committed(s, subject))
            case Action.TAG:
                return (lambda s: _tagged(s, subject),)
            case Action.PUSH | Action.PUSH_PINS:
                return (lambda s: _pushed(s, subject),)
            case Action.MERGE:
                return (lambda s: replace(s, proposed=len(s.log)),)
            case Action.PUSH_TAG:
                return (lambda s: _tag_pushed(s, subject), _caught_up)
            case Action.BUILD:
                return (
                    lambda s: replace(s, pushed_images=s.pushed_images | one),
                    lambda s: replace(s, images=s.images | one),
                )
            case _:
                raise AssertionError("what runs somewhere has a model of its own: service_model, workload_check")

    def undone(self, undo: Undo, subject: Subject) -> State | None:
        """Return the state after a row was taken back, None where that is refused."""
        state, one = self.state, frozenset({subject})
        if undo is Undo.TIDY:
            return replace(state, half=state.half - one) if subject in state.half else None
        if undo is Undo.RESTORE:
            return replace(state, half=state.half - one, written=state.written - one, staged=state.staged - one)
        if undo is Undo.UNCOMMIT:
            is_last = bool(state.log) and state.log[-1][0] == subject and state.published < len(state.log)
            proposed = min(state.proposed, len(state.log) - 1)
            return replace(state, log=state.log[:-1], proposed=proposed) if is_last else None
        if undo is Undo.UNTAG and not any(tag[0] == subject for tag in state.origin_tags):
            return replace(state, tags=frozenset(tag for tag in state.tags if tag[0] != subject))
        return None


def _committed(state: State, subject: Subject) -> State:
    foreign = state.stray or state.staged != frozenset({subject})
    commit = (subject, state.commits, foreign)
    return replace(state, log=(*state.log, commit), commits=state.commits + 1, staged=frozenset(), stray=False)


def _tagged(state: State, subject: Subject) -> State:
    number = state.commit_of(subject)
    if number is None or any(one == subject for one, _ in state.tags):
        return state
    return replace(state, tags=state.tags | {(subject, number)})


def _pushed(state: State, subject: Subject) -> State:
    """Return the state after an atomic push; the origin takes nothing that does not follow from its own branch."""
    new = frozenset(tag for tag in state.tags if tag[0] == subject)
    taken = {one for one, _ in state.origin_tags}
    if state.moved or any(tag[0] in taken and tag not in state.origin_tags for tag in new):
        return state
    return replace(state, published=len(state.log), origin_tags=state.origin_tags | new)


def _tag_pushed(state: State, package: Subject) -> State:
    """Return the state after the push of a tag alone."""
    if any(one == package for one, _ in state.origin_tags):
        return state
    return replace(state, origin_tags=state.origin_tags | {tag for tag in state.tags if tag[0] == package})


def _caught_up(state: State) -> State:
    """Return the state after the checkout followed the origin's branch, if that has all of HEAD."""
    return replace(state, moved=False) if state.published == len(state.log) else state


# --- what must never be --------------------------------------------------------------------------


def _pins_exist(state: State, subjects: Sequence[Subject]) -> bool:
    apps = [one for one in subjects if one.scope is Scope.APP]
    pinned = any(one in state.written or state.commit_of(one) is not None for one in apps)
    tagged = {one for one, _ in state.origin_tags}
    return not pinned or all(one in tagged for one in subjects if one.scope is Scope.PACKAGE)


def _apps_behind(state: State, subjects: Sequence[Subject]) -> bool:
    at_origin = any(state.at_origin(one) for one in subjects if one.scope is Scope.APP)
    return not at_origin or all(state.is_published(one) for one in subjects if one.scope is Scope.PACKAGE)


def _in_order(state: State, subjects: Sequence[Subject]) -> bool:
    tagged = {one for one, _ in state.origin_tags}
    packages = [one for one in subjects if one.scope is Scope.PACKAGE]
    return all(later not in tagged or state.is_published(first) for first, later in itertools.pairwise(packages))


def _commits_own(state: State, _subjects: Sequence[Subject]) -> bool:
    return not any(foreign for _, _, foreign in state.log)


def _once(state: State, _subjects: Sequence[Subject]) -> bool:
    owners = [one for one, _, _ in state.log]
    return len(owners) == len(set(owners))


def _images_behind(state: State, _subjects: Sequence[Subject]) -> bool:
    return all(state.at_origin(Subject(Scope.APP, one.name)) for one in state.pushed_images)


def _tags_on_branch(state: State, _subjects: Sequence[Subject]) -> bool:
    return all(state.is_published(one) for one, _ in state.origin_tags)


Invariant = Callable[[State, Sequence[Subject]], bool]

INVARIANTS: Mapping[str, Invariant] = {
    "no app is pinned, in a working tree, a commit or at the origin, to a tag that the origin lacks": _pins_exist,
    "no app is ahead of its packages: pins are published after tags and their commits": _apps_behind,
    "no package is published before those it depends on": _in_order,
    "no commit has anything in it but its subject's own paths": _commits_own,
    "no subject is committed twice": _once,
    "no image is built from pins that are not published": _images_behind,
}
VIA_BRANCH_INVARIANTS: Mapping[str, Invariant] = {
    **INVARIANTS,
    "no tag is at the origin whose commit is not on the branch": _tags_on_branch,
}
"""What can never be where commits go by way of a branch that a person merges."""


# --- exploration ---------------------------------------------------------------------------------


def subjects_for(packages: int = 2, apps: int = 2) -> tuple[Subject, ...]:
    """Return packages, each depending on those before it, apps that pin them all, and an image of each app."""
    return (
        *(Subject(Scope.PACKAGE, f"package-{number}") for number in range(packages)),
        *(Subject(Scope.APP, f"app-{number}") for number in range(apps)),
        *(Subject(Scope.IMAGE, f"app-{number}") for number in range(apps)),
    )


def explore(
    subjects: Sequence[Subject],
    table: Sequence[Row] = TABLE,
    invariants: Mapping[str, Invariant] = INVARIANTS,
    *,
    undos: int = 1,
    interferences: int = 1,
) -> Exploration:
    """Visit every state that can be reached, breadth first.

    Parameters
    ----------
    undos, interferences
        How often something is taken back, and how often somebody else stages a file, pushes, pushes a tag alone, or
        squashes what is to be merged.
    """

    def holding(invariant: Invariant) -> Callable[[State], bool]:
        return lambda state: invariant(state, subjects)

    model = Model(
        (State(),),
        lambda state: _successors(state, subjects, table, undos, interferences),
        {name: holding(invariant) for name, invariant in invariants.items()},
        lambda state: _is_finished(state, subjects),
        lambda state: bool(state.interfered),
    )
    return search(model)


def _successors(
    state: State, subjects: Sequence[Subject], table: Sequence[Row], undos: int, interferences: int
) -> Iterator[tuple[str, State]]:
    executor = ModelExecutor(state, subjects, table)
    for subject in subjects:
        yield from _steps(executor, subject, table, interferences)
        if state.undone < undos:
            yield from _undo(executor, subject, table)
    if state.interfered < interferences:
        yield from _interferences(state)
    if executor.is_via_branch:
        yield from _merges(state)
    if state.stray:
        yield "step: the operator unstages what is not of the release", replace(state, stray=False)


def _merges(state: State) -> Iterator[tuple[str, State]]:
    """Yield what a person makes of the branch that is proposed, and how the checkout follows."""
    if state.proposed > state.published and not state.squashed:
        yield "step: a person merges what is proposed", replace(state, published=state.proposed, moved=True)
    if state.moved and not state.squashed:
        yield "step: the checkout follows the origin", _caught_up(state)


def _steps(
    executor: ModelExecutor, subject: Subject, table: Sequence[Row], interferences: int
) -> Iterator[tuple[str, State]]:
    """Yield what an allowed row leads to, whole and cut short after each of its effects.

    Somebody else may interfere between the guards and the first effect.
    """
    stage = executor.stage(subject)
    row = next((row for row in table if row.scope is subject.scope and row.takes is stage), None)
    if row is None or any(executor.missing(guard, subject) for guard in row.guards):
        return
    begun = [("", executor.state)]
    if executor.state.interfered < interferences and row.action in (Action.PUSH, Action.PUSH_PINS, Action.PUSH_TAG):
        begun += [(f" ({label})", state) for label, state in _interferences(executor.state)]
    for remark, state in begun:
        for number, effect in enumerate(executor.effects(row.action, subject), 1):
            state = effect(state)
            yield f"step: {row.step} of {subject}, effect {number}{remark}", state


def _undo(executor: ModelExecutor, subject: Subject, table: Sequence[Row]) -> Iterator[tuple[str, State]]:
    stage = executor.stage(subject)
    row = next((row for row in table if row.scope is subject.scope and row.makes is stage), None)
    following = None if row is None else executor.undone(row.undo, subject)
    if following is not None:
        yield f"undo of {subject}", replace(following, undone=executor.state.undone + 1)


def _interferences(state: State) -> Iterator[tuple[str, State]]:
    done = replace(state, interfered=state.interfered + 1)
    yield "somebody stages another file", replace(done, stray=True)
    yield "somebody else pushes to the branch", replace(done, moved=True)
    if state.proposed > state.published:
        yield "somebody squashes what is proposed", replace(done, moved=True, squashed=True)
    for tag in state.tags - state.origin_tags:
        yield "somebody pushes a tag without its commit", replace(done, origin_tags=state.origin_tags | {tag})


def _is_finished(state: State, subjects: Iterable[Subject]) -> bool:
    images = {one for one in subjects if one.scope is Scope.IMAGE}
    return images <= state.images
