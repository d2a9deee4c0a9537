"""What options of the playbook mean."""

from __future__ import annotations

import math
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import typer
from quant_platform_kit.adapters.command_line import notice
from quant_platform_kit.domain.prices import SYMBOL
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.config import Config, UnknownWriter
from trading_playbook.costs import MOST_BASIS_POINTS
from trading_playbook.dp20.parameters import BAR_MINUTES

__all__ = [
    "bar_minutes",
    "basis_points",
    "check_combination",
    "configured",
    "is_before",
    "reason",
    "sessions_asked",
    "symbol",
    "time_of_day",
]

NEW_YORK = ZoneInfo("America/New_York")


def symbol(text: str) -> str:
    """Read one symbol; small letters are taken for capital ones, and that is said."""
    name = text.upper()
    if SYMBOL.fullmatch(name) is None:
        raise typer.BadParameter(f"{text!r} is not one symbol; write it as QQQ")
    if name != text:
        notice(f"--symbol {text} is taken as {name}")
    return name


def bar_minutes(text: str | int) -> int:
    """Read the length of a bar; the default comes as a number."""
    if str(text) not in map(str, BAR_MINUTES):
        allowed = ", ".join(map(str, BAR_MINUTES))
        raise typer.BadParameter(f"{text!r} is no divisor of 30; give one of {allowed}")
    return int(text)


def basis_points(text: str) -> float:
    """Read a cost."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_BASIS_POINTS:
        raise typer.BadParameter(f"{text!r} is no cost in basis points; give 0 to {MOST_BASIS_POINTS}")
    return value


def reason(text: str) -> str:
    """Read why something is done."""
    if not text.strip():
        raise typer.BadParameter("a reason is asked for: say why the rows are replaced")
    return text.strip()


def time_of_day(text: str) -> time:
    """Read a time of the day, to the minute."""
    try:
        if len(text) == len("17:00"):
            return time.fromisoformat(text)
    except ValueError:
        pass
    raise typer.BadParameter(f"{text!r} is no time of the day; write it as 17:00")


def is_before(bound: time | None, now: datetime) -> bool:
    """Whether it is too early in New York; never without a bound."""
    return bound is not None and now.astimezone(NEW_YORK).time() < bound


def check_combination(*, today: bool, **given: object) -> None:
    """Refuse options that do not go together."""
    ranged = ("start", "end", "replace", "html", "commission_bps", "slippage_bps")
    for name in ranged if today else ("not_before", "metrics_file"):
        if given[name] is not None:
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"{option} does not go with --today" if today else f"{option} goes with --today")
    if not today and (given["start"] is None or given["end"] is None):
        raise typer.BadParameter("give --start and --end, both, or --today")


def configured(*, cloud: bool) -> Config:
    """Return the settings; a writer that there is not is a mistake in what was typed."""
    try:
        return Config.from_env(cloud=cloud)
    except UnknownWriter as error:
        raise typer.BadParameter(str(error)) from None


def sessions_asked(calendar: ExchangeCalendar, start: str, end: str, today: date) -> tuple[date, date]:
    """Return the range that two options name, or refuse one that the calendar does not know or that is to come."""
    first, last = _day(start), _day(end)
    if first is None or last is None:
        fault = f"{'--end' if first else '--start'} is not a date, such as 2025-09-15"
    elif first > last:
        fault = "--start is after --end"
    elif first < calendar.table.first:
        fault = "--start is before the calendar"
    elif last > today:
        fault = f"--end is in the future, today is {today}"
    elif last > calendar.table.last:
        fault = f"--end is after the calendar; {calendar.how_to_extend}"
    else:
        return first, last
    raise typer.BadParameter(
        f"--start {start} --end {end}: {fault}; the {calendar.name} calendar knows {calendar.table.first} to "
        f"{calendar.table.last}"
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
