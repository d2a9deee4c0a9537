"""Who a run, a decision and an order are: names that are the same on every retry."""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from quant_platform_kit.domain.errors import InvalidInput

__all__ = ["ORDER_TEST", "Mode", "RunKey", "client_order_id"]


ORDER_TEST = "order-test"
"""What the slot of an order test begins with."""


class Mode(Enum):
    """How far a run may go."""

    LIVE = "live"
    PAPER = "paper"
    DRY_RUN = "dry_run"
    PROBE = "probe"

    @property
    def submits(self) -> bool:
        """Whether orders of this mode reach a broker."""
        return self in (Mode.LIVE, Mode.PAPER)


@dataclass(frozen=True, slots=True)
class RunKey:
    """The identity of a run: one key, one set of orders, however often it is asked for.

    Attributes
    ----------
    session
        The exchange-local date the run trades in.
    slot
        The schedule time of the trigger, constant across its retries; ``cli`` on the command line.
    """

    account_id: str
    session: date
    slot: str
    mode: Mode

    def __post_init__(self) -> None:
        if "|" in self.account_id or "|" in self.slot:
            raise InvalidInput(f"account {self.account_id!r}, slot {self.slot!r}: a run's names do not contain '|'")

    @classmethod
    def of_order_test(cls, account_id: str, session: date, at: datetime, mode: Mode) -> RunKey:
        """Return the key of an order test that begins at an instant, aware UTC."""
        return cls(account_id, session, f"{ORDER_TEST} {at:%Y-%m-%dT%H:%M:%SZ}", mode)

    @property
    def is_order_test(self) -> bool:
        """Whether the run decides nothing, and sends a few orders to see what the broker does with them."""
        return self.slot.startswith(f"{ORDER_TEST} ")

    @property
    def text(self) -> str:
        """The key as one line, unambiguous."""
        return "|".join((self.account_id, self.session.isoformat(), self.slot, self.mode.value))

    @property
    def run_id(self) -> str:
        """A name fit for paths and URLs, sorted by session: ``2023-12-01.cli.paper.k3j5tq2m``."""
        slot = re.sub(r"[^A-Za-z0-9]+", "-", self.slot).strip("-")
        return f"{self.session.isoformat()}.{slot}.{self.mode.value}.{_base32(self.text, 8)}"


def client_order_id(key: RunKey, symbol: str, side: str, sequence: int) -> str:
    """Return ``q`` and 26 base32 characters: FIX ClOrdID, short enough for every broker's field."""
    return "q" + _base32(f"{key.text}|{symbol}|{side}|{sequence}", 26)


def _base32(text: str, length: int) -> str:
    return b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:length]
