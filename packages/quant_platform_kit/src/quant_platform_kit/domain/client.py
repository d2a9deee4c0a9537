"""The client library by which a platform reaches its broker."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Client"]

_AS = " as "


@dataclass(frozen=True, slots=True)
class Client:
    """A platform's client library as it is installed, and whose login it uses.

    Attributes
    ----------
    platform
        Its name, such as ``ibkr``.
    library, version
        The distribution, and what is installed of it.
    login
        Whose login it is, without a secret; empty where that is not known: then it is taken for any.
    """

    platform: str
    library: str
    version: str
    login: str = ""

    @property
    def text(self) -> str:
        """Library and version as they are recorded, however the distribution's name is written: ``ib-async 2.1.0``."""
        return f"{re.sub(r'[-_.]+', '-', self.library).lower()} {self.version}"

    @property
    def met(self) -> str:
        """What is recorded of an account that was met: ``ib-async 2.1.0 as client id 17 of U1234567``."""
        return f"{self.text}{_AS}{self.login}" if self.login else self.text

    def is_met(self, recorded: Iterable[str]) -> bool:
        """Whether what was recorded as `met` has this library and this login; records without a login have any."""
        for each in recorded:
            text, _, login = each.partition(_AS)
            if text == self.text and (login == self.login or not login or not self.login):
                return True
        return False
