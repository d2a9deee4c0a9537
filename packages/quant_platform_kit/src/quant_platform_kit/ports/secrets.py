"""Where secret values are kept."""

from typing import Protocol

__all__ = ["Secrets"]


class Secrets(Protocol):
    """Named secrets with versions; a name is the store's own, with or without a version."""

    def read(self, name: str) -> str:
        """Return a value: of the version that the name pins, else the newest.

        Raises
        ------
        InvalidInput
            The name is none.
        StoreError
            The store cannot answer, or has no such secret.
        """
        ...

    def add(self, name: str, value: str) -> None:
        """Add a version, which is the newest once this returns; raises as `read`, and for a pinned name."""
        ...
