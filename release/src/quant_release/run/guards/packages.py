"""Guards of packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quant_release.repository.edits import has_entry
from quant_release.repository.versions import Version, tag_name
from quant_release.repository.workspace import LOCK, locked_version
from quant_release.run.guards.files import aligned, foreign_edits, own, uncommitted, unstaged
from quant_release.run.guards.published import unpublished
from quant_release.run.reading import Reading
from quant_release.steps.machine import Subject
from quant_release.steps.table import Guard

__all__ = ["PACKAGE_GUARDS"]


def _tag_free(reading: Reading, subject: Subject) -> str | None:
    observed, desired = reading.observed, reading.desired
    package, version = subject.name, desired.versions[subject.name]
    tag = tag_name(package, version)
    here, there = observed.tags.get(tag), observed.remote.tags.get(tag)
    if here is not None and there is not None and here != there:
        return f"tag {tag} is {here[:12]} here and {there[:12]} at the origin; a tag never moves: choose a newer one"
    if there is not None:
        return unpublished(observed, package, version)
    if here is not None and not (desired.committed(package) and here == desired.release_commit(package)):
        return (
            f"tag {tag} exists already, at {here[:12]}, which is not the release commit; a tag never moves: choose "
            "a newer version"
        )
    return None


def _forward(reading: Reading, subject: Subject) -> str | None:
    name = subject.name
    version, present = reading.desired.versions[name], reading.observed.workspace.packages[name].version
    if reading.bundle.rollback:
        return f"a rollback releases no package, and {tag_name(name, version)} is not published"
    newest = max([present, *(one for one in _tagged_versions(reading, name) if one != version)])
    if newest > version:
        return f"the version of {name} goes backwards, from {newest} to {version}: choose a newer one"
    return None


def _tagged_versions(reading: Reading, package: str) -> list[Version]:
    """Return the versions of a package that have a tag, here or at the origin."""
    found = (Version.of_tag(package, tag) for tag in {*reading.observed.tags, *reading.observed.remote.tags})
    return [version for version in found if version is not None]


def _changelog(reading: Reading, subject: Subject) -> str | None:
    observed, version = reading.observed, reading.desired.versions[subject.name]
    path = observed.workspace.packages[subject.name].history
    if has_entry(observed.at(observed.head, path).get(path, b""), version):
        return None
    return f"{path} has no entry for {version}: add '## Unreleased' with what changed, and commit it"


def _whitespace(reading: Reading, subject: Subject) -> str | None:
    observed, package = reading.observed, reading.observed.workspace.packages[subject.name]
    found = observed.git.whitespace()
    last = max(_tagged_versions(reading, package.name), default=None)
    if found is None and last is not None:
        tag = tag_name(package.name, last)
        since = observed.tags.get(tag) or observed.remote.tags.get(tag)
        if since is not None and observed.git.has(since):
            found = observed.git.whitespace(since, observed.head, "--", *package.paths)
    return None if found is None else f"git diff --check: {found}"


def _dependencies(reading: Reading, subject: Subject) -> str | None:
    package, versions = reading.observed.workspace.packages[subject.name], reading.desired.versions
    problems = [unpublished(reading.observed, name, versions[name]) for name in package.requires]
    found = "; ".join(problem for problem in problems if problem)
    return f"{package.name} depends on it: {found}" if found else None


def _clean(reading: Reading, subject: Subject) -> str | None:
    package = reading.observed.workspace.packages[subject.name]
    foreign = foreign_edits(reading, subject, package.paths)
    if not _lock_is_clean(reading, package.name):
        foreign.add(f"{LOCK} (entry of {package.name})")
    return uncommitted(foreign)


def _lock_is_clean(reading: Reading, package: str) -> bool:
    on_disk = reading.observed.on_disk(LOCK)
    known = (reading.observed.workspace.locked[package], str(reading.desired.versions[package]))
    return on_disk is None or locked_version(on_disk, package) in known


PACKAGE_GUARDS: Mapping[Guard, Callable[[Reading, Subject], str | None]] = {
    Guard.ALIGNED: aligned,
    Guard.OWN: own,
    Guard.UNSTAGED: unstaged,
    Guard.CLEAN: _clean,
    Guard.WHITESPACE: _whitespace,
    Guard.FORWARD: _forward,
    Guard.CHANGELOG: _changelog,
    Guard.TAG_FREE: _tag_free,
    Guard.DEPENDENCIES: _dependencies,
}
