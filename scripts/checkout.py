"""What is in the tree: members of the workspace, their import packages and libraries, and the folders around them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Checkout", "Member"]

ROOT = Path(__file__).resolve().parent.parent

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_EXTRAS = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*\[(?P<extras>[^\]]*)\]")


@dataclass(frozen=True)
class Member:
    """One project of the workspace.

    Attributes
    ----------
    name
        Of its distribution, such as ``ibkr-app``.
    folder
        Relative to the checkout, such as ``apps/ibkr``.
    packages
        Import names of what stands in its ``src``.
    requires
        Import names of the libraries that its ``pyproject.toml`` asks for, other members left out.
    comes_with
        Import names of the libraries that come with the extras of other members it always asks for, such as
        ``quant-platform-kit[sql]``.
    stands_on
        Import names of the other members that its ``pyproject.toml`` asks for.
    is_released
        Whether ``release`` knows it.
    has_strategies
        Whether it is a catalog of strategies.
    module, system_packages
        What its image runs, and what of Debian it installs beside Python: ``[tool.image]``.
    """

    name: str
    folder: Path
    packages: tuple[str, ...]
    requires: frozenset[str]
    comes_with: frozenset[str]
    stands_on: frozenset[str]
    is_released: bool
    has_strategies: bool
    module: str = ""
    system_packages: tuple[str, ...] = ()

    @property
    def is_app(self) -> bool:
        """Whether it stands in ``apps/``."""
        return self.folder.parts[0] == "apps"

    @property
    def has_image(self) -> bool:
        """Whether ``release`` builds an image of it: it is released, and no shared package."""
        return self.is_released and self.folder.parts[0] != "packages"

    @property
    def is_deployed(self) -> bool:
        """Whether it runs in a service: an app, or a package that is released."""
        return self.is_app or self.is_released


class Checkout:
    """A checkout, or a copy of one."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The projects of the workspace, in the order of their folders."""
        workspace = _read(self.root / "pyproject.toml")["tool"]["uv"]["workspace"]["members"]
        files = sorted({file for glob in workspace for file in self.root.glob(f"{glob}/pyproject.toml")})
        projects = {file: _read(file) for file in files}
        own = {_normal(project["project"]["name"]): project for project in projects.values()}
        imported = _import_names()
        standing = {_normal(project["project"]["name"]): file.parent / "src" for file, project in projects.items()}
        return tuple(
            Member(
                project["project"]["name"],
                file.parent.relative_to(self.root),
                tuple(_packages_in(file.parent / "src")),
                frozenset(name for wanted in _wanted(project) - own.keys() for name in _names_of(wanted, imported)),
                frozenset(name for wanted in _extras(project, own) for name in _names_of(wanted, imported)),
                frozenset(name for wanted in _wanted(project) & own.keys() for name in _packages_in(standing[wanted])),
                is_released="release" in project.get("tool", {}),
                has_strategies="quant.strategies" in project["project"].get("entry-points", {}),
                **_image(project),
            )
            for file, project in projects.items()
        )

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """Import names of all members."""
        return tuple(package for member in self.members for package in member.packages)

    @cached_property
    def apps(self) -> tuple[str, ...]:
        """Import names of the apps."""
        return tuple(package for member in self.members if member.is_app for package in member.packages)

    def client_libraries(self, app: Member) -> tuple[str, ...]:
        """Return import names of the libraries that an app asks for and no other member does."""
        elsewhere = {name for member in self.members if member is not app for name in member.requires}
        return tuple(sorted(app.requires - elsewhere))

    @cached_property
    def outside(self) -> tuple[str, ...]:
        """Import packages at the top of the checkout: campaigns and benchmarks."""
        return tuple(_packages_in(self.root))

    @cached_property
    def scripts(self) -> tuple[str, ...]:
        """Names under which a script could be imported, from the checkout or beside another script."""
        folder = self.root / "scripts"
        return ("scripts", *sorted({file.stem for file in folder.glob("*.py")} | set(_packages_in(folder))))

    @property
    def import_paths(self) -> tuple[Path, ...]:
        """Folders in which the packages are found."""
        return (*(self.root / member.folder / "src" for member in self.members), self.root)

    def rooms(self, package: str) -> tuple[str, ...]:
        """Return the full names of the modules and packages directly inside a package."""
        folder = self.file(package).parent
        files = (file.stem for file in folder.glob("*.py") if not file.stem.startswith("__"))
        return tuple(f"{package}.{name}" for name in sorted({*files, *_packages_in(folder)}))

    def file(self, module: str) -> Path:
        """Return the file of a module or the ``__init__.py`` of a package; raise `LookupError` if there is none."""
        place = Path(*module.split("."))
        for path in self.import_paths:
            for candidate in (path / place / "__init__.py", (path / place).with_suffix(".py")):
                if candidate.is_file():
                    return candidate
        raise LookupError(f"no module {module} in {self.root}")


def _read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text("utf-8"))


def _packages_in(folder: Path) -> Iterator[str]:
    return (file.parent.name for file in sorted(folder.glob("*/__init__.py")))


def _image(project: dict[str, Any]) -> dict[str, Any]:
    table = project.get("tool", {}).get("image", {})
    return {"module": table.get("module", ""), "system_packages": tuple(table.get("apt", ()))}


def _extras(project: dict[str, Any], own: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yield the normalised names of the distributions in the extras of other members that a project always asks for."""
    for requirement in project["project"].get("dependencies", []):
        if (found := _EXTRAS.match(requirement)) and (member := own.get(_normal(found["name"]))):
            offered = member["project"].get("optional-dependencies", {})
            names = (name.strip() for name in found["extras"].split(","))
            asked = (_NAME.match(each) for name in names for each in offered.get(name, []))
            yield from (_normal(match[0]) for match in asked if match and _normal(match[0]) not in own)


def _wanted(project: dict[str, Any]) -> set[str]:
    """Return the normalised names of the distributions that a project asks for, extras included."""
    optional = project["project"].get("optional-dependencies", {}).values()
    lists = (project["project"].get("dependencies", []), *optional)
    found = (_NAME.match(requirement) for requirements in lists for requirement in requirements)
    return {_normal(match[0]) for match in found if match}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _import_names() -> dict[str, set[str]]:
    """Return what each installed distribution is imported as; tests that one has packed by mistake are left out."""
    names: dict[str, set[str]] = {}
    for package, distributions in packages_distributions().items():
        for distribution in distributions if package != "tests" else ():
            names.setdefault(_normal(distribution), set()).add(package)
    return names


def _names_of(distribution: str, imported: dict[str, set[str]]) -> set[str]:
    """Return what a distribution is imported as; one that is not installed is taken to have its own name."""
    return imported.get(distribution, {distribution.replace("-", "_")})
