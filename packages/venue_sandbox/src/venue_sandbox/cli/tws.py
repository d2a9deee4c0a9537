"""`quant sandbox up tws`: Interactive Brokers' Gateway on this machine."""

from __future__ import annotations

import typer

__all__ = ["PASSED_ON", "up_tws"]

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": list[str]()}
"""The options of the venue are its own: it reads the rest of the command line."""


def up_tws(context: typer.Context) -> None:
    """Run a TWS venue: --folder DIR --account DUSBX1=100000; --help lists all options."""
    # Here, because every start of quant reads this module.
    from venue_sandbox.tws.__main__ import main

    main(context.args, "quant sandbox up tws")
