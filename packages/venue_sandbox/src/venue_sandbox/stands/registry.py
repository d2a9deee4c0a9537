"""The stands there are: one in every module of this folder that has a ``STAND``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from venue_sandbox import stands
from venue_sandbox.stands.stand import Stand

__all__ = ["STANDS"]


@cache
def _found() -> Mapping[str, type[Stand]]:
    modules = (_loaded(f"{stands.__name__}.{module.name}") for module in iter_modules(stands.__path__))
    kinds: list[type[Stand]] = [module.STAND for module in modules if module and hasattr(module, "STAND")]
    return {kind.name: kind for kind in kinds}


def _loaded(name: str) -> ModuleType | None:
    """Return a module, None for one about an app that is not installed here."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0].endswith("_app"):
            return None
        raise


STANDS: Mapping[str, type[Stand]] = _found()
"""By the name of the platform."""
