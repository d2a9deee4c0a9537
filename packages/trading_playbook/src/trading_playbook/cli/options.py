"""What options of the playbook mean."""

from __future__ import annotations

from datetime import date

import typer
from quant_platform_kit.cli.options import SYMBOL
from quant_platform_kit.cli.output import notice
from quant_platform_kit.domain.sessions import ExchangeCalendar

from trading_playbook.dp20.parameters import BAR_MINUTES

__all__ = ["bar_minutes", "check_range", "reason", "symbol"]


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


def reason(text: str) -> str:
    """Read why something is done."""
    if not text.strip():
        raise typer.BadParameter("a reason is asked for: say why the rows are replaced")
    return text.strip()


def check_range(calendar: ExchangeCalendar, start: date, end: date, today: date) -> None:
    """Refuse a range that is none, that the calendar does not know, or that has not been yet."""
    first, last = calendar.table.first, min(calendar.table.last, today)
    if start > end:
        fault = "--start is after --end"
    elif start < first:
        fault = "--start is before the calendar"
    elif end > last:
        fault = "--end is in the future" if end > today else "--end is after the calendar"
    else:
        return
    raise typer.BadParameter(
        f"--start {start} --end {end}: {fault}; the {calendar.name} calendar knows {first} to "
        f"{calendar.table.last}, and today is {today}"
    )
