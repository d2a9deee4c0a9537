"""What carries out the steps of a bundle: with git, in clean environments, with image builders and the journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from quant_platform_kit.domain.errors import Refused

from quant_release.bundle import Bundle
from quant_release.images.build_context import build_context
from quant_release.images.builders import Builder
from quant_release.repository.edits import locked_at
from quant_release.repository.git import Git, GitError
from quant_release.repository.observed import ObservedState
from quant_release.repository.pins import read_pins
from quant_release.repository.versions import tag_name
from quant_release.repository.workspace import LOCK
from quant_release.run.checks import Checks
from quant_release.run.clean_environments import CleanEnvironments
from quant_release.run.desired import PINS_MESSAGE, DesiredState, release_message
from quant_release.run.journal import ImageRecord, Journal
from quant_release.steps.machine import StepFailed, Subject
from quant_release.steps.table import Action, Guard, Scope, Stage, Undo

__all__ = ["GitExecutor", "Tools"]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a release works with.

    Attributes
    ----------
    journal
        None where nothing is recorded: nothing counts as tested or built then.
    builder
        None where no image is built.
    """

    git: Git
    environments: CleanEnvironments
    journal: Journal | None
    builder: Builder | None


class GitExecutor:
    """Answers and acts for one bundle; ``on`` is the date of changelog headings, UTC.

    What was read is kept until something is done.
    """

    def __init__(self, tools: Tools, bundle: Bundle, on: date) -> None:
        self.tools, self.bundle, self.on = tools, bundle, on
        self.refresh()

    def refresh(self) -> None:
        """Forget what was read."""
        self.observed = ObservedState(self.tools.git)
        self.desired = DesiredState(self.observed, self.bundle, self.on)
        self.checks = Checks(self.observed, self.bundle, self.desired)

    # --- where subjects are --------------------------------------------------------------------

    def stage(self, subject: Subject) -> Stage:
        """Return how far a subject has come."""
        match subject.scope:
            case Scope.PACKAGE:
                return self._package_stage(subject)
            case Scope.APP:
                return self._app_stage(subject)
            case Scope.IMAGE:
                return self._image_stage(subject)

    def _package_stage(self, subject: Subject) -> Stage:
        name, version = subject.name, self.bundle.version(subject.name)
        if self.checks.unpublished(name, version) is None:
            return Stage.PUBLISHED
        if not self._passed(self.desired.checked_key(name)):
            return Stage.START
        if not self.desired.committed(name):
            return Stage.BUMPED if self.desired.written(subject) else Stage.CHECKED
        is_tagged = self.observed.tags.get(tag_name(name, version)) == self.desired.release_commit(name)
        return Stage.TAGGED if is_tagged else Stage.COMMITTED

    def _app_stage(self, subject: Subject) -> Stage:
        if self.desired.pinned_at(self.observed.remote_head, subject.name):
            return Stage.PUBLISHED
        committed = self.desired.pinned_at(self.observed.head, subject.name)
        if not committed and not self.desired.written(subject):
            return Stage.START
        if not self._passed(self.desired.tested_key(subject.name)):
            return Stage.PINNED
        return Stage.COMMITTED if committed else Stage.TESTED

    def _image_stage(self, subject: Subject) -> Stage:
        app = self.desired.app_of(subject)
        if not self.desired.pinned_at(self.observed.remote_head, app):
            return Stage.START
        return Stage.START if self.image(subject) is None else Stage.BUILT

    def image(self, subject: Subject) -> ImageRecord | None:
        """Return what is recorded of an image at the commit it has to be built from."""
        app, journal = self.desired.app_of(subject), self.tools.journal
        return None if journal is None else journal.image(app, subject.name, self.desired.image_commit(app))

    def identity(self, subject: Subject) -> str:
        """Return what others see of a subject: the commit of its tag, its published pins, its image by digest."""
        if subject.scope is Scope.PACKAGE:
            tag = tag_name(subject.name, self.desired.versions[subject.name])
            commit = self.observed.remote.tags.get(tag)
            return f"tag {tag} at {commit}" if commit else f"no tag {tag}"
        if subject.scope is Scope.IMAGE:
            built = self.image(subject)
            return "no image" if built is None else built.reference
        path = self.observed.workspace.apps[subject.name].requirements
        content = self.observed.at(self.observed.remote_head, path).get(path)
        tags = [] if content is None else [pin.tag for pin in read_pins(content, path).values()]
        return f"pins {' '.join(tags)}" if tags else "no pins"

    def _passed(self, key: str) -> bool:
        return self.tools.journal is not None and self.tools.journal.passed(key)

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold."""
        if guard is Guard.BUILDER:
            return (
                None if self.tools.builder else "nobody is named to build it: add --builder docker, buildah or gcloud"
            )
        return self.checks.missing(guard, subject)

    # --- what is done --------------------------------------------------------------------------

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says."""
        actions: Mapping[Action, Callable[[Subject], None]] = {
            Action.CHECK: self._check,
            Action.BUMP: self._write,
            Action.COMMIT: self._commit,
            Action.TAG: self._tag,
            Action.PUSH: self._push,
            Action.PIN: self._write,
            Action.TEST: self._test,
            Action.COMMIT_PINS: self._commit,
            Action.PUSH_PINS: self._push,
            Action.BUILD: self._build,
        }
        actions[action](subject)
        self.refresh()

    def _check(self, subject: Subject) -> None:
        package = self.observed.workspace.packages[subject.name]
        key = self.desired.checked_key(subject.name)
        pins = self.desired.pins_of(subject.name)
        self.tools.environments.check_package(package, self.observed.head, self.desired.files(subject), pins)
        self._journal.record_passed(key, f"{subject} {self.bundle.version(subject.name)}")

    def _test(self, subject: Subject) -> None:
        app, desired = self.observed.workspace.apps[subject.name], self.desired
        key = desired.tested_key(subject.name)
        tags = {name: self.observed.remote.tags[tag_name(name, desired.versions[name])] for name in app.uses}
        self.tools.environments.test_app(app, self.observed.head, desired.files(subject)[app.requirements], tags)
        self._journal.record_passed(key, f"{subject} {' '.join(sorted(tags))}")

    def _write(self, subject: Subject) -> None:
        for path, data in self.desired.rewritten(subject).items():
            if data is not None and self.observed.on_disk(path) != data:
                self._place(path, data)

    def _place(self, path: str, data: bytes) -> None:
        """Write a file of the working tree: whole or not at all, and without a trace of the attempt in the tree."""
        temporary, target = self.tools.git.own_folder() / uuid4().hex, self.observed.root / path
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(data)
            temporary.chmod(target.stat().st_mode if target.exists() else 0o644)
            os.replace(temporary, target)
        except OSError as error:
            raise StepFailed(f"{path} cannot be written by way of {temporary.parent}: {error.strerror}") from error

    def _commit(self, subject: Subject) -> None:
        is_package = subject.scope is Scope.PACKAGE
        message = release_message(self.desired.versions[subject.name]) if is_package else PINS_MESSAGE
        self.tools.git.stage(self.desired.files(subject))
        self.tools.git.commit_staged(message)

    def _tag(self, subject: Subject) -> None:
        version = self.desired.versions[subject.name]
        commit = self.desired.release_commit(subject.name)
        self.tools.git.tag(tag_name(subject.name, version), commit, f"{subject.name} {version}")

    def _push(self, subject: Subject) -> None:
        tags = [tag_name(subject.name, self.desired.versions[subject.name])] if subject.scope is Scope.PACKAGE else []
        try:
            self.tools.git.push(*tags)
        except GitError:
            self.refresh()
            if self.stage(subject) is not Stage.PUBLISHED:
                raise

    def _build(self, subject: Subject) -> None:
        builder = self.tools.builder
        assert builder is not None  # the row is guarded
        app = self.observed.workspace.apps[self.desired.app_of(subject)]
        commit, pins = self.desired.image_commit(app.name), self.desired.pins(app.name)
        reference = builder.find(subject.name, commit)
        if reference is None:
            with build_context(self.tools.git, app, commit, pins) as context:
                reference = builder.build(context, subject.name, commit)
        journal = self._journal
        lines = tuple(str(pin) for pin in pins)
        journal.record_image(ImageRecord(app.name, subject.name, commit, reference, lines, journal.store.now()))

    @property
    def _journal(self) -> Journal:
        if self.tools.journal is None:
            raise Refused("nothing is done without a journal: name its store with --store or STORE_URL")
        return self.tools.journal

    # --- what is taken back --------------------------------------------------------------------

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a row back; return whether there was anything that could be."""
        undoes: Mapping[Undo, Callable[[Subject], bool]] = {
            Undo.TIDY: self._restore,
            Undo.RESTORE: self._restore,
            Undo.UNCOMMIT: self._uncommit,
            Undo.UNTAG: self._untag,
        }
        done = undoes[undo](subject)
        self.refresh()
        return done

    def _restore(self, subject: Subject) -> bool:
        """Restore the files that have what this release wrote; those with anything else in them stay."""
        wrote = self.desired.rewritten(subject)
        paths = tuple(path for path, data in wrote.items() if self.observed.on_disk(path) == data)
        at_head = self.observed.at(self.observed.head, *paths)
        self.tools.git.unstage(*(path for path in paths if path in self.observed.staged))
        for path in paths:
            if path == LOCK:
                self._restore_lock(subject)
            elif path in at_head:
                self._place(path, at_head[path])
            else:
                (self.observed.root / path).unlink(missing_ok=True)
        return True

    def _restore_lock(self, subject: Subject) -> None:
        on_disk = self.observed.on_disk(LOCK)
        if on_disk is not None:
            version = self.observed.workspace.packages[subject.name].version
            self._place(LOCK, locked_at(on_disk, subject.name, version))

    def _uncommit(self, subject: Subject) -> bool:
        commit = self._last_own_commit(subject)
        if self.tools.git.contains(self.observed.remote_head, commit):
            return False
        if commit != self.observed.head:
            raise Refused(
                f"{commit[:12]} is not the last commit of {self.observed.branch}; take back what follows it first"
            )
        self.tools.git.drop_last_commit(commit)
        self.tools.git.unstage(*self.desired.files(subject))
        return True

    def _last_own_commit(self, subject: Subject) -> str:
        if subject.scope is Scope.PACKAGE:
            return self.desired.release_commit(subject.name)
        return self.tools.git.last_touching(self.observed.head, *self.desired.files(subject))

    def _untag(self, subject: Subject) -> bool:
        tag = tag_name(subject.name, self.desired.versions[subject.name])
        if tag in self.observed.remote.tags:
            raise Refused(f"tag {tag} is at the origin; what is published stays: push its commit, too")
        self.tools.git.untag(tag)
        return True
