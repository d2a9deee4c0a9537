"""A service in a line."""

from __future__ import annotations

from quant_release.cli.printing import shown
from quant_release.inspect.services import HoldStatus, ScheduleStatus, ServiceStatus

__all__ = ["service_line"]

_SHORT = 12


def service_line(one: ServiceStatus) -> str:
    """Return what a service is, as markup: what serves, its image, its profile, its schedule, and who holds it."""
    start = f"[dim]service[/dim] [bold]{shown(one.name)}[/bold]"
    if one.image is None:
        return f"{start}  [red]cannot be read[/red]{_when(one.schedule)}{_hold(one.hold)}"
    traffic = ", ".join(f"{share.revision} {share.percent} %" for share in one.traffic if share.percent) or "nowhere"
    commit = f" of {one.commit[:_SHORT]}" if one.commit else ""
    parts = f"{start}  {shown(traffic)}  {shown(_image(one.image))}{commit}  {shown(one.profile or 'no profile')}"
    return f"{parts}{_when(one.schedule)}{_hold(one.hold)}"


def _image(reference: str) -> str:
    """Return an image short enough for a line: the last part of its repository, and the start of its digest."""
    name, _, digest = reference.rpartition("/")[2].partition("@sha256:")
    return f"{name}@{digest[:_SHORT]}" if digest else name


def _when(schedule: ScheduleStatus | None) -> str:
    if schedule is None:
        return ""
    due = "paused" if schedule.paused else f"due {schedule.due:%Y-%m-%d %H:%M} UTC" if schedule.due else "not due"
    return f"  {shown(schedule.cron)} {shown(schedule.time_zone)}, {due}"


def _hold(hold: HoldStatus | None) -> str:
    return "" if hold is None else f"  [yellow]held[/yellow] by {shown(hold.by)} since {hold.since:%Y-%m-%d %H:%M} UTC"
