"""Whether a service that trades live may be moved: it is named with ``--yes``, or a person types its name."""

from __future__ import annotations

import sys
from dataclasses import replace

import typer
from quant_platform_kit.domain.errors import QuantError, Refused

from quant_release.bundle import Bundle, find_bundle, read_bundle
from quant_release.cli.printing import ask_console, shown
from quant_release.inspect.in_question import changes_in_question
from quant_release.repository.git import Git
from quant_release.run.opening import Options, Release, read_release
from quant_release.steps.machine import Subject
from quant_release.steps.table import Scope

__all__ = ["STYLES", "confirmed", "is_terminal", "require_moved"]

STYLES = {"+": "green", "-": "red", "~": "yellow"}
"""How the lines of a diff are shown, by what they begin with."""


def confirmed(options: Options, name: str, command: str, *, json: bool) -> Options:
    """Return the options with the services that a person has confirmed on a terminal.

    Raises
    ------
    InvalidInput
        A service that is named or confirmed is none that the bundle moves.
    Refused
        A person did not confirm one.
    """
    bundle = read_bundle(find_bundle(Git.at(options.root).root, name))
    require_moved(options, bundle)
    in_question = _live_and_not_named(options, bundle)
    if not in_question or json or not is_terminal():
        return options
    release = read_release(options, name)
    moved = [subject for subject in release.subjects if subject.scope is Scope.SERVICE and subject.name in in_question]
    for subject in moved:
        _ask(release, subject, command)
    confirmed = options.terms.confirmed | {subject.name for subject in moved}
    return replace(options, terms=replace(options.terms, confirmed=confirmed))


def is_terminal() -> bool:
    """Whether a person can be asked, and sees the question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_moved(options: Options, bundle: Bundle) -> None:
    """Make sure that the bundle moves or rolls what is named, and moves what is confirmed; `InvalidInput` if not."""
    bundle.require_taken("--service", options.services)
    bundle.require_moved("--yes", sorted(options.terms.confirmed))


def _live_and_not_named(options: Options, bundle: Bundle) -> list[str]:
    live = [name for name, one in bundle.moved.items() if one.live]
    chosen = options.services or tuple(live)
    return [name for name in live if name in chosen and name not in options.terms.confirmed]


def _ask(release: Release, service: Subject, command: str) -> None:
    """Show what would change of a service and let a person type its name; `Refused` for anything else."""
    console = ask_console()
    try:
        lines = changes_in_question(release, service, command)
    except QuantError as error:
        console.print(f"[red]{shown(service)} cannot be read[/red]: {shown(error)}")
        return  # the command says what forbids it
    if not lines:
        return
    console.print(f"[bold]{shown(service)} trades live.[/bold] {command} changes:")
    for line in lines:
        style = STYLES.get(line[:1], "dim")
        console.print(f"       [{style}]{shown(line)}[/{style}]")
    typed: str = typer.prompt(f"type {service.name} to go on", default="", show_default=False, err=True)
    if typed.strip() != service.name:
        raise Refused(f"{service.name} was not confirmed: nothing was changed; leave it out with --service, or type it")
