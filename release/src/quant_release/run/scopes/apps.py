"""Apps: pinned, tested, committed and pushed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from quant_release.repository.pins import read_pins
from quant_release.run.desired import PINS_MESSAGE
from quant_release.run.guards.apps import APP_GUARDS
from quant_release.run.merging import Merging
from quant_release.run.reading import Reading
from quant_release.run.scopes.files import Files
from quant_release.run.tools import Tools
from quant_release.steps.machine import Subject
from quant_release.steps.table import Action, Guard, Row, Stage, Undo

__all__ = ["AppSteps"]


class AppSteps:
    """Answers and acts for the apps of a bundle."""

    def __init__(self, tools: Tools, reading: Reading) -> None:
        self.tools, self.reading, self.files = tools, reading, Files(reading)
        self.merging = Merging(reading, tools.merging)

    def refresh(self) -> None:
        """Forget what was read."""
        self.reading.refresh()

    def stage(self, subject: Subject) -> Stage:
        """Return how far an app has come."""
        observed, desired = self.reading.observed, self.reading.desired
        committed = desired.pinned_at(observed.head, subject.name)
        if self._is_at_origin(subject.name) and not self._is_beside(subject, committed=committed):
            return Stage.PUBLISHED
        if not committed and not desired.written(subject):
            return Stage.START
        if not self.tools.passed(desired.tested_key(subject.name)):
            return Stage.PINNED
        return Stage.COMMITTED if committed else Stage.TESTED

    def _is_at_origin(self, name: str) -> bool:
        """Whether the origin's branch pins an app as the bundle says, by whatever commit."""
        return self.reading.desired.pinned_at(self.reading.observed.remote_head, name)

    def _is_beside(self, subject: Subject, *, committed: bool) -> bool:
        """Whether a run by way of a branch has pins here that the origin's branch took by another commit."""
        observed, desired = self.reading.observed, self.reading.desired
        if self.reading.via is None:
            return False
        if not committed:
            return desired.written(subject)
        return not observed.git.contains(observed.remote_head, self._commit_of(subject))

    def _commit_of(self, subject: Subject) -> str:
        return self.tools.git.last_touching(self.reading.observed.head, *self.reading.desired.files(subject))

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold."""
        return APP_GUARDS[guard](self.reading, subject)

    def identity(self, subject: Subject) -> str:
        """Return the tags that an app is pinned to at the origin."""
        observed = self.reading.observed
        path = observed.workspace.apps[subject.name].requirements
        content = observed.at(observed.remote_head, path).get(path)
        tags = [] if content is None else [pin.tag for pin in read_pins(content, path).values()]
        return f"pins {' '.join(tags)}" if tags else "no pins"

    # --- what is done --------------------------------------------------------------------------

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says."""
        actions: Mapping[Action, Callable[[Subject], None]] = {
            Action.PIN: self.files.write,
            Action.TEST: self._test,
            Action.COMMIT_PINS: self._commit,
            Action.PUSH_PINS: self._push,
            Action.MERGE: self._merge,
        }
        actions[action](subject)

    def _test(self, subject: Subject) -> None:
        observed, desired = self.reading.observed, self.reading.desired
        app, key = observed.workspace.apps[subject.name], desired.tested_key(subject.name)
        tags = {name: observed.remote.tags[tag] for name, tag in desired.pinned_tags(subject.name).items()}
        self.tools.environments.test_app(app, observed.head, desired.files(subject)[app.requirements], tags)
        self.tools.to_record().record_passed(key, f"{subject} {' '.join(sorted(tags))}")

    def _commit(self, subject: Subject) -> None:
        self.files.commit(subject, PINS_MESSAGE)

    def _push(self, subject: Subject) -> None:
        self.files.push(lambda: self.stage(subject) is Stage.PUBLISHED, "HEAD")

    def _merge(self, subject: Subject) -> None:
        self.merging.bring(lambda: self._is_at_origin(subject.name))
        self.merging.catch_up()

    # --- what is taken back --------------------------------------------------------------------

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a row back; return whether there was anything that could be."""
        undoes: Mapping[Undo, Callable[[Subject], bool]] = {
            Undo.RESTORE: self.files.restore,
            Undo.UNCOMMIT: self._uncommit,
        }
        return undoes[undo](subject)

    def _uncommit(self, subject: Subject) -> bool:
        return self.files.uncommit(subject, self._commit_of(subject))

    # --- what is to come -----------------------------------------------------------------------

    def commands(self, row: Row, subject: Subject) -> Sequence[str]:
        """Return what a row does, as it could be typed."""
        app = self.reading.observed.workspace.apps[subject.name]
        commands: Mapping[Action, Sequence[str]] = {
            Action.PIN: (),
            Action.TEST: (
                f"uv pip install --no-sources -r {app.requirements} ./{app.installs}",
                f"python -m pytest {app.tests}",
            ),
            Action.COMMIT_PINS: (f"git add {app.requirements}", f'git commit -m "{PINS_MESSAGE}"'),
            Action.PUSH_PINS: ("git push --atomic origin HEAD",),
            Action.MERGE: self.merging.commands(),
        }
        return commands[row.action]

    def diff(self, row: Row, subject: Subject) -> str:
        """Return what a change of pins changes."""
        return self.files.diff(subject) if row.action is Action.PIN else ""
