"""Images: built from published pins, and recorded by digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from quant_release.images.build_context import build_context
from quant_release.run.guards.published import unpublished_packages
from quant_release.run.journal import ImageRecord
from quant_release.run.reading import Reading
from quant_release.run.tools import Tools
from quant_release.steps.machine import Subject
from quant_release.steps.table import Action, Guard, Row, Stage, Undo

__all__ = ["ImageSteps"]


class ImageSteps:
    """Answers and acts for the images of a bundle."""

    def __init__(self, tools: Tools, reading: Reading) -> None:
        self.tools, self.reading = tools, reading

    def refresh(self) -> None:
        """Forget what was read."""
        self.reading.refresh()

    def stage(self, subject: Subject) -> Stage:
        """Return how far an image has come."""
        if self._missing_pins(subject) is not None:
            return Stage.START
        return Stage.START if self.recorded(subject) is None else Stage.BUILT

    def recorded(self, subject: Subject) -> ImageRecord | None:
        """Return what is recorded of an image at the commit it has to be built from."""
        desired, journal = self.reading.desired, self.tools.journal
        app = desired.app_of(subject)
        return None if journal is None else journal.image(app, subject.name, desired.image_commit(app))

    def identity(self, subject: Subject) -> str:
        """Return an image by digest."""
        built = self.recorded(subject)
        return "no image" if built is None else built.reference

    # --- guards --------------------------------------------------------------------------------

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold."""
        answers: Mapping[Guard, Callable[[Subject], str | None]] = {
            Guard.BUILDER: self._missing_builder,
            Guard.PINS: self._missing_pins,
            Guard.PACKAGES: lambda image: unpublished_packages(self.reading, image),
        }
        return answers[guard](subject)

    def _missing_builder(self, _subject: Subject) -> str | None:
        return None if self.tools.builder else "nobody is named to build it: add --builder docker, buildah or gcloud"

    def _missing_pins(self, subject: Subject) -> str | None:
        observed, desired = self.reading.observed, self.reading.desired
        app = observed.workspace.apps[desired.app_of(subject)]
        if desired.pinned_at(observed.remote_head, app.name):
            return None
        return f"{app.requirements} on origin/{observed.branch} does not pin the bundle"

    # --- what is done --------------------------------------------------------------------------

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says."""
        actions: Mapping[Action, Callable[[Subject], None]] = {Action.BUILD: self._build}
        actions[action](subject)

    def _build(self, subject: Subject) -> None:
        builder, desired = self.tools.builder, self.reading.desired
        assert builder is not None  # the row is guarded
        app = self.reading.observed.workspace.apps[desired.app_of(subject)]
        commit, pins = desired.image_commit(app.name), desired.pins(app.name)
        reference = builder.find(subject.name, commit)
        if reference is None:
            with build_context(self.tools.git, app, commit, pins) as context:
                reference = builder.build(context, subject.name, commit)
        journal = self.tools.to_record()
        lines = tuple(str(pin) for pin in pins)
        journal.record_image(ImageRecord(app.name, subject.name, commit, reference, lines, journal.store.now()))

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take nothing back: an image that is not recorded is found again when it is to be built."""
        return False

    # --- what is to come -----------------------------------------------------------------------

    def commands(self, row: Row, subject: Subject) -> Sequence[str]:
        """Return what a row does, as it could be typed."""
        builder = self.tools.builder
        return ("(no builder was named)",) if builder is None else builder.commands(subject.name, "COMMIT")

    def diff(self, row: Row, subject: Subject) -> str:
        """Return nothing: an image changes no file."""
        return ""
