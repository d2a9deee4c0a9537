"""The programs of Kafka, as jars of Maven's central repository whose hashes are known here.

Maven fetches them once, with nothing of what they name as their own dependencies: all there is stands in
``kafka_jars.txt``, a jar a line, as ``group:artifact:version:sha256``. They stay in ``.cache/servers`` of the checkout;
without one, of the working directory. What does not have its hash is not run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

from venue_sandbox.servers.machine import CannotRun, Say, apt_get, in_order, system
from venue_sandbox.servers.unpacked import cache_folder

__all__ = ["VERSION", "Jar", "java", "kafka_jars", "known_jars"]

VERSION = "4.1.0"
LIST = Path(__file__).with_name("kafka_jars.txt")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
NO_KAFKA = """\
Kafka needs Java 17 and Maven, and they cannot be installed from here. Do one of these and run again:
  Debian, Ubuntu   sudo apt-get install maven
  Fedora           sudo dnf install maven
  macOS            brew install maven
  Docker           docker compose --file tests/services/compose.yaml up --wait kafka, and set
                   TEST_KAFKA_URL=127.0.0.1:59092"""


class Jar(NamedTuple):
    """A jar: its coordinates, and the hash that it has to have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.artifact}-{self.version}.jar"


@cache
def known_jars() -> tuple[Jar, ...]:
    """Return all jars of the list."""
    return tuple(Jar(*line.split(":")) for line in LIST.read_text(encoding="ascii").splitlines())


def java(say: Say) -> str:
    """Return the Java of this machine; as root on Debian or Ubuntu, a missing one is installed with Maven.

    Raises
    ------
    CannotRun
        There is none, and what to do about it.
    """
    return _program("java", say)


def kafka_jars(say: Say) -> Path:
    """Return the folder of the jars.

    Raises
    ------
    CannotRun
        They could not be had, or one has not its hash.
    """
    root = cache_folder() / f"kafka-{VERSION}"
    if not root.is_dir():
        maven = _program("mvn", say)
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".kafka-", dir=root.parent) as folder:
            say(f"fetching the jars of Kafka {VERSION} with Maven")
            _fetch(Path(folder), maven)
            _verify(Path(folder) / "jars")
            _move(Path(folder) / "jars", root)
    _verify(root)
    return root


def _program(name: str, say: Say) -> str:
    if found := system(name):
        return found
    if os.geteuid() != 0 or system("apt-get") is None:
        raise CannotRun(NO_KAFKA)
    say(f"{name} is not on this machine; installing the package maven, which brings Java, with apt-get")
    with in_order:
        if not apt_get("install", "--no-install-recommends", "maven"):
            say("the list of packages may be old; fetching it")
            if not (apt_get("update") and apt_get("install", "--no-install-recommends", "maven")):
                raise CannotRun(f"apt-get failed, see above.\n{NO_KAFKA}")
    if (found := system(name)) is None:
        raise CannotRun(f"the package maven is installed, but {name} is not on this machine")
    return found


def _fetch(folder: Path, maven: str) -> None:
    """Have Maven copy the jars into the folder ``jars`` of a folder; its own repository there is not kept."""
    (folder / "pom.xml").write_text(_project(known_jars()), encoding="utf-8")
    options = ("-B", "-q", f"-Dmaven.repo.local={folder / 'repository'}", f"-DoutputDirectory={folder / 'jars'}")
    command = [maven, *options, "-DexcludeTransitive=true", COPY]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"Maven could not fetch Kafka:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _project(jars: Iterable[Jar]) -> str:
    """Return a project of Maven that depends on these jars, and on nothing that they depend on."""
    alone = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    listed = (
        f"<dependency><groupId>{jar.group}</groupId><artifactId>{jar.artifact}</artifactId>"
        f"<version>{jar.version}</version>{alone}</dependency>"
        for jar in jars
    )
    own = "<groupId>local</groupId><artifactId>kafka</artifactId><version>1</version>"
    return f"<project><modelVersion>4.0.0</modelVersion>{own}<dependencies>{''.join(listed)}</dependencies></project>"


def _verify(folder: Path) -> None:
    expected = {jar.file: jar.sha256 for jar in known_jars()}
    found = {path.name: path for path in folder.glob("*.jar")}
    if wrong := sorted(expected.keys() ^ found.keys()):
        raise CannotRun(f"{folder} has not the jars of {LIST.name}: {', '.join(wrong)}; remove it and run again")
    for name, path in found.items():
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if digest != expected[name]:
            raise CannotRun(f"{path} has the SHA-256 {digest}, not {expected[name]}; remove {folder} and run again")


def _move(tree: Path, root: Path) -> None:
    """Put a folder in its place, unless somebody else did so meanwhile."""
    try:
        tree.rename(root)
    except OSError:
        if not root.is_dir():
            raise
        shutil.rmtree(tree)
