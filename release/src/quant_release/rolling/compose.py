"""Services of a compose file, by ``docker compose``; the file names its image by a variable, which each call sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from quant_release.rolling.images import digest_of, repository_of
from quant_release.rolling.programs import Program, Said, read
from quant_release.rolling.workloads import Absent, Running
from quant_release.rolls import Roll

__all__ = ["Compose"]

_NO_SERVICE = "no such service"
_PULL = 600.0
"""Seconds that an image may take to be pulled."""


class _Config(BaseModel):
    image: str = Field(alias="Image")


class _Health(BaseModel):
    status: str = Field(alias="Status")


class _State(BaseModel):
    status: str = Field(alias="Status")
    health: _Health | None = Field(None, alias="Health")


class _Container(BaseModel):
    image: str = Field(alias="Image")
    config: _Config = Field(alias="Config")
    state: _State = Field(alias="State")

    @property
    def unready(self) -> str | None:
        """Why it is not ready, None if it is; one without a check is ready once it runs."""
        if self.state.status != "running":
            return f"its container is {self.state.status}"
        health = self.state.health
        return None if health is None or health.status == "healthy" else f"its container is {health.status}"


class Compose:
    """Asks and tells by docker; see `quant_release.rolling.workloads.Roller`."""

    def __init__(self, roll: Roll, folder: Path, asking: float) -> None:
        assert roll.project is not None  # the bundle was checked
        assert roll.compose_file is not None
        assert roll.image_env is not None
        context = () if roll.context is None else ("--context", roll.context)
        where = ("compose", "--project-name", roll.project, "--file", roll.compose_file)
        self._docker = Program(("docker", *context), folder, asking)
        self._compose = Program(("docker", *context, *where), folder, asking)
        self._variable, self._repository = roll.image_env, roll.image

    def running(self, workload: str) -> Running:
        """Return what the containers of a service run."""
        listed = self._call("ps", "--all", "--quiet", workload)
        names = [] if _NO_SERVICE in listed.text else listed.require().split()
        if not names:
            raise Absent(f"{workload} is not there: it has no container; {' '.join(self._compose.words)} up makes it")
        found = read(list[_Container], self._docker.call("inspect", "--type", "container", *names))
        told = dict.fromkeys(one.config.image for one in found)
        digests = dict.fromkeys(self._digest(one) for one in found)
        unready = next((one.unready for one in found if one.unready), None)
        return Running(" and ".join(told), tuple(digests), unready)

    def _digest(self, container: _Container) -> str | None:
        """Return the digest by which a container's image is known in its repository."""
        if (digest := digest_of(container.config.image)) is not None:
            return digest
        asked = self._docker.call("image", "inspect", "--format", "{{json .RepoDigests}}", container.image)
        repository = repository_of(container.config.image)
        known = [one for one in read(list[str], asked) if repository_of(one) == repository]
        return digest_of(known[0]) if known else None

    def _call(self, *words: str, image: str | None = None, within: float | None = None) -> Said:
        """Call compose with the variable set; whoever asks does not mind to what."""
        return self._compose.call(*words, within=within, **{self._variable: image or self._repository})

    def give(self, workload: str, image: str) -> None:
        """Pull the image, and let compose replace the service's containers alone."""
        self._call("pull", workload, image=image, within=_PULL).require()
        self._call("up", "--detach", "--no-deps", workload, image=image).require()

    def wait(self, workload: str, image: str, seconds: float) -> bool:
        """Wait for nothing: whoever waits looks at the containers again."""
        return False

    def commands(self, workload: str, image: str, seconds: float) -> Sequence[str]:
        """Return the two commands."""
        start = f"{self._variable}={image} {' '.join(self._compose.words)}"
        return f"{start} pull {workload}", f"{start} up --detach --no-deps {workload}"

    def look(self, workload: str) -> str:
        """Return the command that shows the log."""
        return f"{' '.join(self._compose.words)} logs --tail 100 {workload}"
