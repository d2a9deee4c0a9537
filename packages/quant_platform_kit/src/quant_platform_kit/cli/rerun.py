"""`quant rerun`: leave to run once more."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.place import PlaceOptions, ReasonOption, common_options, say
from quant_platform_kit.services.operate.rerunning import rerun

__all__ = ["rerun_command"]


@common_options("book", "store", "reports", "account", "who")
def rerun_command(
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as `quant status` names it.")],
    reason: ReasonOption,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Open one more attempt of a run under a slot of its own; nothing is run or sent here."""
    with at.open() as place:
        attempt = rerun(place.operator, place.one_account, run, reason)
    if json:
        print_json({"run_id": run, "slot": attempt.key.slot, "attempt": attempt.key.run_id, "opened": attempt.opened})
        return
    opened = "opened" if attempt.opened else f"was opened by {escape(attempt.who)} and is not used yet"
    say(f"slot {escape(attempt.key.slot)} {opened}: ask for session {attempt.key.session} with it")
    say(f"  it will be run {attempt.key.run_id}; an executed decision is not planned again")
