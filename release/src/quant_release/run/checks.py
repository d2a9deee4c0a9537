"""The guards of the transition table, as questions to a checkout and its origin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from quant_release.bundle import Bundle
from quant_release.repository.edits import has_entry
from quant_release.repository.observed import ObservedState
from quant_release.repository.versions import Version, tag_name
from quant_release.repository.workspace import LOCK, locked_version
from quant_release.run.desired import DesiredState
from quant_release.steps.machine import Subject
from quant_release.steps.table import Guard, Scope

__all__ = ["Checks"]


def _some(names: Iterable[str]) -> str:
    """Write a few names out of many."""
    listed = sorted(names)
    rest = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + rest


class Checks:
    """Says what is missing for a guard to hold in what was observed."""

    def __init__(self, observed: ObservedState, bundle: Bundle, desired: DesiredState) -> None:
        self.observed, self.bundle, self.desired = observed, bundle, desired

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing, None if the guard holds."""
        answers: Mapping[Guard, Callable[[Subject], str | None]] = {
            Guard.ALIGNED: self._aligned,
            Guard.UNSTAGED: self._unstaged,
            Guard.CLEAN: self._clean,
            Guard.WHITESPACE: self._whitespace,
            Guard.FORWARD: self._forward,
            Guard.CHANGELOG: self._changelog,
            Guard.TAG_FREE: self._tag_free,
            Guard.DEPENDENCIES: self._dependencies,
            Guard.PACKAGES: self._packages,
            Guard.FITTING: self._fitting,
            Guard.PINS: self._pins,
        }
        return answers[guard](subject)

    def unpublished(self, package: str, version: Version) -> str | None:
        """Return why a version of a package is not published, None if it is."""
        observed, tag = self.observed, tag_name(package, version)
        commit = observed.remote.tags.get(tag)
        if commit is None:
            return f"tag {tag} is not at the origin"
        found = observed.tagged(tag, package)
        if not observed.git.contains(observed.remote_head, commit):
            place = f"origin/{observed.branch}"
            if observed.git.contains(observed.head, commit):
                return (
                    f"tag {tag} is at the origin, but its commit {commit[:12]} was not pushed to {place}: "
                    f"git push origin {commit[:12]}:{observed.branch}"
                )
            return (
                f"commit {commit[:12]} of tag {tag} is not reachable from {place}: merge it there, or choose a newer "
                "version"
            )
        if found is None or found.version != version:
            return f"tag {tag} names a commit with {package} {found.version if found else 'absent'}: choose another one"
        return None

    # --- packages ------------------------------------------------------------------------------

    def _tag_free(self, subject: Subject) -> str | None:
        package, version = subject.name, self.bundle.version(subject.name)
        tag = tag_name(package, version)
        here, there = self.observed.tags.get(tag), self.observed.remote.tags.get(tag)
        if here is not None and there is not None and here != there:
            return (
                f"tag {tag} is {here[:12]} here and {there[:12]} at the origin; a tag never moves: choose a newer one"
            )
        if there is not None:
            return self.unpublished(package, version)
        if here is not None and not (self.desired.committed(package) and here == self.desired.release_commit(package)):
            return (
                f"tag {tag} exists already, at {here[:12]}, which is not the release commit; a tag never moves: choose "
                "a newer version"
            )
        return None

    def _changelog(self, subject: Subject) -> str | None:
        package, version = self.observed.workspace.packages[subject.name], self.bundle.version(subject.name)
        history = self.observed.at(self.observed.head, package.history).get(package.history, b"")
        if has_entry(history, version):
            return None
        return f"{package.history} has no entry for {version}: add '## Unreleased' with what changed, and commit it"

    def _whitespace(self, subject: Subject) -> str | None:
        observed, package = self.observed, self.observed.workspace.packages[subject.name]
        found = observed.git.whitespace()
        last = max(self._versions(package.name), default=None)
        if found is None and last is not None:
            tag = tag_name(package.name, last)
            since = observed.tags.get(tag) or observed.remote.tags.get(tag)
            if since is not None and observed.git.has(since):
                found = observed.git.whitespace(since, observed.head, "--", *package.paths)
        return None if found is None else f"git diff --check: {found}"

    def _dependencies(self, subject: Subject) -> str | None:
        package = self.observed.workspace.packages[subject.name]
        problems = [self.unpublished(name, self.bundle.version(name)) for name in package.requires]
        found = "; ".join(problem for problem in problems if problem)
        return f"{package.name} depends on it: {found}" if found else None

    def _versions(self, package: str) -> list[Version]:
        """Return the versions of a package that have a tag, here or at the origin."""
        found = (Version.of_tag(package, tag) for tag in {*self.observed.tags, *self.observed.remote.tags})
        return [version for version in found if version is not None]

    # --- packages and apps ---------------------------------------------------------------------

    def _forward(self, subject: Subject) -> str | None:
        if subject.scope is Scope.APP:
            return self._pins_forward(subject)
        version, present = self.bundle.version(subject.name), self.observed.workspace.packages[subject.name].version
        if self.bundle.rollback:
            return f"a rollback releases no package, and {tag_name(subject.name, version)} is not published"
        newest = max([present, *(one for one in self._versions(subject.name) if one != version)])
        if newest > version:
            return f"the version of {subject.name} goes backwards, from {newest} to {version}: choose a newer one"
        return None

    def _pins_forward(self, subject: Subject) -> str | None:
        app = self.observed.workspace.apps[subject.name]
        for name, pin in (app.pins or {}).items():
            version = self.bundle.version(name) if name in self.bundle.packages else None
            if version and pin.version and pin.version > version and not self.bundle.rollback:
                return (
                    f"the version of {name} in {app.requirements} goes backwards, from {pin.version} to {version}: "
                    "choose a newer one, or say rollback = true in the bundle"
                )
        return None

    def _clean(self, subject: Subject) -> str | None:
        own = self.desired.files(subject)
        folders = self._folders(subject)
        dirty = {path for path in self.observed.changed if any(_is_below(path, folder) for folder in folders)}
        foreign = {path for path in dirty if path not in own or self.observed.on_disk(path) != own[path]}
        if subject.scope is Scope.PACKAGE and not self._lock_is_clean(subject.name):
            foreign.add(f"{LOCK} (entry of {subject.name})")
        return f"uncommitted edits in {_some(foreign)}: commit, split or stash them" if foreign else None

    def _lock_is_clean(self, package: str) -> bool:
        on_disk = self.observed.on_disk(LOCK)
        known = (self.observed.workspace.locked[package], str(self.bundle.version(package)))
        return on_disk is None or locked_version(on_disk, package) in known

    def _folders(self, subject: Subject) -> Sequence[str]:
        workspace = self.observed.workspace
        if subject.scope is Scope.PACKAGE:
            return workspace.packages[subject.name].paths
        return (workspace.apps[subject.name].folder,)

    def _unstaged(self, subject: Subject) -> str | None:
        own = self.desired.files(subject)
        foreign = [path for path in self.observed.staged if path not in own]
        if not foreign:
            return None
        return f"staged, and not part of this commit: {_some(foreign)}: git restore --staged, or git stash"

    def _aligned(self, _subject: Subject) -> str | None:
        observed = self.observed
        if not observed.git.contains(observed.head, observed.remote_head):
            return (
                f"origin/{observed.branch} moved to {observed.remote_head[:12]}, which HEAD does not contain: "
                "`release abandon`, git pull, then plan again"
            )
        foreign = [
            f"{commit[:12]} {text!r}"
            for commit, text, paths in observed.git.log(observed.remote_head, observed.head)
            if not self.desired.is_own_commit(text, paths)
        ]
        if not foreign:
            return None
        return f"commits that are neither at the origin nor of this release: {_some(foreign)}; push them first"

    # --- apps and images -----------------------------------------------------------------------

    def _packages(self, subject: Subject) -> str | None:
        problems = [self.unpublished(name, self.bundle.version(name)) for name in self.bundle.packages]
        found = "; ".join(problem for problem in problems if problem)
        return f"{subject} may not be pinned to what is not there: {found}" if found else None

    def _fitting(self, _subject: Subject) -> str | None:
        for name in self.bundle.packages:
            version = self.bundle.version(name)
            released = self.observed.tagged(tag_name(name, version), name)
            for other, wanted in released.requires.items() if released else ():
                if wanted is not None and wanted != self.bundle.version(other):
                    return (
                        f"{name} {version} was released for {other} {wanted}, the bundle has "
                        f"{self.bundle.version(other)}: give {name} a newer version"
                    )
        return None

    def _pins(self, subject: Subject) -> str | None:
        app = self.observed.workspace.apps[self.desired.app_of(subject)]
        if self.desired.pinned_at(self.observed.remote_head, app.name):
            return None
        return f"{app.requirements} on origin/{self.observed.branch} does not pin the bundle"


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
