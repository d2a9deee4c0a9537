"""What a bundle says of workloads that are rolled: where they are, how their image is told, and in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from quant_release.repository.workspace import App
from quant_release.words import Member, Model, Name, Text, Variable

__all__ = ["CONTAINER", "Roll", "roll_problems"]

CONTAINER = "service"
"""The container whose image is set, if a roll names none."""
_MOST = 100
_OF_KUBERNETES = ("namespace",)
_OF_COMPOSE = ("project", "compose_file", "image_env")
_KINDS = re.compile(r"(deployment|statefulset)/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_Context = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,252}$")]


class Roll(Model):
    """Workloads that run one image, and are given another one in turn.

    Attributes
    ----------
    platform
        The member that the image is built from: one without ``platform.toml`` and without a trigger.
    image
        Repository, without tag.
    by
        Who runs them.
    context
        Of kubectl or docker; the one that is set where the release runs, if absent.
    workloads
        In the order in which they are rolled: ``deployment/NAME`` and ``statefulset/NAME`` of Kubernetes, names of
        services of compose.
    namespace, container
        Of Kubernetes.
    project, compose_file, image_env
        Of compose: the project, the file below the root of the checkout, and the variable by which that file names the
        image.
    """

    platform: Member
    image: Text
    by: Literal["kubernetes", "compose"]
    context: _Context | None = None
    workloads: Annotated[tuple[Text, ...], Field(min_length=1, max_length=_MOST)]
    namespace: Name | None = None
    container: Name | None = None
    project: Member | None = None
    compose_file: Text | None = None
    image_env: Variable | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := [*_key_problems(self), *_workload_problems(self)]:
            raise ValueError("; ".join(problems))
        return self

    @property
    def places(self) -> Sequence[str]:
        """Where each workload is, so that two rolls of one workload are seen."""
        where = self.namespace if self.by == "kubernetes" else self.project
        return [f"{self.by} {self.context or ''} {where} {one}" for one in self.workloads]


def roll_problems(roll: Roll, app: App, root: Path) -> list[str]:
    """Return what a roll says that does not fit the checkout, each in a sentence."""
    problems: list[str] = []
    if app.is_service or app.triggers:
        problems.append(f"{app.folder} is a service of Cloud Run, which is moved below [services]; remove the table")
    return [*problems, *_file_problems(roll, root)]


def _key_problems(roll: Roll) -> list[str]:
    problems: list[str] = []
    needed, others = _OF_COMPOSE, (*_OF_KUBERNETES, "container")
    if roll.by == "kubernetes":
        needed, others = _OF_KUBERNETES, _OF_COMPOSE
    if absent := [name for name in needed if getattr(roll, name) is None]:
        problems.append(f"{', '.join(absent)} is missing, which {roll.by} needs")
    if given := [name for name in others if getattr(roll, name) is not None]:
        problems.append(f"{', '.join(given)} is not of {roll.by}; remove it")
    return problems


def _workload_problems(roll: Roll) -> list[str]:
    form, written = (_KINDS, "deployment/NAME or statefulset/NAME")
    if roll.by == "compose":
        form, written = (_SERVICE, "the name of a service of the compose file")
    wrong = [one for one in roll.workloads if not form.fullmatch(one)]
    twice = [one for one in dict.fromkeys(roll.workloads) if roll.workloads.count(one) > 1]
    return [
        *(f"workload {one!r} is not {written}" for one in wrong),
        *(f"workload {one!r} is named twice" for one in twice),
    ]


def _file_problems(roll: Roll, root: Path) -> list[str]:
    if roll.by != "compose" or roll.compose_file is None or roll.image_env is None:
        return []
    path = Path(roll.compose_file)
    if path.is_absolute() or ".." in path.parts or not (root / path).is_file():
        return [f"compose_file {roll.compose_file} is no file of the checkout"]
    if f"${{{roll.image_env}" not in (root / path).read_text("utf-8", "replace"):
        return [f"{roll.compose_file} does not name its image by ${{{roll.image_env}}}: it could not be set"]
    return []
