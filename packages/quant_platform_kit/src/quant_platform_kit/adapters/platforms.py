"""Platforms as their ``platform.toml`` describes them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.matrix import PlatformDescription

__all__ = ["ENTRY_POINTS", "platform_file", "platforms", "read_platform"]

ENTRY_POINTS = "quant.platforms"
"""Entry point group: each loads a function that returns the path of a ``platform.toml``."""


_PLATFORM = TypeAdapter(PlatformDescription)


def platform_file(module: str) -> Path:
    """Return the path of ``platform.toml``: in the package where it is installed, beside ``src`` in a checkout.

    Parameters
    ----------
    module
        Path of a module at the top of the app's package.
    """
    inside = Path(module).with_name("platform.toml")
    return inside if inside.exists() else Path(module).parents[2] / "platform.toml"


def read_platform(path: Path) -> PlatformDescription:
    """Read one ``platform.toml``.

    Raises
    ------
    InvalidInput
        The file cannot be read, or a key is missing, unknown or out of its values.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        if unknown := sorted(content.keys() - PlatformDescription.__dataclass_fields__.keys()):
            raise InvalidInput(f"{path}: {unknown[0]} is not known; remove it")
        return _PLATFORM.validate_python(content)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidInput(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def platforms(folder: Path) -> Sequence[PlatformDescription]:
    """Return the installed platforms, then those described in ``folder/apps/*/platform.toml``, by name.

    Raises
    ------
    InvalidInput
        A description that cannot be read, or two that differ under one name.
    """
    installed = (entry.load()() for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name))
    found: dict[str, PlatformDescription] = {}
    for path in (*installed, *sorted(folder.glob("apps/*/platform.toml"))):
        platform = read_platform(path)
        if found.setdefault(platform.name, platform) != platform:
            raise InvalidInput(f"{path} describes {platform.name} differently from its installed package; reinstall it")
    return tuple(found.values())
