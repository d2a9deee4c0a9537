"""The stands there are: one in every module of this folder that has a ``STAND``, with its ``PLATFORM`` beside it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from venue_sandbox import stands
from venue_sandbox.stands.platform import Platform
from venue_sandbox.stands.stand import Stand

__all__ = ["PLATFORMS", "STANDS"]


@cache
def _found() -> Mapping[str, ModuleType]:
    modules = (_loaded(f"{stands.__name__}.{module.name}") for module in iter_modules(stands.__path__))
    return {module.STAND.name: module for module in modules if module and hasattr(module, "STAND")}


def _loaded(name: str) -> ModuleType | None:
    """Return a module, None for one about an app that is not installed here."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0].endswith("_app"):
            return None
        raise


STANDS: Mapping[str, type[Stand]] = {name: module.STAND for name, module in _found().items()}
"""By the name of the platform."""
PLATFORMS: Mapping[str, type[Platform]] = {name: module.PLATFORM for name, module in _found().items()}
"""Venue, service and scheduler together, by the same name."""
