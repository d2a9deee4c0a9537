"""A service, or a workload, in a line."""

from __future__ import annotations

from quant_release.cli.printing import shown
from quant_release.inspect.services import HoldStatus, ScheduleStatus, ServiceStatus
from quant_release.inspect.workloads import WorkloadStatus

__all__ = ["service_line", "workload_line"]

_SHORT = 12


def service_line(one: ServiceStatus) -> str:
    """Return what a service is, as markup: what serves, its image, its profile, its schedule, and who holds it."""
    start = f"[dim]service[/dim] [bold]{shown(one.name)}[/bold]"
    if one.image is None:
        return f"{start}  [red]cannot be read[/red]{_when(one.schedule)}{_hold(one.hold)}"
    traffic = ", ".join(f"{share.revision} {share.percent} %" for share in one.traffic if share.percent) or "nowhere"
    image = f"{shown(_image(one.image))}{_commit(one.commit)}"
    parts = f"{start}  {shown(traffic)}  {image}  {shown(one.profile or 'no profile')}"
    return f"{parts}{_when(one.schedule)}{_hold(one.hold)}"


def workload_line(one: WorkloadStatus) -> str:
    """Return what a workload is, as markup: what it runs, and whether it is ready."""
    start = f"[dim]workload[/dim] [bold]{shown(one.name)}[/bold]"
    if one.error is not None:
        return f"{start}  [red]cannot be read[/red]"
    image = shown(_image(one.image)) if one.image else "[red]not one image by digest[/red]"
    ready = f"[red]{shown(one.unready)}[/red]" if one.unready else "ready"
    return f"{start}  {image}{_commit(one.commit)}  {ready}"


def _commit(commit: str | None) -> str:
    return f" of {commit[:_SHORT]}" if commit else ""


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
