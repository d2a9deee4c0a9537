"""What an image is on this machine: a command, found by the image's digest."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

__all__ = ["Builder", "Command", "Registry", "Venvs", "builder_named"]

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
DIGEST = re.compile(r"(?P<repository>[^@]+)@(?P<digest>sha256:[0-9a-f]{1,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Command:
    """What a container runs: the words of its entry point, and the environment that its image has."""

    words: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


class Builder(Protocol):
    """Finds the command of an image."""

    def find(self, image: str) -> Command | None:
        """Return the command of an image by digest, ``REPOSITORY@sha256:...``; None if there is none.

        Raises
        ------
        OSError, ValueError
            What should say it cannot be read.
        """
        ...


class Registry:
    """Commands of a JSON file: the words by digest, such as ``{"sha256:1a": ["python", "-m", "app"]}``.

    It is read when a revision is made, so that entries may come later.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def find(self, image: str) -> Command | None:
        """Return the command of an image; see `Builder.find`."""
        found = DIGEST.fullmatch(image)
        if found is None:
            return None
        words: Any = json.loads(self._file.read_text("utf-8")).get(found["digest"])
        if words is None:
            return None
        if not isinstance(words, list) or not words or not all(type(each) is str for each in cast("list[Any]", words)):
            raise ValueError(f"the words of {found['digest']} are {words!r}, not a list of texts")
        path = f"{Path(sys.executable).parent}:{SYSTEM_PATH}"
        return Command(cast("list[str]", words), {"PATH": path})


class Venvs:
    """Environments in a folder, each with its digest in ``REPOSITORY/COMMIT/image.json``, as a rehearsal makes them.

    The entry point is that of an app's image: the package of what was installed from a folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, image: str) -> Command | None:
        """Return the command of an image; see `Builder.find`."""
        found = DIGEST.fullmatch(image)
        if found is None:
            return None
        repository = self._folder / re.sub(r"[^A-Za-z0-9.-]+", "_", found["repository"])
        for file in sorted(repository.glob("*/image.json")):
            if json.loads(file.read_text("utf-8")).get("digest") == found["digest"]:
                return _command(file.parent)
        return None


def builder_named(name: str) -> Builder:
    """Return ``venv:FOLDER`` or ``registry:FILE``; `ValueError` if it is neither."""
    kind, _, place = name.partition(":")
    if kind == "venv" and place and Path(place).is_dir():
        return Venvs(Path(place))
    if kind == "registry" and Path(place).is_file():
        return Registry(Path(place))
    raise ValueError(f"{name} is not venv:FOLDER of a folder that is there, nor registry:FILE of a file")


def _command(venv: Path) -> Command | None:
    """Return how the app of an environment is started; None if nothing was installed from a folder."""
    for file in sorted(venv.glob("lib/python*/site-packages/*.dist-info/direct_url.json")):
        origin = cast("dict[str, Any]", json.loads(file.read_text("utf-8")))
        if "dir_info" in origin:
            package = file.parent.name.partition("-")[0]
            env = {"PATH": f"{venv / 'bin'}:{SYSTEM_PATH}", "COMMIT_SHA": venv.name, "PYTHONUNBUFFERED": "1"}
            return Command([str(venv / "bin" / "python"), "-m", package], env)
    return None
