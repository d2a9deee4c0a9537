"""`release status`, `plan`, `verify` and `drift`: what is, and what would be done; nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from quant_platform_kit.cli.output import console, print_json, table
from rich.markup import escape

from quant_release.cli.options import (
    BuilderOption,
    BundleArgument,
    JsonOption,
    RootOption,
    StoreOption,
    options_of,
)
from quant_release.inspect.drift import drifts
from quant_release.inspect.preview import PlannedStep, plan
from quant_release.inspect.status import read_status
from quant_release.run.journal import Journal
from quant_release.run.opening import Options, Release, read_release
from quant_release.run.refusals import refusals
from quant_release.steps.table import rows_of

__all__ = ["drift_command", "plan_command", "print_plan", "say", "show_status", "status_command", "verify_command"]

HERE = Path()


def say(text: str) -> None:
    """Print one line; rich markup is taken as such."""
    console().print(text, soft_wrap=True)


def status_command(root: RootOption = HERE, store: StoreOption = None, json: JsonOption = False) -> None:
    """Show versions, tags, pins, lock and images; exit 1 if something does not fit."""
    status = read_status(root)
    images = _images(options_of(root, store))
    if json:
        print_json({**status, "images": images} if images is not None else status)
    else:
        show_status(status, images)
    raise typer.Exit(0 if status["well"] else 1)


def _images(options: Options) -> list[dict[str, Any]] | None:
    """Return the last image of each app and repository, None without a store."""
    store = options.open_store(to_write=False)
    if store is None:
        return None
    last = {(image.app, image.repository): image for image in Journal(store, options.who).images()}
    return [{"app": one.app, "commit": one.commit, "reference": one.reference, "at": one.at} for one in last.values()]


def show_status(status: dict[str, Any], images: list[dict[str, Any]] | None = None) -> None:
    """Print a status for people."""
    branch, origin = escape(status["branch"] or "no branch"), escape(status["origin"] or "none")
    say(f"[bold]{branch}[/bold] {status['head'][:12]}  origin {origin}")
    packages = table("Packages", "package", "version", "tag", "requires")
    for one in status["packages"]:
        requires = ", ".join(f"{name} {version}" for name, version in one["requires"].items())
        tag = "at the origin" if one["tag_at_origin"] else "here only" if one["tag_here"] else "none"
        packages.add_row(one["name"], one["version"], tag, requires)
    console().print(packages)
    names = [one["name"] for one in status["packages"]]
    apps = table("Pins", "app", *names)
    for one in status["apps"]:
        pins = one["pins"]
        apps.add_row(one["name"], *("no requirements.txt" if pins is None else pins.get(name, "-") for name in names))
    console().print(apps)
    for image in images or ():
        say(f"[dim]image[/dim] {image['app']}  {escape(image['reference'])}  of {image['commit'][:12]}")
    for note in status["notes"]:
        say(f"[yellow]note[/yellow]  {escape(note)}")
    for mismatch in status["mismatches"]:
        say(f"[red]mismatch[/red]  {escape(mismatch['text'])}")
    if status["well"] and not status["notes"]:
        say("[green]well[/green]  everything fits")


def plan_command(
    bundle: BundleArgument,
    root: RootOption = HERE,
    store: StoreOption = None,
    builder: BuilderOption = None,
    json: JsonOption = False,
) -> None:
    """Show every step left with its commands and exact diff; exit 1 if something forbids one of them now."""
    print_plan(read_release(options_of(root, store, builder=builder), bundle), json=json)


def print_plan(release: Release, *, json: bool) -> None:
    """Print a plan and what forbids it, and exit accordingly."""
    steps, found = plan(release.executor, release.subjects), refusals(release.executor, release.subjects)
    if json:
        print_json({"bundle": release.bundle.name, "steps": steps, "refusals": found})
    else:
        _show_plan(steps, found)
    raise typer.Exit(1 if found else 0)


def _show_plan(steps: list[PlannedStep], found: list[str]) -> None:
    for number, step in enumerate(steps, 1):
        say(f"[bold]{number:3}. {step.step}[/bold] {escape(step.subject)}")
        for command in step.commands:
            say(f"       [cyan]{escape(command)}[/cyan]")
        for line in step.diff.splitlines():
            style = {"+": "green", "-": "red"}.get(line[:1], "dim")
            say(f"       [{style}]{escape(line)}[/{style}]")
    if not steps:
        say("[green]nothing is left to do[/green]")
    for text in found:
        say(f"[red]refused[/red]  {escape(text)}")


def verify_command(
    bundle: BundleArgument, root: RootOption = HERE, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Ask git, the origin and the journal whether a bundle is released in full; exit 1 if not."""
    release = read_release(options_of(root, store), bundle)
    found = {subject: release.executor.stage(subject) for subject in release.subjects}
    done = {subject: stage is rows_of(subject.scope)[-1].makes for subject, stage in found.items()}
    if json:
        rows = [{"subject": str(one), "stage": stage, "done": done[one]} for one, stage in found.items()]
        print_json({"bundle": release.bundle.name, "subjects": rows, "well": all(done.values())})
    else:
        for subject, stage in found.items():
            colour = "green" if done[subject] else "red"
            say(f"[{colour}]{stage.value:10}[/{colour}] {escape(str(subject))}")
    raise typer.Exit(0 if all(done.values()) else 1)


def drift_command(
    bundle: BundleArgument,
    root: RootOption = HERE,
    store: StoreOption = None,
    builder: BuilderOption = None,
    json: JsonOption = False,
) -> None:
    """Show where tags, pins and images are no longer what a finished release left; exit 1 if anywhere."""
    found = drifts(read_release(options_of(root, store, builder=builder), bundle))
    if json:
        print_json({"bundle": bundle, "drift": found, "well": not found})
    else:
        for one in found:
            say(f"[red]drift[/red]  {escape(one.text)}")
        if not found:
            say("[green]well[/green]  nothing moved since the release")
    raise typer.Exit(1 if found else 0)
