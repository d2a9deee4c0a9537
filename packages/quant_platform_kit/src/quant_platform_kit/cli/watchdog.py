"""`quant watchdog`: whether every run that was due took place, and what waits for an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.cli.operate import (
    AccountOption,
    BookOption,
    Place,
    ReportsOption,
    StoreOption,
    open_place,
    readable,
    say,
)
from quant_platform_kit.cli.options import JsonOption, duration
from quant_platform_kit.cli.output import complain, print_json
from quant_platform_kit.domain.errors import InvalidInput, NotifyError, StoreError
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.notifier import Notification, Notifier, Severity
from quant_platform_kit.services.advice import PLACE
from quant_platform_kit.services.reports import ReportStore
from quant_platform_kit.services.status import StatusSources
from quant_platform_kit.services.watchdog import Alert, Schedule, Watch, cron, unreadable, watch

__all__ = ["Deliver", "notify_by", "watchdog_command"]

Deliver = Callable[[Sequence[Alert]], None]
"""Tells people of alerts; raises `NotifyError` when it did not reach them."""


def instant(text: str) -> datetime:
    """Read an instant with its offset from UTC."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        raise typer.BadParameter(f"{text!r} is not an instant; write it as 2023-12-29T21:15:00Z")
    return read.astimezone(UTC)


def cron_option(text: str) -> str:
    """Read a cron expression."""
    try:
        return cron(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


def watchdog_command(
    schedule: Annotated[
        str, typer.Option(parser=cron_option, metavar="CRON", help="When runs are due, in the exchange's own time.")
    ],
    calendar: Annotated[str, typer.Option(metavar="CODE", help="Exchange, by its market code.")] = "XNYS",
    grace: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="TIME", help="How late a report may be; 30m if absent."),
    ] = None,
    book: BookOption = None,
    store: StoreOption = None,
    reports: ReportsOption = None,
    account: AccountOption = None,
    since: Annotated[
        timedelta | None, typer.Option(parser=duration, metavar="TIME", help="How far to look back; 4d if absent.")
    ] = None,
    hold_age: Annotated[
        timedelta | None, typer.Option(parser=duration, metavar="TIME", help="How long a halt may last; 24h if absent.")
    ] = None,
    now: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="ISO", help="Watch as of this instant instead of the present."),
    ] = None,
    notify: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Tell of alerts here too, as Apprise writes it; repeatable.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find runs that did not take place, old halts, and what was left undone; exit 1 if there is anything."""
    due = Schedule(schedule, load_calendar(calendar))
    present = now or SystemClock().now()
    asked = Watch(
        due,
        present,
        *(timedelta(**default) if given is None else given for given, default in zip((grace, since, hold_age), DEFAULTS)),
    )
    del asked


DEFAULTS = ({"minutes": 30}, {"days": 4}, {"hours": 24})
