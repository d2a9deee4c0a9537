"""The client library by which a platform reaches its broker."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Client"]


@dataclass(frozen=True, slots=True)
class Client:
    """A platform's client library as it is installed.

    Attributes
    ----------
    platform
        Its name, such as ``ibkr``.
    library, version
        The distribution, and what is installed of it.
    """

    platform: str
    library: str
    version: str

    @property
    def text(self) -> str:
        """Library and version as they are recorded, however the distribution's name is written: ``ib-async 2.1.0``."""
        return f"{re.sub(r'[-_.]+', '-', self.library).lower()} {self.version}"
