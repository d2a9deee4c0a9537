"""What the replays of all brokers share: an account over a capture, as a contact looks at it."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime, time
from functools import partial
from typing import TYPE_CHECKING

from quant_platform_kit.adapters.captures import Capture, Manifest
from quant_platform_kit.domain.balances import BalanceRules
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.services.operate.contact.reading import Met
from quant_platform_kit.services.run.account_reading import read_account

if TYPE_CHECKING:
    from quant_platform_kit.runtime.service import Account

__all__ = ["lacks", "meeting", "told_time"]

AT = time(15, tzinfo=UTC)
"""The time of a day that has none."""


@contextmanager
def meeting(account: Account) -> Generator[Met]:
    """Return an account as a contact looks at it; leaving closes it."""
    state = partial(read_account, account.broker, account.clock, BalanceRules())
    try:
        yield Met(account.broker, account.clock, account.contact, state, documents=account.seen)
    finally:
        account.close()


def told_time(told: Iterable[object], manifest: Manifest) -> datetime:
    """Return the last of the instants that a capture tells, aware; of its day if it tells none."""
    found: list[datetime] = []
    for each in told:
        try:
            found.append(datetime.fromisoformat(str(each)).astimezone(UTC))
        except ValueError:
            continue
    return max(found, default=datetime.combine(manifest.made, AT))


def lacks(capture: Capture, what: str) -> InvalidInput:
    """Return the error of a capture that cannot be served."""
    return InvalidInput(f"the capture of {capture.manifest.platform} has no {what}: only its documents can be read")
