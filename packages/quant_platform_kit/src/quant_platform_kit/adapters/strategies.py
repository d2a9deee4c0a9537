"""Strategies: found through entry points or in a user's file, and bound to a validated configuration."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy, StrategyManifest

__all__ = ["ENTRY_POINTS", "bind", "catalog", "find_strategy", "load_strategy_file", "read_config"]

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


def bind(strategy: Strategy, config: Mapping[str, object] | None = None) -> BoundStrategy:
    """Validate ``config`` against the strategy's own model and bind both.

    Raises
    ------
    InvalidInput
        A key the strategy does not know, or a value out of bounds.
    """
    try:
        model: BaseModel = strategy.Config.model_validate(config or {})
    except ValidationError as error:
        raise InvalidInput(f"config of {strategy.manifest.profile}: {_sentence(error, strategy.Config)}") from None
    return BoundStrategy(strategy, model, model.model_dump())


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{key} is not known; known: {', '.join(model.model_fields) or 'none'}"
    return f"{key} is {first['input']!r}: {first['msg']}"


def read_config(items: Sequence[str]) -> dict[str, object]:
    """Read ``KEY=VALUE`` items and TOML files into one configuration; later items win.

    Raises
    ------
    InvalidInput
        An item that is neither, or a file that is not TOML.
    """
    config: dict[str, object] = {}
    for item in items:
        key, is_pair, value = item.partition("=")
        if is_pair:
            config[key.strip()] = value.strip()
        else:
            config.update(_read_toml(Path(item)))
    return config


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(f"--config {path}: {error.strerror}; give KEY=VALUE or a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--config {path} is not TOML: {error}") from error
