"""The transition table of a release: the one description of what happens, in which order, under which guards.

Execution, ``release plan``, the reference page and the model check all read `TABLE`. A row takes one subject of its
scope from one stage to the next. `VIA_BRANCH` is the same table for an origin whose branch only a person may move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

__all__ = ["TABLE", "VIA_BRANCH", "Action", "Guard", "Row", "Scope", "Stage", "Undo", "rows_of"]


class Scope(Enum):
    """What a row works on."""

    PACKAGE = "package"
    APP = "app"
    IMAGE = "image"
    SERVICE = "service"
    WORKLOAD = "workload"

    @property
    def is_deployed(self) -> bool:
        """Whether its subjects run somewhere: each is taken to its end alone, and may not answer."""
        return self in (Scope.SERVICE, Scope.WORKLOAD)


class Stage(Enum):
    """How far a subject has come; what a stage means can be observed, or is in the journal."""

    START = "start"
    CHECKED = "checked"
    BUMPED = "bumped"
    PINNED = "pinned"
    TESTED = "tested"
    COMMITTED = "committed"
    MERGED = "merged"
    TAGGED = "tagged"
    PUBLISHED = "published"
    BUILT = "built"
    HELD = "held"
    DRAINED = "drained"
    DEPLOYED = "deployed"
    CONFIRMED = "confirmed"
    SHIFTED = "shifted"
    SWITCHED = "switched"
    PROBED = "probed"
    OPEN = "open"
    NOTED = "noted"
    ROLLED = "rolled"


class Guard(Enum):
    """What must hold before a row acts."""

    ALIGNED = "origin is where this release left it: its branch is contained in HEAD, and HEAD adds only this release"
    OWN = "HEAD adds only this release to what the origin's branch has"
    UNSTAGED = "nothing is staged but this subject's own paths"
    CLEAN = "the subject's own paths have no uncommitted edits but those of this release"
    WHITESPACE = "`git diff --check` finds nothing, in the working tree and since the last tag"
    FORWARD = "the version goes forward"
    CHANGELOG = "the package's history has an entry for the version"
    TAG_FREE = "the tag does not exist, or is this release's own"
    DEPENDENCIES = "the packages it depends on are published in the versions of the bundle"
    PACKAGES = "every package of the bundle is published: tag at the origin, its commit on the branch"
    FITTING = "the packages were released for each other, in the versions of the bundle"
    BUILDER = "somebody is named to build images"
    PINS = "the published branch pins the app to the tags of the bundle"
    IMAGE = "the image is in the journal, built from the pins of the bundle; to switch alone, it serves already"
    DEPLOYED = "the service is deployed under its name, and one revision of it has all the traffic"
    PROFILE = "the code of the bundle knows the profile that the service runs now"
    SCHEDULE = "its job runs in America/New_York and calls this service, for the audience and in the name of the bundle"
    LEDGER = "the store is the ledger of the service"
    OBEYS = "the code that serves obeys a hold"
    LIVE = "a service that trades live is said to by the bundle, and was confirmed by name"
    WINDOW = "its job is not due within the window"
    AT_REST = "no run of its accounts is open, no order UNKNOWN or working"
    HOLD = "the hold of this release is in force: job paused, halt set"
    UNTOUCHED = "nobody but this release has changed the service since it was held"
    RUNS = "the workload is there, and runs one image, known by digest; to go back, one of the run to go back behind"
    UNMOVED = "nobody but this release has given the workload another image since it was noted"


class Action(Enum):
    """What a row does."""

    CHECK = "build the wheel of the tree to be tagged, install it without sources in a clean environment, run its tests"
    BUMP = "write version, pins on other packages, changelog heading and own lock entry"
    COMMIT = 'commit "Prepare vX.Y.Z release": the package\'s own paths and nothing else'
    TAG = "tag `<package>-vX.Y.Z` on that commit"
    PUSH = "`git push --atomic origin HEAD <tag>`, then ask the origin"
    MERGE = "push HEAD to `release/RUN`, never by force; wait until the origin's branch has its commits as they are"
    PUSH_TAG = "`git push origin <tag>`, ask the origin, then fast-forward to its branch"
    PIN = "write `requirements.txt`"
    TEST = "install from the tags without sources in a clean environment, run the app's tests"
    COMMIT_PINS = 'commit "Bump shared strategy package pins": `requirements.txt` and nothing else'
    PUSH_PINS = "`git push --atomic origin HEAD`, then ask the origin"
    BUILD = "build and push the image from `git archive` of the published commit; record its digest"
    HOLD = "note what serves and whether the job is paused; pause the job, then set a halt of the release's own"
    DRAIN = "wait until the runs of its accounts have ended; nothing is cancelled"
    DEPLOY = "make a revision with the image by digest and all else as it was, without traffic, under a tag address"
    CONFIRM = "ask the tag address for `/version` and `/ready`: commit, image, packages, service"
    SHIFT = "give all traffic to that revision by name, then ask the main address"
    SWITCH = "write the complete environment as a revision of its own, confirm it and give it the traffic"
    PROBE = (
        "`POST /run` in mode probe: profile, input mode and settings are those of the bundle, a feature snapshot loads "
        "where one is read; no order is sent"
    )
    OPEN = "lift the release's halt, resume the job unless it was paused before"
    NOTE = "record the image that the workload runs, by digest"
    ROLL = (
        "give the workload the image by digest, wait until all of it runs that and is ready; if it does not become "
        "ready, give it the one that was noted again"
    )


class Undo(Enum):
    """How a row is taken back, as long as nothing of it was published."""

    NOTHING = "nothing to take back"
    TIDY = "restore what an interrupted bump wrote"
    RESTORE = "restore the files as they are at HEAD"
    UNCOMMIT = "remove the commit, if it is the last one and not at the origin"
    UNTAG = "delete the local tag, if it is not at the origin"
    NEVER = "never: what is published stays; release a newer version"
    REOPEN = "lift the release's halt, resume the job unless it was paused before"
    ROLL_BACK = "`release rollback`: the image and the environment of before, as a revision of its own"
    UNROLL = "give the workload the image that was noted, if a roll was begun"
    RETURN = "`release rollback`: the image that was noted"


@dataclass(frozen=True, slots=True)
class Row:
    """One transition.

    Attributes
    ----------
    makes
        The stage the row leads to; that the subject is there afterwards is its verification.
    gathers
        Whether every subject of the scope comes as far as this row before the first one takes it.
    """

    step: str
    scope: Scope
    takes: Stage
    makes: Stage
    guards: tuple[Guard, ...]
    action: Action
    undo: Undo
    gathers: bool = False


_P, _A, _I, _S, _W = Scope.PACKAGE, Scope.APP, Scope.IMAGE, Scope.SERVICE, Scope.WORKLOAD

TABLE: tuple[Row, ...] = (
    Row(
        "preflight",
        _P,
        Stage.START,
        Stage.CHECKED,
        (
            Guard.TAG_FREE,
            Guard.FORWARD,
            Guard.ALIGNED,
            Guard.UNSTAGED,
            Guard.CLEAN,
            Guard.WHITESPACE,
            Guard.CHANGELOG,
            Guard.DEPENDENCIES,
        ),
        Action.CHECK,
        Undo.TIDY,
    ),
    Row("bump", _P, Stage.CHECKED, Stage.BUMPED, (Guard.TAG_FREE, Guard.CLEAN), Action.BUMP, Undo.RESTORE),
    Row(
        "commit",
        _P,
        Stage.BUMPED,
        Stage.COMMITTED,
        (Guard.ALIGNED, Guard.UNSTAGED, Guard.CLEAN, Guard.DEPENDENCIES),
        Action.COMMIT,
        Undo.UNCOMMIT,
    ),
    Row("tag", _P, Stage.COMMITTED, Stage.TAGGED, (Guard.TAG_FREE, Guard.ALIGNED), Action.TAG, Undo.UNTAG),
    Row(
        "push",
        _P,
        Stage.TAGGED,
        Stage.PUBLISHED,
        (Guard.TAG_FREE, Guard.ALIGNED, Guard.DEPENDENCIES),
        Action.PUSH,
        Undo.NEVER,
    ),
    Row(
        "pin",
        _A,
        Stage.START,
        Stage.PINNED,
        (Guard.PACKAGES, Guard.FITTING, Guard.FORWARD, Guard.ALIGNED, Guard.UNSTAGED, Guard.CLEAN),
        Action.PIN,
        Undo.RESTORE,
    ),
    Row("test", _A, Stage.PINNED, Stage.TESTED, (Guard.PACKAGES,), Action.TEST, Undo.RESTORE),
    Row(
        "commit-pins",
        _A,
        Stage.TESTED,
        Stage.COMMITTED,
        (Guard.PACKAGES, Guard.ALIGNED, Guard.UNSTAGED, Guard.CLEAN),
        Action.COMMIT_PINS,
        Undo.UNCOMMIT,
    ),
    Row(
        "push-pins",
        _A,
        Stage.COMMITTED,
        Stage.PUBLISHED,
        (Guard.PACKAGES, Guard.ALIGNED),
        Action.PUSH_PINS,
        Undo.NEVER,
    ),
    Row("image", _I, Stage.START, Stage.BUILT, (Guard.BUILDER, Guard.PINS, Guard.PACKAGES), Action.BUILD, Undo.NOTHING),
    Row(
        "hold",
        _S,
        Stage.START,
        Stage.HELD,
        (
            Guard.IMAGE,
            Guard.DEPLOYED,
            Guard.UNTOUCHED,
            Guard.PROFILE,
            Guard.SCHEDULE,
            Guard.LEDGER,
            Guard.OBEYS,
            Guard.LIVE,
            Guard.WINDOW,
            Guard.AT_REST,
        ),
        Action.HOLD,
        Undo.REOPEN,
    ),
    Row("drain", _S, Stage.HELD, Stage.DRAINED, (Guard.HOLD,), Action.DRAIN, Undo.REOPEN),
    Row(
        "deploy",
        _S,
        Stage.DRAINED,
        Stage.DEPLOYED,
        (Guard.HOLD, Guard.IMAGE, Guard.UNTOUCHED, Guard.AT_REST),
        Action.DEPLOY,
        Undo.ROLL_BACK,
    ),
    Row("confirm", _S, Stage.DEPLOYED, Stage.CONFIRMED, (Guard.HOLD,), Action.CONFIRM, Undo.ROLL_BACK),
    Row(
        "shift",
        _S,
        Stage.CONFIRMED,
        Stage.SHIFTED,
        (Guard.HOLD, Guard.UNTOUCHED, Guard.AT_REST),
        Action.SHIFT,
        Undo.ROLL_BACK,
    ),
    Row(
        "switch",
        _S,
        Stage.SHIFTED,
        Stage.SWITCHED,
        (Guard.HOLD, Guard.UNTOUCHED, Guard.AT_REST, Guard.LIVE),
        Action.SWITCH,
        Undo.ROLL_BACK,
    ),
    Row("probe", _S, Stage.SWITCHED, Stage.PROBED, (Guard.HOLD,), Action.PROBE, Undo.ROLL_BACK),
    Row("open", _S, Stage.PROBED, Stage.OPEN, (Guard.HOLD,), Action.OPEN, Undo.NEVER),
    Row("note", _W, Stage.START, Stage.NOTED, (Guard.IMAGE, Guard.RUNS), Action.NOTE, Undo.UNROLL),
    Row("roll", _W, Stage.NOTED, Stage.ROLLED, (Guard.IMAGE, Guard.UNMOVED), Action.ROLL, Undo.RETURN),
)


_MERGED: dict[str, tuple[Row, ...]] = {
    "tag": (
        Row(
            "merge",
            _P,
            Stage.COMMITTED,
            Stage.MERGED,
            (Guard.OWN, Guard.DEPENDENCIES),
            Action.MERGE,
            Undo.NEVER,
        ),
        Row("tag", _P, Stage.MERGED, Stage.TAGGED, (Guard.TAG_FREE,), Action.TAG, Undo.UNTAG),
    ),
    "push": (
        Row(
            "push-tag",
            _P,
            Stage.TAGGED,
            Stage.PUBLISHED,
            (Guard.TAG_FREE, Guard.DEPENDENCIES),
            Action.PUSH_TAG,
            Undo.NEVER,
        ),
    ),
    "push-pins": (
        Row(
            "merge-pins",
            _A,
            Stage.COMMITTED,
            Stage.PUBLISHED,
            (Guard.PACKAGES, Guard.OWN),
            Action.MERGE,
            Undo.NEVER,
            gathers=True,
        ),
    ),
}
"""What a release by way of a branch does instead of some rows: nothing is tagged before its commit is merged."""

VIA_BRANCH: tuple[Row, ...] = tuple(one for row in TABLE for one in _MERGED.get(row.step, (row,)))


def rows_of(scope: Scope, table: Sequence[Row] = TABLE) -> tuple[Row, ...]:
    """Return the rows of a scope, in order."""
    return tuple(row for row in table if row.scope is scope)
