"""`release status`, `plan`, `verify` and `drift`: what is, and what would be done; nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from quant_platform_kit.cli.output import console, table

from quant_release.cli.confirming import STYLES, require_moved
from quant_release.cli.options import (
    USUAL,
    BuilderOption,
    BundleArgument,
    JsonOption,
    RootOption,
    ServiceOption,
    StoreOption,
    WindowOption,
    YesOption,
    options_of,
    terms_of,
)
from quant_release.cli.printing import print_json, say, shown
from quant_release.cli.service_lines import service_line, workload_line
from quant_release.inspect.drift import drifts
from quant_release.inspect.overall import read_overall
from quant_release.inspect.preview import Plan, preview
from quant_release.inspect.verified import verify
from quant_release.run.opening import Options, read_release

__all__ = ["drift_command", "plan_command", "print_plan", "show_status", "status_command", "verify_command"]

HERE = Path()


def status_command(
    bundle: Annotated[
        str | None, typer.Argument(metavar="[BUNDLE]", help="Whose services are shown; of the last release if absent.")
    ] = None,
    root: RootOption = HERE,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show versions, tags, pins, lock, images, services and workloads; exit 1 if something does not fit."""
    status = read_overall(options_of(root, store), bundle)
    if json:
        print_json(status)
    else:
        show_status(status)
    raise typer.Exit(0 if status["well"] else 1)


def show_status(status: dict[str, Any]) -> None:
    """Print a status for people."""
    branch, origin = shown(status["branch"] or "no branch"), shown(status["origin"] or "none")
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
    for image in status.get("images", ()):
        say(f"[dim]image[/dim] {image['app']}  {shown(image['reference'])}  of {image['commit'][:12]}")
    for service in status.get("services", ()):
        say(service_line(service))
    for workload in status.get("workloads", ()):
        say(workload_line(workload))
    for note in status["notes"]:
        say(f"[yellow]note[/yellow]  {shown(note)}")
    for mismatch in status["mismatches"]:
        say(f"[red]mismatch[/red]  {shown(mismatch['text'])}")
    if status["well"] and not status["notes"]:
        say("[green]well[/green]  everything fits")


def plan_command(
    bundle: BundleArgument,
    service: ServiceOption = None,
    yes: YesOption = None,
    window: WindowOption = USUAL.window,
    root: RootOption = HERE,
    store: StoreOption = None,
    builder: BuilderOption = None,
    json: JsonOption = False,
) -> None:
    """Show every step left with its commands and exact diff; exit 1 if something forbids one of them now."""
    terms = terms_of(window, USUAL.timeout, yes)
    print_plan(options_of(root, store, builder=builder, services=service, terms=terms), bundle, json=json)


def print_plan(options: Options, bundle: str, *, json: bool) -> None:
    """Print a plan and what forbids it, and exit accordingly; nothing is waited for."""
    release = read_release(replace(options, terms=replace(options.terms, patience=0.0)), bundle)
    require_moved(options, release.bundle)
    made = preview(release.executor, release.subjects)
    if json:
        print_json({"bundle": release.bundle.name, "steps": made.steps, "refusals": made.refusals})
    else:
        _show_plan(made)
    raise typer.Exit(1 if made.refusals else 0)


def _show_plan(made: Plan) -> None:
    for number, step in enumerate(made.steps, 1):
        say(f"[bold]{number:3}. {step.step}[/bold] {shown(step.subject)}")
        for command in step.commands:
            say(f"       [cyan]{shown(command)}[/cyan]")
        for line in step.diff.splitlines():
            style = STYLES.get(line[:1], "dim")
            say(f"       [{style}]{shown(line)}[/{style}]")
    if not made.steps and not made.refusals:
        say("[green]nothing is left to do[/green]")
    for text in made.refusals:
        say(f"[red]refused[/red]  {shown(text)}")


def verify_command(
    bundle: BundleArgument, root: RootOption = HERE, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Ask git, the origin, the journal and what runs whether a bundle is released in full; exit 1 if not."""
    release = read_release(options_of(root, store), bundle)
    found = verify(release)
    well = all(one.done for one in found)
    if json:
        print_json({"bundle": release.bundle.name, "subjects": found, "well": well})
    else:
        for one in found:
            colour, stage = "green" if one.done else "red", one.stage.value if one.stage else "unknown"
            say(f"[{colour}]{stage:10}[/{colour}] {shown(one.subject)}")
            for text in one.missing:
                say(f"           [dim]{shown(text)}[/dim]")
    raise typer.Exit(0 if well else 1)


def drift_command(
    bundle: BundleArgument,
    root: RootOption = HERE,
    store: StoreOption = None,
    builder: BuilderOption = None,
    json: JsonOption = False,
) -> None:
    """Show where tags, pins, images and what runs are not what a finished release left; exit 1 if anywhere."""
    found = drifts(read_release(options_of(root, store, builder=builder), bundle))
    if json:
        print_json(found)
    else:
        for one in found:
            say(f"[red]drift[/red]  {shown(one.text)}")
        if not found:
            say("[green]well[/green]  nothing moved since the release")
    raise typer.Exit(1 if found else 0)
