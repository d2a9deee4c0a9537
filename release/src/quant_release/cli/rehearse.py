"""`release demo`: the first bundle, from a copy of this checkout to an origin in a folder and services beside it."""

from __future__ import annotations

from pathlib import Path

from quant_release.cli.options import RootOption
from quant_release.cli.perform import StepPrinter
from quant_release.cli.printing import say, shown
from quant_release.cli.show import show_status
from quant_release.demo.tour import Showing, tour

__all__ = ["demo_command"]

HERE = Path()


def demo_command(root: RootOption = HERE) -> None:
    """Release the first bundle on a copy of this checkout, through services that trade at venues of this machine."""
    printer = StepPrinter()
    showing = Showing(
        lambda text: say(f"[bold]{shown(text)}[/bold]"), lambda text: say(shown(text)), show_status, printer
    )
    with printer.at_work:
        tour(root, showing)
