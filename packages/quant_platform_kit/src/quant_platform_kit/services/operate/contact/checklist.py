"""The checklist: what was read of an account, line by line, and the contact that is made of it."""

from __future__ import annotations

from collections.abc import Iterator

from quant_platform_kit.services.operate.contact.account import account_lines
from quant_platform_kit.services.operate.contact.calendar import calendar_lines
from quant_platform_kit.services.operate.contact.clock import clock_line
from quant_platform_kit.services.operate.contact.documents import document_lines
from quant_platform_kit.services.operate.contact.history import history_lines
from quant_platform_kit.services.operate.contact.limits import limit_lines
from quant_platform_kit.services.operate.contact.login import login_lines, settings_line
from quant_platform_kit.services.operate.contact.orders import order_lines
from quant_platform_kit.services.operate.contact.positions import position_lines
from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Contact, Line
from quant_platform_kit.services.operate.contact.symbols import symbol_lines

__all__ = ["checklist", "contact_of"]


def checklist(reading: Reading) -> Iterator[Line]:
    """Yield the lines of a reading in the order in which they matter; after a failed login there are no more."""
    yield settings_line(reading)
    yield from login_lines(reading)
    if reading.told.login is None:
        return
    yield clock_line(reading)
    yield from account_lines(reading)
    yield from position_lines(reading)
    yield from order_lines(reading)
    yield from symbol_lines(reading)
    yield from history_lines(reading)
    yield from calendar_lines(reading)
    yield from limit_lines(reading)
    yield from document_lines(reading.documents)


def contact_of(reading: Reading, library: str, version: str) -> Contact:
    """Return the contact that a reading is.

    Parameters
    ----------
    library, version
        The client library's distribution, and its installed version.
    """
    login = reading.told.login
    return Contact(
        account=reading.account_id,
        platform=reading.asked.platform,
        library=library,
        version=version,
        made=reading.made,
        login=login.name if login else "",
        lines=tuple(checklist(reading)),
        calls=reading.calls,
    )
