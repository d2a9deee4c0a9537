"""The packages and apps of a checkout at one revision, read as data: no code of theirs is imported."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from quant_platform_kit.domain.errors import InvalidInput

from quant_release.repository.git import Git
from quant_release.repository.origins import address
from quant_release.repository.pins import Pin, read_pins
from quant_release.repository.requirements import Requirement, of_packages, read_requirement
from quant_release.repository.versions import Version

__all__ = ["LOCK", "App", "Package", "Workspace", "locked_version", "read_workspace", "requirements_of"]

LOCK = "uv.lock"
ROOT = "pyproject.toml"
PLATFORM = "platform.toml"
RUN = "/run"
"""What the job of a platform's service calls."""
APPS, PACKAGES = "apps/", "packages/"


class Package(NamedTuple):
    """A shared package: one with a table ``[tool.release]`` below ``packages/``.

    Attributes
    ----------
    requires
        Other shared packages it declares, and which version of each exactly.
    references
        Those of them that it names by a tag at an address, and which.
    tests
        Paths of its pre-tag test modules, from the root of the checkout.
    extras
        Every extra it has.
    """

    name: str
    folder: str
    version: Version
    requires: Mapping[str, Version | None]
    references: Mapping[str, Pin]
    tests: tuple[str, ...]
    extras: tuple[str, ...]

    @property
    def manifest(self) -> str:
        """Path of its ``pyproject.toml``."""
        return f"{self.folder}/pyproject.toml"

    @property
    def history(self) -> str:
        """Path of its changelog."""
        return f"docs/history/{self.name}.md"

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that are its own, besides its entries in the lock."""
        return self.folder, self.history


class App(NamedTuple):
    """A member that is pinned and deployed: one with a table ``[tool.release]`` below ``apps/``, or at the top.

    Attributes
    ----------
    is_service
        Whether it has a ``platform.toml``: a service of a platform runs it.
    triggers
        ``[tool.release] trigger``, one or a list: the path that the job of a service beside the platform calls, of each
        kind that the image has. Beside a ``platform.toml`` the image has those of the platform too.
    uses
        The extras it needs of each shared package.
    extras
        Its own extras that are deployed.
    beside
        Folders of packages that its tests need and that are never deployed.
    pins
        What ``requirements.txt`` says, None where there is no such file.
    """

    name: str
    distribution: str
    folder: str
    uses: Mapping[str, tuple[str, ...]]
    extras: tuple[str, ...]
    beside: tuple[str, ...]
    pins: Mapping[str, Pin] | None
    is_service: bool
    triggers: tuple[str, ...]

    @property
    def requirements(self) -> str:
        """Path of its ``requirements.txt``."""
        return f"{self.folder}/requirements.txt"

    @property
    def platform(self) -> str:
        """Path of the ``platform.toml`` of a service."""
        return f"{self.folder}/{PLATFORM}"

    @property
    def tests(self) -> str:
        """Path of its tests."""
        return f"{self.folder}/tests"

    @property
    def installs(self) -> str:
        """The app's folder with the extras that are deployed, as an installer takes it."""
        return f"{self.folder}[{','.join(self.extras)}]" if self.extras else self.folder


class Workspace(NamedTuple):
    """Shared packages, each after those it depends on, and apps by the name of their folder.

    Attributes
    ----------
    url
        Address of the origin that pins are to name, None for the one that the checkout has.
    """

    packages: Mapping[str, Package]
    apps: Mapping[str, App]
    locked: Mapping[str, str | None]
    url: str | None = None


def read_workspace(git: Git, revision: str) -> Workspace:
    """Read packages, apps, pins and lock entries of a revision.

    Raises
    ------
    InvalidInput
        A file of the workspace is not what it has to be.
    """
    paths = [path for path in git.files(revision) if _is_of_a_member(path)]
    manifests = [path for path in paths if path.endswith("/pyproject.toml")]
    pinned = [path for path in paths if not path.startswith(PACKAGES) and path.endswith("/requirements.txt")]
    read = git.read(revision, (*manifests, *pinned, LOCK, ROOT))
    contents = {path: data for path, data in read.items() if data is not None}
    documents = {path: _toml(contents[path], path) for path in manifests}
    released = {path: document for path, document in documents.items() if "release" in document.get("tool", {})}
    of_packages = {path: document for path, document in released.items() if path.startswith(PACKAGES)}
    names = {str(document["project"]["name"]) for document in of_packages.values()}
    packages = [_package(path, document, names) for path, document in of_packages.items()]
    others = {path: document for path, document in released.items() if path not in of_packages}
    services = {path.rpartition("/")[0] for path in paths if path.endswith(f"/{PLATFORM}")}
    apps = [_app(path, document, names, contents, services) for path, document in others.items()]
    _refuse_one_name(apps)
    lock = contents.get(LOCK, b"")
    return Workspace(
        {package.name: package for package in _in_order(packages)},
        {app.name: app for app in sorted(apps, key=lambda app: app.name)},
        {package.name: locked_version(lock, package.name) for package in packages},
        _url(contents[ROOT]) if ROOT in contents else None,
    )


def _is_of_a_member(path: str) -> bool:
    """Whether a file stands directly in the folder of an app or a package, or in one at the top."""
    return path.count("/") == (2 if path.startswith((APPS, PACKAGES)) else 1)


def _refuse_one_name(apps: Sequence[App]) -> None:
    folders: dict[str, str] = {}
    for app in apps:
        if (other := folders.setdefault(app.name, app.folder)) != app.folder:
            raise InvalidInput(f"{other} and {app.folder} are both named {app.name} in bundles; rename one of them")


def _url(manifest: bytes) -> str | None:
    """Return the address of the origin that the root's ``[tool.release]`` names, None without one."""
    document = _parsed(manifest, ROOT)
    if "release" not in document.get("tool", {}):
        return None
    url = _settings(ROOT, document, {"url"}).get("url")
    return None if url is None else address(str(url))


def locked_version(lock: bytes, package: str) -> str | None:
    """Return the version of a member's own entry in ``uv.lock``, None without one."""
    head = b'\nname = "%s"\nversion = "' % package.encode()
    begins = lock.find(head)
    return None if begins < 0 else lock[begins + len(head) :].partition(b'"')[0].decode()


def requirements_of(manifest: bytes, path: str, names: set[str]) -> dict[str, Requirement]:
    """Return what a ``pyproject.toml`` declares of some packages."""
    return of_packages(_toml(manifest, path)["project"].get("dependencies", ()), path, names)


def _toml(data: bytes, path: str) -> dict[str, Any]:
    document = _parsed(data, path)
    try:
        if missing := sorted({"name", "version"} - document["project"].keys()):
            raise InvalidInput(f"{path} lacks {missing[0]!r} of its project; add it")
    except KeyError as error:
        raise InvalidInput(f"{path} lacks the table {error}; add it") from None
    return document


def _parsed(data: bytes, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not TOML: {error}") from error


def _package(path: str, document: dict[str, Any], names: set[str]) -> Package:
    folder = path.rpartition("/")[0]
    project, settings = document["project"], _settings(path, document, {"tests"})
    required = of_packages(project.get("dependencies", ()), path, names)
    exact = {name: one.exact for name, one in required.items()}
    return Package(
        str(project["name"]),
        folder,
        Version.read(str(project["version"]), f"{path}: version"),
        {name: Version.read(text, f"{path}: {name}") if text else None for name, text in exact.items()},
        {name: one.pin for name, one in required.items() if one.pin is not None},
        tuple(f"{folder}/{test}" for test in settings.get("tests", ())),
        tuple(sorted(project.get("optional-dependencies", ()))),
    )


def _app(
    path: str, document: dict[str, Any], names: set[str], contents: Mapping[str, bytes], services: Collection[str]
) -> App:
    folder = path.rpartition("/")[0]
    project, settings = document["project"], _settings(path, document, {"extras", "beside", "trigger"})
    extras = tuple(settings.get("extras", ()))
    optional = project.get("optional-dependencies", {})
    if unknown := sorted(set(extras) - set(optional)):
        raise InvalidInput(f"{path}: [tool.release] extras names {unknown[0]!r}, which the project does not have")
    uses: dict[str, set[str]] = {}
    for text in (*project.get("dependencies", ()), *(one for extra in extras for one in optional[extra])):
        name, used, bound = read_requirement(text, path)
        if name in names:
            if bound:
                raise InvalidInput(f"{path}: {text!r} bounds a shared package; its version stands in the pins")
            uses.setdefault(name, set()).update(used)
    pinned = contents.get(f"{folder}/requirements.txt")
    return App(
        folder.rpartition("/")[2],
        str(project["name"]),
        folder,
        {name: tuple(sorted(used)) for name, used in uses.items()},
        extras,
        tuple(settings.get("beside", ())),
        None if pinned is None else read_pins(pinned, f"{folder}/requirements.txt"),
        folder in services,
        _triggers(path, settings),
    )


def _triggers(path: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    given: str | list[str] = settings.get("trigger", [])
    named = (given,) if isinstance(given, str) else tuple(given)
    if RUN in named:
        raise InvalidInput(f"{path}: [tool.release] names trigger {RUN}, which is that of a platform; name another")
    return named


def _settings(path: str, document: dict[str, Any], known: set[str]) -> dict[str, Any]:
    settings: dict[str, Any] = document["tool"]["release"]
    if unknown := sorted(settings.keys() - known):
        raise InvalidInput(f"{path}: [tool.release] has {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return settings


def _in_order(packages: list[Package]) -> list[Package]:
    """Return packages, each after those it depends on."""
    placed: list[Package] = []
    waiting = sorted(packages, key=lambda package: package.name)
    while waiting:
        names = {package.name for package in waiting}
        free = next((one for one in waiting if not names & one.requires.keys()), None)
        if free is None:
            raise InvalidInput(f"the packages {', '.join(sorted(names))} depend on each other in a circle")
        waiting.remove(free)
        placed.append(free)
    return placed
