"""What a job is told: ``job.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationError,
    ValidationInfo,
)
from quant_platform_kit.adapters.strategies import bind, find_strategy, load_strategy_file, read_config
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import BoundStrategy

from snapshot_pipelines.build.sources import Inputs
from snapshot_pipelines.settings import setting

__all__ = ["Job", "JobMistakes", "Pull", "read_job"]

_LONGEST_SHOWN = 120
_ROOT = re.compile(r"(gs://[^/]+.*|file:///.*|[^:]+)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class JobMistakes(InvalidInput):
    """What a job cannot mean, each in a line of its own."""

    def __init__(self, path: Path, mistakes: Sequence[str]) -> None:
        self.mistakes = [f"{path}: {mistake}" for mistake in mistakes]
        super().__init__("; ".join(self.mistakes))


def _beside(value: object, info: ValidationInfo) -> object:
    """Take a path as one from the folder of the file."""
    if not isinstance(value, str) or not value:
        raise ValueError("give the path of a file")
    return Path(info.context or ".", value)


def _root(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str) or not _ROOT.fullmatch(value):
        raise ValueError("give a folder, file:///folder or gs://bucket/prefix")
    return value if "://" in value else str(Path(info.context or ".", value))


def _day(value: object) -> object:
    """Take a date of TOML, or one as text; no instant is one."""
    if isinstance(value, datetime) or (isinstance(value, str) and not _DAY.fullmatch(value)):
        raise ValueError("write a date, as 2018-11-30")
    return value


_File = Annotated[Path, BeforeValidator(_beside)]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
_Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
_Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9. -]{0,19}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pull(_Model):
    """Prices that are pulled from a platform before each build.

    Attributes
    ----------
    platform
        A registered price source; its settings are read from the environment.
    years
        How far back: the longest feature needs 274 sessions.
    symbols
        What is pulled; without, every stock that has a row, and the benchmarks.
    """

    platform: _Name
    years: Annotated[StrictInt, Field(ge=2, le=30)] = 2
    symbols: Annotated[tuple[_Symbol, ...], Field(min_length=1)] | None = None


class Job(_Model):
    """What is built, from what, where it is published, and who is told.

    Attributes
    ----------
    root
        Where to publish: a folder, ``file:///folder`` or ``gs://bucket/prefix``.
    prices, sectors, membership, fundamentals, features
        Files as `snapshots build` takes them; paths are from the folder of ``job.toml``.
    config
        Profile -> the file of its configuration.
    strategies
        Profile -> ``FILE.py:CLASS`` of one's own strategy.
    folder
        Where pulled prices and built versions stay; without, they are gone when the job has ended.
    notify
        Names of environment variables that hold Apprise URLs, separated by spaces.
    daily
        Whether each session is built too and compared with the newest published snapshot.
    as_of
        The session to build, not the one that is due.
    """

    profiles: Annotated[tuple[_Name, ...], Field(min_length=1)]
    root: Annotated[str, BeforeValidator(_root)]
    sectors: _File
    prices: tuple[_File, ...] = ()
    membership: _File | None = None
    fundamentals: _File | None = None
    features: _File | None = None
    pull: Pull | None = None
    config: Mapping[_Name, _File] = {}
    strategies: Mapping[_Name, str] = {}
    folder: _File | None = None
    notify: tuple[_Variable, ...] = ()
    daily: StrictBool = False
    as_of: Annotated[date, BeforeValidator(_day)] | None = None

    def inputs(self, pulled: Path | None = None) -> Inputs:
        """Return the files to build from."""
        prices = [*self.prices, *([pulled] if pulled else [])]
        return Inputs(prices, self.sectors, self.membership, self.fundamentals, self.features)

    def strategy(self, profile: str) -> BoundStrategy:
        """Return a profile with its configuration.

        Raises
        ------
        InvalidInput
            It is not known, its configuration is not right, or it reads no snapshot.
        """
        own = self.strategies.get(profile)
        found = load_strategy_file(own) if own else find_strategy(profile)
        declared = found.manifest
        if declared.profile != profile:
            raise InvalidInput(f"strategies.{profile} is {own}, whose profile is {declared.profile}; name that")
        if declared.features is None:
            raise InvalidInput(f"profile {profile} reads no feature snapshot; `quant profiles` shows which do")
        config = self.config.get(profile)
        return bind(found, read_config([str(config)] if config else []))

    def urls(self) -> list[str]:
        """Return the addresses of those who are told; `InvalidInput` where a variable is not set."""
        if absent := [name for name in self.notify if not setting(name)]:
            raise InvalidInput(f"notify names {absent[0]}, which is not set; set it to Apprise URLs or leave it out")
        return [url for name in self.notify for url in setting(name).split()]


def read_job(path: Path) -> Job:
    """Read a job.

    Raises
    ------
    InvalidInput
        The file cannot be read, or is no TOML.
    JobMistakes
        It says what a job cannot say.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}; give the file of a job") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not TOML: {error}") from None
    try:
        job = Job.model_validate(_with_beside(document, path.parent), context=path.parent)
    except ValidationError as error:
        raise JobMistakes(path, [_line(dict(one)) for one in error.errors()]) from None
    if mistakes := list(_contradictions(job)):
        raise JobMistakes(path, mistakes)
    return job


def _with_beside(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Take strategies as files from the folder of the file too."""
    strategies = document.get("strategies")
    if not isinstance(strategies, dict):
        return document
    named = cast("dict[str, Any]", strategies)
    beside = {name: str(folder / text) if isinstance(text, str) else text for name, text in named.items()}
    return {**document, "strategies": beside}


def _contradictions(job: Job) -> Iterator[str]:
    """Yield what does not go together."""
    if len(set(job.profiles)) < len(job.profiles):
        yield "profiles names one twice; name each once"
    for key in ("config", "strategies"):
        for profile in getattr(job, key):
            if profile not in job.profiles:
                yield f"{key}.{profile} is of no profile of this job; add it to profiles or remove it"
    if not job.prices and job.pull is None:
        yield "prices is missing; give price files, or pull them with [pull] platform"
    if job.pull is not None and job.folder is None:
        yield "folder is missing; pulled prices are kept there, so that a snapshot can be built again from them"
    if job.pull is not None and job.prices and job.pull.symbols is None:
        yield "pull.symbols is missing; beside price files say which symbols are pulled"


def _line(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    if error["type"] == "missing":
        return f"{where} is missing; add it"
    if error["type"] == "extra_forbidden":
        return f"{where} is no key of a job; known: {', '.join(Job.model_fields)}"
    shown = repr(error["input"])
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
    return f"{where} is {shown}: {error['msg'].removeprefix('Value error, ')}"
