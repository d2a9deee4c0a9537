"""`release apply`, `switch`, `rollback`, `open` and `abandon`: what changes something."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from quant_platform_kit.domain.errors import Interrupted
from rich.markup import escape
from rich.status import Status

from quant_release.cli.confirming import confirmed
from quant_release.cli.options import (
    USUAL,
    BuilderOption,
    BundleArgument,
    JsonOption,
    LocalOption,
    MergeWaitOption,
    RootOption,
    ServiceOption,
    StoreOption,
    TimeoutOption,
    ViaBranchOption,
    WhoOption,
    WindowOption,
    YesOption,
    options_of,
    terms_of,
)
from quant_release.cli.printing import ask_console, print_json, say, shown
from quant_release.cli.show import print_plan
from quant_release.inspect.serving import Serving, serving
from quant_release.run.apply import Watching, abandon, apply, open_service, switch
from quant_release.run.journal import RunRecord
from quant_release.run.merging import MergeTerms
from quant_release.run.opening import Options
from quant_release.run.rollback import rollback
from quant_release.steps.machine import Subject
from quant_release.steps.table import Row

__all__ = [
    "StepPrinter",
    "abandon_command",
    "apply_command",
    "open_command",
    "rollback_command",
    "switch_command",
]

_LONGEST_REASON = 500
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on with the one that is open.")]
HERE = Path()


class StepPrinter:
    """Prints each step on standard error as it ends, with the time it took, and shows the one at work."""

    def __init__(self) -> None:
        self._console = ask_console()
        self._began = 0.0
        self._spinner = Status("", console=self._console) if self._console.is_terminal else None

    def __call__(self, what: str, row: Row, subject: Subject) -> None:
        """Take note of a step that begins, ended or failed."""
        text = f"{row.step:12} {escape(str(subject))}"
        if what == "begins":
            self._began = perf_counter()
            if self._spinner is not None:
                self._spinner.update(text)
            return
        mark = "[green]done[/green]  " if what == "ended" else "[red]failed[/red]"
        self._console.print(f"{mark} {text}  [dim]{perf_counter() - self._began:.1f} s[/dim]")

    def say(self, text: str) -> None:
        """Print what a person has to do."""
        self._console.print(shown(text))

    @property
    def at_work(self) -> Status | nullcontext[None]:
        """A context in which the step at work is shown."""
        return nullcontext() if self._spinner is None else self._spinner


def apply_command(
    bundle: BundleArgument,
    until: Annotated[str | None, typer.Option(metavar="STEP[:SUBJECT]", help="Stop after this step.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the release that is open.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")] = False,
    via_branch: ViaBranchOption = False,
    merge_wait: MergeWaitOption = 20.0,
    service: ServiceOption = None,
    yes: YesOption = None,
    window: WindowOption = USUAL.window,
    timeout: TimeoutOption = USUAL.timeout,
    root: RootOption = HERE,
    store: StoreOption = None,
    local: LocalOption = False,
    builder: BuilderOption = None,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Release a bundle, step by step; every step is checked before and after, and recorded."""
    terms = terms_of(window, timeout, yes)
    options = options_of(root, store, who, builder, local=local, services=service, terms=terms)
    options = replace(options, merging=MergeTerms(via_branch, 60 * merge_wait))
    if dry_run:
        print_plan(options, bundle, json=json)
    with _moving(options, bundle, "apply", json=json) as (known, watching):
        run = apply(known, bundle, until=until, resume=resume, watching=watching)
    _print_end(run, until, json=json)


def switch_command(
    bundle: BundleArgument,
    service: ServiceOption = None,
    resume: ResumeOption = False,
    yes: YesOption = None,
    window: WindowOption = USUAL.window,
    timeout: TimeoutOption = USUAL.timeout,
    root: RootOption = HERE,
    store: StoreOption = None,
    local: LocalOption = False,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Give services the settings of a bundle whose code they run already; name each with --service."""
    if not service and not resume:
        raise typer.BadParameter("name at least one service of the bundle to switch", param_hint="'--service'")
    options = options_of(root, store, who, local=local, services=service, terms=terms_of(window, timeout, yes))
    with _moving(options, bundle, "switch", json=json) as (known, watching):
        run = switch(known, bundle, resume=resume, watching=watching)
    _print_end(run, json=json)


def rollback_command(
    bundle: BundleArgument,
    service: ServiceOption = None,
    resume: ResumeOption = False,
    via_branch: ViaBranchOption = False,
    merge_wait: MergeWaitOption = 20.0,
    yes: YesOption = None,
    window: WindowOption = USUAL.window,
    timeout: TimeoutOption = USUAL.timeout,
    root: RootOption = HERE,
    store: StoreOption = None,
    local: LocalOption = False,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Take services and workloads back to what they were before the last release, then the pins of their apps."""
    options = options_of(root, store, who, local=local, services=service, terms=terms_of(window, timeout, yes))
    options = replace(options, merging=MergeTerms(via_branch, 60 * merge_wait))
    with _moving(options, bundle, "rollback", json=json) as (known, watching):
        run = rollback(known, bundle, resume=resume, watching=watching)
    _print_end(run, json=json)


@contextmanager
def _moving(options: Options, bundle: str, command: str, *, json: bool) -> Generator[tuple[Options, Watching]]:
    """Have live services confirmed, and show the steps; whoever interrupts it is told how to go on."""
    printer = StepPrinter()
    try:
        known = confirmed(options, bundle, command, json=json)
        with printer.at_work:
            yield replace(known, merging=replace(known.merging, say=printer.say)), Watching(printer)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; `release {command} {bundle} --resume` goes on") from None


def _print_end(run: RunRecord, until: str | None = None, *, json: bool) -> None:
    if json:
        print_json({"run": run.run, "bundle": run.bundle, "command": run.command, "finished": until is None})
    else:
        sys.stderr.flush()
        say(f"run {run.run}: " + ("every step is done" if until is None else f"stopped after {shown(until)}"))


def open_command(
    bundle: BundleArgument,
    service: Annotated[str, typer.Option("--service", metavar="NAME", help="The service to open.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What was looked at, and found.")],
    root: RootOption = HERE,
    store: StoreOption = None,
    local: LocalOption = False,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Open a service that a release holds, for a person who has looked at it; the release ends with the last one."""
    why = " ".join(reason.split())
    if not 0 < len(why) <= _LONGEST_REASON:
        raise typer.BadParameter(
            f"say in 1 to {_LONGEST_REASON} characters what was looked at", param_hint="'--reason'"
        )
    options = options_of(root, store, who, local=local)
    found = serving(options, bundle, service)
    if not json:
        _show_serving(found)
    ended = open_service(options, bundle, service, why)
    if json:
        print_json({"bundle": bundle, "service": service, "serving": found, "opened": True, "finished": ended})
    else:
        more = "; the release has ended with it" if ended else "; the release goes on: other steps are left"
        say(f"[green]opened[/green]  {shown(service)}{more}")


def _show_serving(found: Serving) -> None:
    say(f"[bold]{shown(found.service)}[/bold] is served by {shown(found.traffic)}")
    say(f"  image    {shown(found.image)}")
    say(f"  says     {shown(found.said)}")
    say(f"  hold     {shown(found.hold)}, job {'paused' if found.paused else 'not paused'}")


def abandon_command(
    bundle: BundleArgument,
    root: RootOption = HERE,
    store: StoreOption = None,
    local: LocalOption = False,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Take back what an open release did and did not publish, and close it; what is published stays."""
    left = abandon(options_of(root, store, who, local=local), bundle)
    if json:
        print_json({"bundle": bundle, "left": left})
    else:
        for line in left:
            say(shown(line))
