"""Packages: checked, bumped, committed, tagged and pushed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from quant_platform_kit.domain.errors import Refused

from quant_release.repository.versions import tag_name
from quant_release.repository.workspace import read_workspace
from quant_release.run.desired import release_message
from quant_release.run.guards.packages import PACKAGE_GUARDS
from quant_release.run.guards.published import unpublished
from quant_release.run.merging import Merging
from quant_release.run.reading import Reading
from quant_release.run.scopes.files import Files
from quant_release.run.tools import Tools
from quant_release.steps.machine import Subject
from quant_release.steps.table import Action, Guard, Row, Stage, Undo

__all__ = ["PackageSteps"]


class PackageSteps:
    """Answers and acts for the packages of a bundle."""

    def __init__(self, tools: Tools, reading: Reading) -> None:
        self.tools, self.reading, self.files = tools, reading, Files(reading)
        self.merging = Merging(reading, tools.merging)

    def refresh(self) -> None:
        """Forget what was read."""
        self.reading.refresh()

    def stage(self, subject: Subject) -> Stage:
        """Return how far a package has come."""
        observed, desired, name = self.reading.observed, self.reading.desired, subject.name
        if unpublished(observed, name, desired.versions[name]) is None:
            return Stage.PUBLISHED
        if not self.tools.passed(desired.checked_key(name)):
            return Stage.START
        if not desired.committed(name):
            return Stage.BUMPED if desired.written(subject) else Stage.CHECKED
        commit = desired.release_commit(name)
        if self.reading.via is not None and not observed.git.contains(observed.remote_head, commit):
            return Stage.COMMITTED
        if observed.tags.get(self._tag(name)) == commit:
            return Stage.TAGGED
        return Stage.COMMITTED if self.reading.via is None else Stage.MERGED

    def _tag(self, name: str) -> str:
        return tag_name(name, self.reading.desired.versions[name])

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold."""
        return PACKAGE_GUARDS[guard](self.reading, subject)

    def identity(self, subject: Subject) -> str:
        """Return a package's tag, and the commit that it names at the origin."""
        tag = self._tag(subject.name)
        commit = self.reading.observed.remote.tags.get(tag)
        return f"tag {tag} at {commit}" if commit else f"no tag {tag}"

    # --- what is done --------------------------------------------------------------------------

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says."""
        actions: Mapping[Action, Callable[[Subject], None]] = {
            Action.CHECK: self._check,
            Action.BUMP: self.files.write,
            Action.COMMIT: self._commit,
            Action.TAG: self._make_tag,
            Action.PUSH: self._push,
            Action.MERGE: self._merge,
            Action.PUSH_TAG: self._push_tag,
        }
        actions[action](subject)

    def _check(self, subject: Subject) -> None:
        observed, desired, name = self.reading.observed, self.reading.desired, subject.name
        key = desired.checked_key(name)
        self.tools.environments.check_package(
            observed.workspace.packages[name], observed.head, desired.files(subject), desired.pins_of(name)
        )
        self.tools.to_record().record_passed(key, f"{subject} {desired.versions[name]}")

    def _commit(self, subject: Subject) -> None:
        self.files.commit(subject, release_message(self.reading.desired.versions[subject.name]))

    def _make_tag(self, subject: Subject) -> None:
        desired, name = self.reading.desired, subject.name
        self.tools.git.tag(self._tag(name), desired.release_commit(name), f"{name} {desired.versions[name]}")

    def _push(self, subject: Subject) -> None:
        self.files.push(lambda: self.stage(subject) is Stage.PUBLISHED, "HEAD", self._tag(subject.name))

    def _merge(self, subject: Subject) -> None:
        self.merging.bring(lambda: self._is_at_origin(subject.name))

    def _is_at_origin(self, name: str) -> bool:
        """Whether the origin's branch has a package as the bundle says, by whatever commit."""
        observed, desired = self.reading.observed, self.reading.desired
        found = read_workspace(observed.git, observed.remote_head).packages.get(name)
        references = {pin.package: pin for pin in desired.pins_of(name)}
        return found is not None and (found.version, found.references) == (desired.versions[name], references)

    def _push_tag(self, subject: Subject) -> None:
        self.files.push(lambda: self.stage(subject) is Stage.PUBLISHED, f"refs/tags/{self._tag(subject.name)}")
        self.reading.refresh()
        self.merging.catch_up()

    # --- what is taken back --------------------------------------------------------------------

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a row back; return whether there was anything that could be."""
        undoes: Mapping[Undo, Callable[[Subject], bool]] = {
            Undo.TIDY: self.files.restore,
            Undo.RESTORE: self.files.restore,
            Undo.UNCOMMIT: self._uncommit,
            Undo.UNTAG: self._untag,
        }
        return undoes[undo](subject)

    def _uncommit(self, subject: Subject) -> bool:
        return self.files.uncommit(subject, self.reading.desired.release_commit(subject.name))

    def _untag(self, subject: Subject) -> bool:
        tag = self._tag(subject.name)
        if tag in self.reading.observed.remote.tags:
            raise Refused(f"tag {tag} is at the origin; what is published stays: push its commit, too")
        self.tools.git.untag(tag)
        return True

    # --- what is to come -----------------------------------------------------------------------

    def commands(self, row: Row, subject: Subject) -> Sequence[str]:
        """Return what a row does, as it could be typed."""
        desired, name, branch = self.reading.desired, subject.name, self.reading.observed.branch
        if row.action is Action.CHECK:
            return self._check_commands(name)
        commands: Mapping[Action, Sequence[str]] = {
            Action.BUMP: (),
            Action.COMMIT: (
                f"git add {' '.join(desired.files(subject))}",
                f'git commit -m "{release_message(desired.versions[name])}"',
            ),
            Action.TAG: (f"git tag -a {self._tag(name)}",),
            Action.PUSH: (f"git push --atomic origin HEAD {self._tag(name)}",),
            Action.MERGE: self.merging.commands(),
            Action.PUSH_TAG: (f"git push origin {self._tag(name)}", f"git pull --ff-only origin {branch}"),
        }
        return commands[row.action]

    def _check_commands(self, name: str) -> Sequence[str]:
        package, pins = self.reading.observed.workspace.packages[name], self.reading.desired.pins_of(name)
        return (
            f"uv build --wheel --no-sources {package.folder}",
            f"uv pip install --no-sources WHEEL {' '.join(repr(str(pin)) for pin in pins)}".rstrip(),
            f"python -m pytest {' '.join(package.tests)}",
        )

    def diff(self, row: Row, subject: Subject) -> str:
        """Return what a bump changes."""
        return self.files.diff(subject) if row.action is Action.BUMP else ""
