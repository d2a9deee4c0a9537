"""What the apps of installed platforms bring along, each under the name of its platform."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Any

from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["installed_client", "load_of_platform", "load_only"]


def installed_client(platform: str, libraries: Iterable[str]) -> Client | None:
    """Return the first of a platform's client libraries that is installed; nothing of it is imported.

    Parameters
    ----------
    libraries
        Names of distributions.

    Returns
    -------
    Client or None
        None where the platform names none, or none is installed: then no broker can be reached either.
    """
    for library in libraries:
        try:
            return Client(platform, library, version(library))
        except PackageNotFoundError:
            continue
    return None


def load_of_platform(group: str, platform: str, what: str) -> Any:
    """Return what an entry point group has for a platform.

    Parameters
    ----------
    what
        What the platform has to have, for the message.

    Raises
    ------
    InvalidInput
        No installed platform of that name has one, or its package is not complete.
    """
    installed = {entry.name: entry for entry in entry_points(group=group)}
    if platform not in installed:
        known = ", ".join(sorted(installed)) or "none; install a platform's app, such as ibkr-app"
        raise InvalidInput(f"platform {platform!r} has no {what}; installed: {known}")
    try:
        return installed[platform].load()
    except ImportError as error:
        raise InvalidInput(f"platform {platform} cannot be used: {error}; install its app with its extras") from error


def load_only(group: str, what: str, distribution: str) -> Any:
    """Return the one object of an entry point group.

    Parameters
    ----------
    what, distribution
        What it is, and what brings it, for the message.

    Raises
    ------
    InvalidInput
        None is installed, or it is not complete.
    """
    found = next(iter(entry_points(group=group)), None)
    if found is None:
        raise InvalidInput(f"no {what} is installed: install {distribution}")
    try:
        return found.load()
    except ImportError as error:
        raise InvalidInput(f"the {what} cannot be used: {error}; install {distribution} with all it needs") from error
