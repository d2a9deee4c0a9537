"""Settings, the login and its end, and the accounts behind it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from quant_platform_kit.services.operate.contact.reading import Reading
from quant_platform_kit.services.operate.contact.result import Line, State

__all__ = ["login_lines", "settings_line"]

SOON = timedelta(hours=36)
"""A login that ends earlier has to be made again before the next run but one."""


def settings_line(reading: Reading) -> Line:
    """Return what is to be said of settings and secrets, which were read if there is a reading at all."""
    if stale := reading.asked.stale_settings:
        said = f"{', '.join(stale)} are set, and {reading.asked.manifest.profile} does not use them"
        return Line("settings", State.CAUTION, said, "remove them")
    return Line("settings", State.GOOD, f"settings and secrets are there for {reading.asked.manifest.profile}")


def login_lines(reading: Reading) -> Iterator[Line]:
    """Yield the lines of the login; the only ones, should it have failed."""
    login = reading.told.login
    if login is None:
        why = reading.failed.get("login", "")
        yield Line("login", State.BLOCKS, why, "log in again, or correct the settings of the login")
        return
    yield Line("login", State.GOOD, f"logged in{f' as {login.name}' if login.name else ''}")
    yield _end(login.ends, login.renewal, reading.made)
    if login.accounts is None:
        yield Line("accounts", State.NOT_TOLD, "the broker does not tell the accounts of a login")
    elif reading.account_id in login.accounts:
        others = len(login.accounts) - 1
        yield Line("accounts", State.GOOD, f"{reading.account_id} is one of this login{_beside(others)}")
    else:
        said = f"{reading.account_id} is not behind this login, which has {', '.join(login.accounts) or 'none'}"
        yield Line("accounts", State.BLOCKS, said, "correct the account in the settings, or log in as its owner")


def _end(ends: datetime | None, renewal: str, now: datetime) -> Line:
    """Return how long the login holds."""
    if ends is None:
        return Line("login ends", State.NOT_TOLD, f"when the login ends is not told{f': {renewal}' if renewal else ''}")
    at = f"{ends:%Y-%m-%d %H:%M} UTC"
    figures = {"ends": ends.isoformat()}
    if ends <= now:
        return Line("login ends", State.BLOCKS, f"the login ended at {at}", renewal or "log in again", figures)
    if ends - now < SOON:
        return Line("login ends", State.CAUTION, f"the login ends at {at}", renewal or "log in again", figures)
    return Line("login ends", State.GOOD, f"the login holds until {at}", "", figures)


def _beside(others: int) -> str:
    return f", beside {others} more" if others else ", and the only one"
