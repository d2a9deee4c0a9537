"""Strategies: found through entry points or in a user's file, and bound to a validated configuration."""

from __future__ import annotations

import importlib.util
import inspect
import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy, StrategyManifest

__all__ = [
    "ENTRY_POINTS",
    "GivenConfig",
    "bind",
    "catalog",
    "find_strategy",
    "load_strategy_file",
    "read_config",
    "read_file",
    "source_of",
    "strategy_of",
    "why_refused",
]

ENTRY_POINTS = "quant.strategies"
"""Entry point group: each loads a mapping of profile name -> `Strategy`."""


@cache
def catalog() -> Mapping[str, Strategy]:
    """Return every installed strategy by profile name, in the order of their catalogs.

    Raises
    ------
    InvalidInput
        Two installed packages use one profile name.
    """
    found: dict[str, Strategy] = {}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        for profile, strategy in entry.load().items():
            if profile in found:
                raise InvalidInput(f"profile {profile} of {entry.value} is installed twice; uninstall one package")
            found[profile] = strategy
    return found


def find_strategy(profile: str) -> Strategy:
    """Return an installed strategy; `InvalidInput` lists the known profiles."""
    known = catalog()
    if profile not in known:
        raise InvalidInput(f"profile {profile!r} is not known; known: {', '.join(known) or 'none installed'}")
    return known[profile]


def strategy_of(reference: str) -> Strategy:
    """Return the strategy that a text means: ``FILE.py:CLASS``, or the profile of an installed one; raises as both."""
    return find_strategy(reference) if reference.isidentifier() else load_strategy_file(reference)


def load_strategy_file(reference: str) -> Strategy:
    """Return the strategy that ``path/to/file.py:ClassName`` names.

    Raises
    ------
    InvalidInput
        Not of that form, no such file or class, the file fails to run, or the class is no strategy.
    """
    path, _, name = reference.rpartition(":")
    if not path or not name.isidentifier():
        raise InvalidInput(f"strategy {reference!r}: write FILE.py:CLASS, such as my.py:MyStrategy")
    module = _run_file(Path(path))
    made = getattr(module, name, None)
    if made is None:
        raise InvalidInput(f"{path} has no {name}; it has {', '.join(_classes(module)) or 'no classes'}")
    strategy = _made(reference, made)
    manifest, config = getattr(strategy, "manifest", None), getattr(strategy, "Config", None)
    if not isinstance(manifest, StrategyManifest) or not callable(getattr(strategy, "evaluate", None)):
        raise InvalidInput(f"{reference} is no strategy: it needs a StrategyManifest 'manifest' and 'evaluate'")
    if not (inspect.isclass(config) and issubclass(config, BaseModel)):
        raise InvalidInput(f"{reference} is no strategy: it needs a pydantic model 'Config', even an empty one")
    return strategy


def source_of(strategy: Strategy) -> Mapping[str, str]:
    """Return where a strategy's code is from: its package and version, or its file and the SHA-256 of that.

    Of a class that was typed into a session there is only its name.
    """
    kind = type(strategy)
    package = kind.__module__.partition(".")[0]
    for entry in entry_points(group=ENTRY_POINTS):
        if entry.dist and entry.module.partition(".")[0] == package:
            return {"class": kind.__qualname__, "package": entry.dist.name, "version": entry.dist.version}
    try:
        path = Path(inspect.getfile(kind))
        return {"class": kind.__qualname__, "file": path.name, "sha256": sha256(path.read_bytes())}
    except (OSError, TypeError):
        return {"class": kind.__qualname__}


def _made(reference: str, made: Any) -> Any:
    if not inspect.isclass(made):
        return made
    try:
        return made()
    except Exception as error:
        raise InvalidInput(f"{reference} cannot be made without arguments: {type(error).__name__}: {error}") from error


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"user_strategy_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InvalidInput(f"strategy file {path} is not a Python file that can be read")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InvalidInput(f"strategy file {path} fails to load: {type(error).__name__}: {error}") from error
    return module


def _classes(module: ModuleType) -> list[str]:
    return [name for name, made in inspect.getmembers(module, inspect.isclass) if made.__module__ == module.__name__]


@dataclass(frozen=True, slots=True)
class GivenConfig:
    """A configuration as it was given.

    Attributes
    ----------
    profile
        Of which profile its JSON file says that it is; None without such a file, or where that says nothing.
    digest
        SHA-256 of the JSON file's bytes where it is all that was given, else empty.
    """

    values: Mapping[str, object]
    profile: object = None
    digest: str = ""


def bind(strategy: Strategy, config: Mapping[str, object] | GivenConfig | None = None) -> BoundStrategy:
    """Validate ``config`` against the strategy's own model and bind both.

    Raises
    ------
    InvalidInput
        A key the strategy does not know or that is missing, a value out of bounds, or a file of another profile.
    """
    given = config if isinstance(config, GivenConfig) else GivenConfig(config or {})
    profile = strategy.manifest.profile
    if given.profile not in (None, profile):
        raise InvalidInput(f"config of {profile}: the file is of profile {given.profile!r}; give that of {profile}")
    values = dict(given.values)
    if given.profile is not None and PROFILE in strategy.Config.model_fields:
        values[PROFILE] = given.profile
    try:
        model: BaseModel = strategy.Config.model_validate(values)
    except ValidationError as error:
        raise InvalidInput(f"config of {profile}: {why_refused(error, strategy.Config)}") from None
    return BoundStrategy(strategy, model, model.model_dump(), given.digest)


def why_refused(error: ValidationError, model: type[BaseModel]) -> str:
    """Return in one sentence what a configuration model refused first."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key} is not known; known: {', '.join(model.model_fields) or 'none'}"
    if first["type"] == "missing":
        needed = ", ".join(name for name, field in model.model_fields.items() if field.is_required())
        return f"{key} is missing; give a JSON file with all of: {needed}"
    why = str(first["ctx"]["error"]) if first["type"] == "value_error" and "ctx" in first else first["msg"]
    return f"{key} is {first['input']!r}: {why}"


def read_file(name: str) -> bytes:
    """Return the content of a configuration file; `InvalidInput` if it cannot be read."""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InvalidInput(f"--config {name}: {error.strerror}; give KEY=VALUE, a TOML or a JSON file") from error


def read_config(items: Sequence[str], read: Callable[[str], bytes] = read_file) -> GivenConfig:
    """Read ``KEY=VALUE`` items, TOML and JSON files into one configuration; later items win.

    A JSON file may say with ``profile`` whose it is. Given alone, its bytes are the configuration's identity.

    Parameters
    ----------
    read
        Returns the content of a file by its name.

    Raises
    ------
    InvalidInput
        An item that is none of these, or a file that is not what its name says.
    """
    values: dict[str, object] = {}
    profile: object = None
    digest = ""
    for item in items:
        key, is_pair, value = item.partition("=")
        if is_pair:
            values[key.strip()] = value.strip()
        elif item.endswith(JSON):
            content = read(item)
            values.update(_read_json(item, content))
            profile = values.pop(PROFILE, profile)
            digest = sha256(content) if len(items) == 1 else ""
        else:
            values.update(_read_toml(item, read(item)))
    return GivenConfig(values, profile, digest)


PROFILE, JSON = "profile", ".json"


def _read_toml(name: str, content: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--config {name} is not TOML: {error}") from error


def _read_json(name: str, content: bytes) -> dict[str, object]:
    try:
        read: object = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"--config {name} is not JSON: {error}") from error
    if not isinstance(read, dict):
        raise InvalidInput(f"--config {name} is no JSON object of settings; write {{KEY: VALUE, ...}}")
    return cast("dict[str, object]", read)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice} stands in it twice")
    return dict(pairs)


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no number")
