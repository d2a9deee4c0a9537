"""Programs out of Debian's packages that are fetched and unpacked, not installed.

Nothing of the machine changes: no daemon is enabled or started, no user or setting is made, no file outside one folder.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from venue_sandbox.servers.machine import CannotRun, Say, apt_get, in_order, search_path, system

__all__ = ["Unpacked", "cache_folder", "unpacked"]

LIBRARY = re.compile(r"lib(?!perl|python)(?!.*-perl$)")
"""Names of shared libraries; programs of these servers need no Perl and no Python."""
CHECKOUT = Path(__file__).resolve().parents[5]
FOLDER = Path(".cache") / "servers"


class Unpacked:
    """A tree of unpacked packages.

    Parameters
    ----------
    root
        What would be ``/`` if the packages were installed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which its programs find each other and their libraries."""
        libraries = sorted(str(path) for top in ("usr/lib", "lib") for path in self.root.glob(f"{top}/*-linux-gnu*"))
        path = os.pathsep.join((str(self.root / "usr" / "bin"), search_path()))
        return {"PATH": path, **({"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {})}


def cache_folder() -> Path:
    """Return where fetched programs stay: in the checkout; without one, in the working directory."""
    return (CHECKOUT if (CHECKOUT / "uv.lock").is_file() else Path.cwd()) / FOLDER


def unpacked(
    package: str, families: Collection[str], prepare: Callable[[Path], None], say: Say, *, otherwise: str
) -> Unpacked:
    """Return the unpacked files of a package and of what it needs.

    They are fetched once and stay in ``.cache/servers`` of the checkout; without one, of the working directory.

    Parameters
    ----------
    families
        Beginnings of names: packages so named are taken also where they are installed. Of others that the package
        needs, libraries are taken that are not installed.
    prepare
        Changes the tree to what can run where it is.
    otherwise
        What to do where there is no apt-get, or it does not get the package.

    Raises
    ------
    CannotRun
        The package could not be had.
    """
    root = cache_folder() / package
    if not root.is_dir():
        if system("apt-get") is None or system("dpkg") is None:
            raise CannotRun(otherwise)
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{package}-", dir=root.parent) as folder:
            if not _fill(Path(folder), package, families, say):
                raise CannotRun(f"apt-get failed, see above.\n{otherwise}")
            prepare(Path(folder) / "root")
            _move(Path(folder) / "root", root)
    return Unpacked(root)


def _fill(folder: Path, package: str, families: Collection[str], say: Say) -> bool:
    """Unpack what is needed into the folder ``root`` of a folder; return whether all could be fetched."""
    say(f"not on this machine; fetching the package {package} with apt-get, without installing it")
    archives = folder / "archives"
    archives.mkdir()
    with in_order:
        if not _fetch(archives, package, families):
            say("the list of packages may be old; fetching it")
            if not (os.geteuid() == 0 and apt_get("update") and _fetch(archives, package, families)):
                return False
    for archive in sorted(archives.iterdir()):
        subprocess.run([system("dpkg") or "dpkg", "-x", archive, folder / "root"], check=True)
    return True


def _fetch(folder: Path, package: str, families: Collection[str]) -> bool:
    """Fetch the archives of a package and of what it needs; return whether all came."""
    names = _needed(package, families)
    # The user that apt-get would become may not write here.
    options = ("-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3")
    command = [system("apt-get") or "apt-get", *options, "download", *names]
    return bool(names) and subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False).returncode == 0


def _needed(package: str, families: Collection[str]) -> list[str]:
    """Return the names of the packages to take; none where apt-get does not know the package."""
    # As if nothing were installed: of a family, one half of the machine and one half of here would not fit.
    options = ("-qq", "--no-install-recommends", "-o", "Dir::State::status=/dev/null")
    listing = [system("apt-get") or "apt-get", "install", "--print-uris", *options, package]
    listed = subprocess.run(listing, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    asking = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"]
    known = subprocess.run(asking, capture_output=True, text=True, check=False).stdout.splitlines()
    installed = {name for name, _, status in (line.partition(" ") for line in known) if status == "installed"}
    names = re.findall(r"^'\S+' ([^_\s]+)_", listed.stdout, re.MULTILINE)
    return sorted(
        name for name in names if name.startswith(tuple(families)) or (LIBRARY.match(name) and name not in installed)
    )


def _move(tree: Path, root: Path) -> None:
    """Put a tree in its place, unless somebody else did so meanwhile."""
    try:
        tree.rename(root)
    except OSError:
        if not root.is_dir():
            raise
