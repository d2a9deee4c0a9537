"""What each subject's files are to be once the bundle is released, and whether they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property

from quant_platform_kit.domain.digests import canonical_json, sha256
from quant_platform_kit.domain.errors import InvalidInput

from quant_release.bundle import Bundle
from quant_release.repository.edits import locked_at, prepared
from quant_release.repository.observed import ObservedState
from quant_release.repository.origins import is_same_repository
from quant_release.repository.pins import Pin, are_same, read_pins, write_pins
from quant_release.repository.versions import Version, tag_name
from quant_release.repository.workspace import LOCK
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope

__all__ = ["PINS_MESSAGE", "DesiredState", "release_message", "subjects_of"]

PINS_MESSAGE = "Bump shared strategy package pins"


def release_message(version: Version) -> str:
    """Return the message of a package's release commit."""
    return f"Prepare v{version} release"


def subjects_of(bundle: Bundle, packages: Iterable[str]) -> tuple[Subject, ...]:
    """Return the subjects of a bundle in order: packages after those they depend on, apps, images, services, workloads.

    Parameters
    ----------
    packages
        All that there are, in that order; those that the bundle does not name are none of its subjects.
    """
    return (
        *(Subject(Scope.PACKAGE, name) for name in packages if name in bundle.packages),
        *(Subject(Scope.APP, name) for name in bundle.platforms),
        *(Subject(Scope.IMAGE, repository) for _, repository in bundle.images),
        *(Subject(Scope.SERVICE, name) for name in bundle.moved),
        *(Subject(Scope.WORKLOAD, name) for name in bundle.workloads),
    )


def _lines(data: bytes) -> Sequence[bytes]:
    """Return lines without their ends, which a checkout on another system may have changed."""
    return data.splitlines()


class DesiredState:
    """What the bundle means for the files of a checkout; ``on`` is the date of changelog headings.

    Parameters
    ----------
    pins_at
        Of a rollback, the commit whose pins the apps are to have again.
    """

    def __init__(self, observed: ObservedState, bundle: Bundle, on: date, pins_at: str | None = None) -> None:
        self.observed, self.bundle, self.on, self.pins_at = observed, bundle, on, pins_at
        self._files: dict[Subject, Mapping[str, bytes]] = {}

    @cached_property
    def versions(self) -> Mapping[str, Version]:
        """Target version of every package."""
        return {name: self.bundle.version(name) for name in self.bundle.packages}

    def files(self, subject: Subject) -> Mapping[str, bytes]:
        """Return what the commit of a package or app is to have under each path that it may change."""
        if subject not in self._files:
            make = self._package_files if subject.scope is Scope.PACKAGE else self._app_files
            self._files[subject] = make(subject.name)
        return self._files[subject]

    def _package_files(self, name: str) -> Mapping[str, bytes]:
        package = self.observed.workspace.packages[name]
        files = self.observed.at(self.observed.head, package.manifest, package.history, LOCK)
        others = {pin.package: pin for pin in self.pins_of(name)}
        return prepared(package, files, self.versions[name], others, self.on)

    def _app_files(self, name: str) -> Mapping[str, bytes]:
        path = self.observed.workspace.apps[name].requirements
        if self.pins_at is not None:
            return self.observed.at(self.pins_at, path)
        return {path: write_pins(self.pins(name))}

    def pins(self, name: str) -> tuple[Pin, ...]:
        """Return the pins of an app."""
        if self.pins_at is not None:
            return tuple(pin for path, data in self._app_files(name).items() for pin in read_pins(data, path).values())
        workspace = self.observed.workspace
        wanted = tuple(
            Pin.to(package, self.versions[package], self.url, workspace.packages[package].folder, extras)
            for package, extras in sorted(workspace.apps[name].uses.items())
        )
        published = self._published_pins(name)
        is_free = self._named_url is None and self._written_url is None
        return published if is_free and are_same(published, wanted) else wanted

    def _published_pins(self, name: str) -> tuple[Pin, ...]:
        """Return the pins that an app has at the origin, which may name it by another form of its address."""
        path = self.observed.workspace.apps[name].requirements
        content = self.observed.at(self.observed.remote_head, path).get(path, b"")
        return tuple(read_pins(content, path).values())

    @property
    def _named_url(self) -> str | None:
        """The address of the origin that bundle or workspace name."""
        return self.bundle.url or self.observed.workspace.url

    @cached_property
    def url(self) -> str:
        """The address that pins are to name: if none is given, the one by which packages name each other already.

        Raises
        ------
        InvalidInput
            The one that is named is not of this origin.
        """
        named, origin = self._named_url, self.observed.url
        if named is not None and not is_same_repository(named, origin):
            raise InvalidInput(f"url is {named}, and the origin of this checkout {origin}: they are two repositories")
        return named or self._written_url or origin

    @property
    def _written_url(self) -> str | None:
        """The address of the origin by which packages name each other at HEAD, None if they do not."""
        packages = self.observed.workspace.packages.values()
        written = (pin.url for package in packages for pin in package.references.values())
        return next((url for url in written if is_same_repository(url, self.observed.url)), None)

    def pins_of(self, name: str) -> tuple[Pin, ...]:
        """Return the pins of the packages that a package depends on."""
        packages = self.observed.workspace.packages
        return tuple(
            Pin.to(other, self.versions[other], self.url, packages[other].folder) for other in packages[name].requires
        )

    def committed(self, name: str) -> bool:
        """Whether HEAD has a package as it is to be."""
        files = self.files(Subject(Scope.PACKAGE, name))
        return self.observed.at(self.observed.head, *files) == files

    def written(self, subject: Subject) -> bool:
        """Whether the working tree has a subject's files as they are to be."""
        return self.rewritten(subject) == {path: self.observed.on_disk(path) for path in self.files(subject)}

    def rewritten(self, subject: Subject) -> dict[str, bytes | None]:
        """Return what the working tree is to have; of the lock, only the package's own entry changes."""
        files: dict[str, bytes | None] = dict(self.files(subject))
        if LOCK in files and (on_disk := self.observed.on_disk(LOCK)) is not None:
            files[LOCK] = locked_at(on_disk, subject.name, self.versions[subject.name])
        return files

    def release_commit(self, name: str) -> str:
        """Return the last commit of HEAD that changed a package: the one to tag, once the release is committed."""
        return self.observed.git.last_touching(self.observed.head, *self.observed.workspace.packages[name].paths)

    def pinned_at(self, revision: str, name: str) -> bool:
        """Whether a revision pins an app as the bundle says."""
        files = self._app_files(name)
        found = {path: _lines(data) for path, data in self.observed.at(revision, *files).items()}
        return found == {path: _lines(data) for path, data in files.items()}

    def app_of(self, image: Subject) -> str:
        """Return the app of an image."""
        return next(app for app, repository in self.bundle.images if repository == image.name)

    def image_commit(self, name: str) -> str:
        """Return the commit that an app's image is built from: the last published one that changed the app."""
        return self.observed.git.last_touching(self.observed.remote_head, self.observed.workspace.apps[name].folder)

    def is_own_commit(self, text: str, paths: Iterable[str]) -> bool:
        """Whether a commit has the message and the paths of one that this bundle makes."""
        if text == PINS_MESSAGE:
            apps = (self.observed.workspace.apps[name] for name in self.bundle.platforms)
            return {*paths} <= {app.requirements for app in apps}
        for name, version in self.versions.items():
            if text == release_message(version) and {*paths} <= {*self.files(Subject(Scope.PACKAGE, name))}:
                return True
        return False

    # --- what tests stand for ------------------------------------------------------------------

    def checked_key(self, name: str) -> str:
        """Return the digest of all that a package's tests ran on: tree as tagged, lock, what it depends on."""
        package = self.observed.workspace.packages[name]
        blobs = self.observed.git.blobs(self.observed.head, *package.paths)
        files = self.files(Subject(Scope.PACKAGE, name))
        blobs |= {path: sha256(data) for path, data in files.items()}
        return self._key("package", name, blobs, {one: tag_name(one, self.versions[one]) for one in package.requires})

    def tested_key(self, name: str) -> str:
        """Return the digest of all that an app's tests ran on: tree, pins, lock, commits of the tags."""
        app = self.observed.workspace.apps[name]
        blobs = self.observed.git.blobs(self.observed.head, app.folder, *app.beside, LOCK)
        blobs |= {path: sha256(data) for path, data in self._app_files(name).items()}
        return self._key("app", name, blobs, self.pinned_tags(name))

    def pinned_tags(self, name: str) -> Mapping[str, str]:
        """Return the tag that each pin of an app names, by package."""
        return {pin.package: pin.tag for pin in self.pins(name)}

    def _key(self, kind: str, name: str, blobs: Mapping[str, str], tags_of: Mapping[str, str]) -> str:
        tags = {one: self.observed.remote.tags.get(tag) for one, tag in tags_of.items()}
        return sha256(canonical_json({"kind": kind, "name": name, "files": blobs, "tags": tags}))
