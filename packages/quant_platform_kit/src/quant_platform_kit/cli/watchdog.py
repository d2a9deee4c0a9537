"""`quant watchdog`: whether every run that was due took place, and what waits for an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.notifier import AppriseNotifier
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.cli.options import JsonOption, PriceFieldOption, StrategyOption, duration, share
from quant_platform_kit.cli.place import Place, PlaceOptions, common_options, say
from quant_platform_kit.cli.watched_shortfall import ShortfallWatch, watch_shortfalls
from quant_platform_kit.cli.watched_snapshots import SNAPSHOT_GRACE, document_of, read_snapshots, show_snapshots
from quant_platform_kit.domain.errors import InvalidInput, NotifyError, StoreError
from quant_platform_kit.ports.notifier import Notification, Notifier, Severity
from quant_platform_kit.services.observe.status import StatusSources
from quant_platform_kit.services.observe.watchdog import Alert, Schedule, Watch, Watched, cron, unreadable, watch
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.research.backtest import FillAt
from quant_platform_kit.services.run.advice import PLACE

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


@common_options("book", "store", "reports", "account")
def watchdog_command(
    *,
    schedule: Annotated[
        str, typer.Option(parser=cron_option, metavar="CRON", help="When runs are due, in the exchange's own time.")
    ],
    calendar: Annotated[str, typer.Option(metavar="CODE", help="Exchange, by its market code.")] = "XNYS",
    grace: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="TIME", help="How late a report may be; 30m if absent."),
    ] = None,
    at: PlaceOptions,
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
    snapshot: Annotated[
        list[str] | None,
        typer.Option(
            "--snapshot",
            metavar="PROFILE=ADDRESS",
            help="Feature snapshots services read: a root or manifest; repeatable.",
        ),
    ] = None,
    snapshot_grace: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="TIME", help="How long after a close one may take; 2h if absent."),
    ] = None,
    most_shortfall: Annotated[
        Decimal | None,
        typer.Option(
            parser=share, metavar="SHARE", help="How far an account may be behind its back-test, such as 0.01 for 1 %."
        ),
    ] = None,
    prices: Annotated[
        list[Path] | None, typer.Option("--prices", help="Price file of these back-tests; repeatable.")
    ] = None,
    price_field: PriceFieldOption = "adj_close",
    fill: Annotated[FillAt, typer.Option(help="When orders of these back-tests fill.")] = FillAt.NEXT_OPEN,
    strategy: StrategyOption = None,
    shortfall_since: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="TIME", help="How far back runs are compared; 90d if absent."),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", envvar="NOTIFY_URLS", help="Tell of alerts here too, as Apprise writes it; repeatable."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find runs that did not take place, old halts, and what was left undone; exit 1 if there is anything."""
    asked = _asked(schedule, calendar, now or SystemClock().now(), (grace, since, hold_age))
    snapshots = read_snapshots(snapshot or [], asked, snapshot_grace or SNAPSHOT_GRACE)
    try:
        with at.open() as place:
            asked = replace(asked, place=place.options if place.is_book else PLACE, is_book=place.is_book)
            found = watch(asked, _sources(place, asked, now), place.account)
            behind = ShortfallWatch(most_shortfall, prices or [], price_field, fill, shortfall_since, strategy)
            found = replace(found, alerts=(*found.alerts, *watch_shortfalls(place, asked, behind)))
    except StoreError as error:
        found = Watched((unreadable("store", error),))
    found = replace(found, alerts=(*found.alerts, *(one.alert for one in snapshots if one.alert)))
    if json:
        print_json({**_document(asked, found), **document_of(snapshots)})
    else:
        _show(asked, found)
        show_snapshots(snapshots)
    if found.alerts:
        raise typer.Exit(_tell(found.alerts, notify_by(AppriseNotifier(notify), asked.now) if notify else None))


def _asked(
    schedule: str, calendar: str, now: datetime, given: tuple[timedelta | None, timedelta | None, timedelta | None]
) -> Watch:
    asked = Watch(Schedule(schedule, load_calendar(calendar)), now)
    names = ("grace", "since", "hold_age")
    asked = replace(asked, **{name: value for name, value in zip(names, given, strict=True) if value is not None})
    if not asked.schedule.is_ever_due(now):
        raise typer.BadParameter(f"--schedule {schedule!r} was never inside a session of {calendar} in the last year")
    return asked


def _sources(place: Place, asked: Watch, now: datetime | None) -> StatusSources:
    """Return what to read; a paper account's own time is that of its price file."""
    store, reports = place.both
    manifests = {profile: strategy.manifest for profile, strategy in catalog().items()}
    present = now if place.is_book else asked.now
    return StatusSources(store, ReportStore(reports), asked.schedule.calendar, manifests, present)


def _document(asked: Watch, found: Watched) -> dict[str, object]:
    return {
        "quiet": not found.alerts,
        "alerts": found.alerts,
        "runs": found.runs,
        "accounts": found.accounts,
        "now": asked.now,
        "next_due": asked.schedule.next(asked.now),
    }


def _show(asked: Watch, found: Watched) -> None:
    for alert in found.alerts:
        say(f"[red]{alert.kind}[/red]  {escape(alert.text)}")
    if not found.alerts:
        since = f"{asked.now - asked.since:%Y-%m-%d %H:%M} UTC"
        whose = f"of {found.accounts} account{'' if found.accounts == 1 else 's'}"
        runs = f"{found.runs} run{'' if found.runs == 1 else 's'} {whose} due since {since}, a report of each"
        say(f"[green]all quiet[/green]: {runs if found.runs else f'no run {whose} was due since {since}'}")
    due, zone = asked.schedule.next(asked.now), asked.schedule.calendar.timezone
    if due is None:
        advice = asked.schedule.calendar.how_to_extend
        say(f"  when the next run is due is not known: the calendar ends before it; {advice}")
    else:
        say(f"  the next run is due {due.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}, {due:%H:%M} UTC")


def notify_by(notifier: Notifier, now: datetime) -> Deliver:
    """Return what tells people of alerts in one message."""

    def deliver(alerts: Sequence[Alert]) -> None:
        body = "\n".join(f"{alert.kind}: {alert.text}" for alert in alerts)
        notifier.send(Notification(f"watchdog/{now:%Y%m%dT%H%M%S}", Severity.FAILURE, _counted(alerts), body))

    return deliver


def _tell(alerts: Sequence[Alert], deliver: Deliver | None) -> int:
    """Deliver alerts; return the exit code."""
    try:
        if deliver is not None:
            deliver(alerts)
    except (NotifyError, InvalidInput) as error:
        return complain(f"{_counted(alerts)}, and nobody was told: {error}", 1)
    return complain(_counted(alerts), 1)


def _counted(alerts: Sequence[Alert]) -> str:
    return f"the watchdog found {len(alerts)} thing{'' if len(alerts) == 1 else 's'} to look at"
