"""`release apply` and `release abandon`: what changes something."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from quant_platform_kit.cli.output import print_json
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from quant_release.cli.options import (
    BuilderOption,
    BundleArgument,
    JsonOption,
    LocalOption,
    MergeWaitOption,
    RootOption,
    StoreOption,
    ViaBranchOption,
    WhoOption,
    options_of,
)
from quant_release.cli.show import print_plan, say
from quant_release.run.apply import Watching, abandon, apply
from quant_release.run.merging import MergeTerms
from quant_release.run.opening import read_release
from quant_release.steps.machine import Subject
from quant_release.steps.table import Row

__all__ = ["StepPrinter", "abandon_command", "apply_command"]

HERE = Path()


class StepPrinter:
    """Prints each step on standard error as it ends, with the time it took, and shows the one at work."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
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
        self._console.print(f"{mark} {text}  [dim]{perf_counter() - self._began:.1f} s[/dim]", soft_wrap=True)

    def say(self, text: str) -> None:
        """Print what a person has to do."""
        self._console.print(escape(text), soft_wrap=True)

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
    root: RootOption = HERE,
    store: StoreOption = None,
    local: LocalOption = False,
    builder: BuilderOption = None,
    who: WhoOption = None,
    json: JsonOption = False,
) -> None:
    """Release a bundle, step by step; every step is checked before and after, and recorded."""
    printer = StepPrinter()
    merging = MergeTerms(via_branch, 60 * merge_wait, say=printer.say)
    options = replace(options_of(root, store, who, builder, local=local), merging=merging)
    if dry_run:
        print_plan(read_release(options, bundle), json=json)
    with printer.at_work:
        run = apply(options, bundle, until=until, resume=resume, watching=Watching(printer))
    if json:
        print_json({"run": run.run, "bundle": run.bundle, "finished": until is None})
    else:
        sys.stderr.flush()
        say(f"run {run.run}: " + ("every step is done" if until is None else f"stopped after {escape(until)}"))


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
            say(escape(line))
