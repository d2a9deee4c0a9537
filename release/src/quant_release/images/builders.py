"""Who builds an image: command lines of docker, buildah or gcloud, and a virtual environment for rehearsals.

An image is tagged with the commit it is built from, so that one that was pushed is found again and not built twice;
it is known by its digest from then on. Where the origin asks for a login, builders hand it on as a secret of the build,
see `quant_release.images.credentials`.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput

from quant_release.commands import answer, call
from quant_release.images.credentials import OPEN, GitLogins
from quant_release.settings import setting
from quant_release.steps.machine import StepFailed

__all__ = ["BUILDERS", "BuildahBuilder", "Builder", "VenvBuilder", "builder_named"]

CLOUD_BUILD = "cloudbuild.json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ABSENT = re.compile(
    r"(?<!host )not found|no such (image|manifest)|manifest unknown|name unknown|NOT_FOUND|does not exist",
    re.IGNORECASE,
)


class Builder(Protocol):
    """Makes images out of contexts."""

    def find(self, repository: str, commit: str) -> str | None:
        """Return the reference by digest of the image of a commit, None if the repository has none."""
        ...

    def build(self, context: Path, repository: str, commit: str) -> str:
        """Build and push the image of a commit; return its reference by digest."""
        ...

    def commands(self, repository: str, commit: str) -> Sequence[str]:
        """Return the command lines that `build` runs, as they are typed in the folder of the context."""
        ...


class CommandBuilder(ABC):
    """A builder that is a program.

    Parameters
    ----------
    keep_open
        File descriptors that its commands keep open.
    logins
        For an origin that asks for one; what cannot be used is refused here.
    """

    def __init__(self, keep_open: Sequence[int] = (), logins: GitLogins = OPEN) -> None:
        self._keep_open = tuple(keep_open)
        self._logins = logins
        self.steps("")

    @abstractmethod
    def look(self, image: str) -> list[str]:
        """Return the command that tells an image's digest."""

    @abstractmethod
    def steps(self, image: str) -> list[list[str]]:
        """Return the commands that build and push."""

    def find(self, repository: str, commit: str) -> str | None:
        """Return the reference of a commit's image; see `Builder.find`."""
        command = self.look(f"{repository}:{commit}")
        done = answer(command, Path.cwd(), self._keep_open)
        if done.returncode != 0:
            if _ABSENT.search(done.stderr + done.stdout):
                return None
            raise StepFailed(f"{' '.join(command[:4])} failed: {' '.join(done.stderr.split()) or done.returncode}")
        return self._reference(repository, done.stdout)

    def build(self, context: Path, repository: str, commit: str) -> str:
        """Build and push; see `Builder.build`."""
        for command in self.steps(f"{repository}:{commit}"):
            call(command, context, self._keep_open)
        reference = self.find(repository, commit)
        if reference is None:
            raise StepFailed(f"{repository}:{commit} was built and pushed, and the repository does not have it")
        return reference

    def commands(self, repository: str, commit: str) -> Sequence[str]:
        """Return the command lines; see `Builder.commands`."""
        return [" ".join(command) for command in self.steps(f"{repository}:{commit}")]

    @staticmethod
    def _reference(repository: str, said: str) -> str:
        found = _DIGEST.search(said)
        if found is None:
            raise StepFailed(f"no digest of {repository} in the answer {said.strip()[:200]!r}")
        return f"{repository}@{found[0]}"


class DockerBuilder(CommandBuilder):
    """``docker buildx``."""

    def look(self, image: str) -> list[str]:
        """Return the command that tells an image's digest."""
        return ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]

    def steps(self, image: str) -> list[list[str]]:
        """Return the commands that build and push."""
        build = ["docker", "buildx", "build", "--platform", "linux/amd64", *self._logins.options()]
        return [[*build, "--push", "--tag", image, "."]]


class BuildahBuilder(CommandBuilder):
    """``buildah``, and ``skopeo`` to ask the repository."""

    def look(self, image: str) -> list[str]:
        """Return the command that tells an image's digest."""
        return ["skopeo", "inspect", "--format", "{{.Digest}}", f"docker://{image}"]

    def steps(self, image: str) -> list[list[str]]:
        """Return the commands that build and push."""
        return [
            ["buildah", "build", "--platform", "linux/amd64", *self._logins.options(), "--tag", image, "."],
            ["buildah", "push", image, f"docker://{image}"],
        ]


class GcloudBuilder(CommandBuilder):
    """``gcloud builds submit``; Cloud Build takes secrets, and mounts in Dockerfiles, from a file only."""

    def look(self, image: str) -> list[str]:
        """Return the command that tells an image's digest."""
        return ["gcloud", "artifacts", "docker", "images", "describe", image, "--format=value(image_summary.digest)"]

    def steps(self, image: str) -> list[list[str]]:
        """Return the command that builds and pushes; `build` writes its file."""
        self._logins.cloud_build(image)
        return [["gcloud", "builds", "submit", "--quiet", "--config", CLOUD_BUILD, "."]]

    def build(self, context: Path, repository: str, commit: str) -> str:
        """Build and push; see `Builder.build`."""
        document = self._logins.cloud_build(f"{repository}:{commit}")
        (context / CLOUD_BUILD).write_text(json.dumps(document, indent=2))
        return super().build(context, repository, commit)

    def commands(self, repository: str, commit: str) -> Sequence[str]:
        """Return the command lines; see `Builder.commands`."""
        document = json.dumps(self._logins.cloud_build(f"{repository}:{commit}"))
        return [f"printf '%s' '{document}' > {CLOUD_BUILD}", *super().commands(repository, commit)]


class VenvBuilder:
    """For rehearsals: the image is a virtual environment in a folder, its digest that of what is installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _place(self, repository: str, commit: str) -> Path:
        return self.folder / re.sub(r"[^A-Za-z0-9.-]+", "_", repository) / commit

    def find(self, repository: str, commit: str) -> str | None:
        """Return the reference of a commit's environment; see `Builder.find`."""
        try:
            document = json.loads((self._place(repository, commit) / "image.json").read_text())
        except FileNotFoundError:
            return None
        return f"{repository}@{document['digest']}"

    def build(self, context: Path, repository: str, commit: str) -> str:
        """Install a context as its Dockerfile does; see `Builder.build`."""
        place = self._place(repository, commit)
        call(["uv", "venv", "--quiet", "--clear", str(place)], context)
        python = self.python(repository, commit)
        call(install_command(python), context)
        frozen = call(["uv", "pip", "freeze", "--quiet", "--python", str(python)], context)
        (place / "image.json").write_text(json.dumps({"digest": f"sha256:{sha256(frozen.encode())}"}))
        reference = self.find(repository, commit)
        assert reference is not None
        return reference

    def python(self, repository: str, commit: str) -> Path:
        """Return the interpreter of a commit's environment."""
        return self._place(repository, commit) / "bin" / "python"

    def commands(self, repository: str, commit: str) -> Sequence[str]:
        """Return the command lines; see `Builder.commands`."""
        python = self.python(repository, commit)
        return [f"uv venv {self._place(repository, commit)}", " ".join(install_command(python))]


def install_command(python: Path) -> list[str]:
    """Return how a context is installed; its Dockerfile says the same."""
    install = ["uv", "pip", "install", "--quiet", "--no-sources", "--python", str(python)]
    return [*install, "-c", "constraints.txt", "-r", "requirements.txt", "-r", "app.txt"]


BUILDERS: Mapping[str, type[CommandBuilder]] = {
    "docker": DockerBuilder,
    "buildah": BuildahBuilder,
    "gcloud": GcloudBuilder,
}
"""Builders by the name of ``--builder``."""


def builder_named(name: str, keep_open: Sequence[int] = ()) -> Builder:
    """Return a builder: one of `BUILDERS` with the logins of the settings, or ``venv:FOLDER`` for a rehearsal.

    Raises
    ------
    InvalidInput
        There is no such builder, or it cannot use the logins.
    """
    kind, _, folder = name.partition(":")
    if kind == "venv" and folder:
        return VenvBuilder(Path(folder))
    if name not in BUILDERS:
        raise InvalidInput(f"--builder {name!r}: choose {', '.join(BUILDERS)}, or venv:FOLDER for a rehearsal")
    file, version = setting("GIT_CREDENTIALS_FILE"), setting("GIT_CREDENTIALS_SECRET")
    return BUILDERS[name](keep_open, GitLogins(Path(file) if file else None, version))
