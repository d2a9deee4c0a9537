"""What a workload runs, and who can be asked and told: the port of kubectl and of compose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from quant_platform_kit.domain.errors import QuantError

from quant_release.rolling.images import digest_of, repository_of

__all__ = ["Absent", "Roller", "RollerError", "Running"]


class RollerError(QuantError):
    """A program failed, took too long, or said what cannot be read; what it was told may have been done."""


class Absent(RollerError):
    """There is no such workload."""


@dataclass(frozen=True, slots=True)
class Running:
    """A workload at one instant.

    Attributes
    ----------
    told
        The image that it was given, as it is written there.
    digests
        Of what its containers run, each once; None for one that is not known by digest.
    unready
        Why not all of it is ready, None if it is.
    """

    told: str
    digests: tuple[str | None, ...]
    unready: str | None = None

    @property
    def image(self) -> str | None:
        """The one image that all of it runs, by digest; None while there are several, none, or one without a digest."""
        digest = self.digests[0] if len(self.digests) == 1 else None
        return None if digest is None else f"{repository_of(self.told)}@{digest}"

    @property
    def text(self) -> str:
        """What it runs, for people."""
        several = " and ".join(f"{repository_of(self.told)}@{one or 'no digest'}" for one in self.digests)
        return self.image or several or "nothing"

    def has(self, image: str) -> bool:
        """Whether it was given an image by digest, and all of it runs that and is ready."""
        return self.told == image and self.digests == (digest_of(image),) and self.unready is None


class Roller(Protocol):
    """Asks and tells the workloads of one roll, by their names in the bundle.

    All but `commands` and `look` raise `RollerError`.
    """

    def running(self, workload: str) -> Running:
        """Return what a workload runs; `Absent` if there is none."""
        ...

    def give(self, workload: str, image: str) -> None:
        """Give a workload an image, by digest; nothing is waited for."""
        ...

    def wait(self, workload: str, image: str, seconds: float) -> bool:
        """Wait for a while, at most so many seconds; return whether it is known that more waiting changes nothing."""
        ...

    def commands(self, workload: str, image: str, seconds: float) -> Sequence[str]:
        """Return how an image is given and waited for, as it could be typed."""
        ...

    def look(self, workload: str) -> str:
        """Return the command that shows a person what is wrong with a workload."""
        ...
