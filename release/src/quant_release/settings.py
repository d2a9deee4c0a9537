"""What the environment says, read here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

__all__ = ["child_environment", "setting", "settings_of", "store_endpoint", "store_url"]

_OF_A_HOOK = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY")
_OF_THIS_PYTHON = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT")


def store_url() -> str | None:
    """Return ``STORE_URL``: where the journal and the lease of releases are."""
    return setting("STORE_URL")


def store_endpoint(url: str) -> str | None:
    """Return ``STORAGE_EMULATOR_HOST``, which stands for Google where a store is in Cloud Storage; None for Google."""
    return setting("STORAGE_EMULATOR_HOST") if url.startswith("gs://") else None


def setting(name: str) -> str | None:
    """Return a variable of the operator's environment; None if it is not set, or empty."""
    return os.environ.get(name) or None  # noqa: TID251 - this is where it is read


@contextmanager
def settings_of(values: Mapping[str, str]) -> Generator[None]:
    """Set variables for as long as a rehearsal lasts; afterwards they are what they were."""
    environment = os.environ  # noqa: TID251 - what is read here is set here
    before = {name: environment.get(name) for name in values}
    environment.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = value


def child_environment(**extra: str) -> Mapping[str, str]:
    """Return the environment of a command: this one, without what a hook or a virtual environment left in it."""
    left_out = (*_OF_A_HOOK, *_OF_THIS_PYTHON)
    whole = os.environ  # noqa: TID251 - handed on, not read
    return {name: value for name, value in whole.items() if name not in left_out} | extra
