"""Guards of apps."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quant_release.repository.versions import tag_name
from quant_release.run.guards.files import aligned, foreign_edits, own, uncommitted, unstaged
from quant_release.run.guards.published import unpublished_packages
from quant_release.run.reading import Reading
from quant_release.steps.machine import Subject
from quant_release.steps.table import Guard

__all__ = ["APP_GUARDS"]


def _fitting(reading: Reading, subject: Subject) -> str | None:
    return _other_version(reading) or _other_address(reading, subject)


def _other_version(reading: Reading) -> str | None:
    versions = reading.desired.versions
    for name, version in versions.items():
        released = reading.observed.tagged(tag_name(name, version), name)
        for other, wanted in released.requires.items() if released else ():
            if wanted is not None and wanted != reading.bundle.version(other):
                return (
                    f"{name} {version} was released for {other} {wanted}, the bundle has "
                    f"{reading.bundle.version(other)}: give {name} a newer version"
                )
    return None


def _other_address(reading: Reading, subject: Subject) -> str | None:
    pins = {pin.package: pin for pin in reading.desired.pins(subject.name)}
    for pin in pins.values():
        released = reading.observed.tagged(pin.tag, pin.package)
        for other, wanted in released.references.items() if released else ():
            if other in pins and pins[other].place != wanted.place:
                return (
                    f"{pin.tag} takes {other} from {wanted.place}, {subject} would from {pins[other].place}: give "
                    f'{pin.package} a newer version, or say url = "{wanted.url}" in the bundle'
                )
    return None


def _forward(reading: Reading, subject: Subject) -> str | None:
    app, versions = reading.observed.workspace.apps[subject.name], reading.desired.versions
    for name, pin in (app.pins or {}).items():
        version = versions.get(name)
        if version and pin.version and pin.version > version and not reading.bundle.rollback:
            return (
                f"the version of {name} in {app.requirements} goes backwards, from {pin.version} to {version}: "
                "choose a newer one, or say rollback = true in the bundle"
            )
    return None


def _clean(reading: Reading, subject: Subject) -> str | None:
    folder = reading.observed.workspace.apps[subject.name].folder
    return uncommitted(foreign_edits(reading, subject, (folder,)))


APP_GUARDS: Mapping[Guard, Callable[[Reading, Subject], str | None]] = {
    Guard.PACKAGES: unpublished_packages,
    Guard.FITTING: _fitting,
    Guard.FORWARD: _forward,
    Guard.ALIGNED: aligned,
    Guard.OWN: own,
    Guard.UNSTAGED: unstaged,
    Guard.CLEAN: _clean,
}
