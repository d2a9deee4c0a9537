"""`release demo`: the first bundle, released from a copy of this checkout to an origin in a temporary folder."""

from __future__ import annotations

from pathlib import Path

from quant_release.cli.options import RootOption
from quant_release.cli.perform import StepPrinter
from quant_release.cli.printing import say, shown
from quant_release.cli.show import show_status
from quant_release.demo.tour import tour

__all__ = ["demo_command"]

HERE = Path()


def demo_command(root: RootOption = HERE) -> None:
    """Release the first bundle on a copy of this checkout: status, plan, apply, and what each app then has."""
    printer = StepPrinter()
    with printer.at_work:
        tour(root, show_status, lambda text: say(f"[bold]{shown(text)}[/bold]"), printer)
