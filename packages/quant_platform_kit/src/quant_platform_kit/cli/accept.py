"""`quant accept`: going on after something that happened to an account outside the platform."""

from __future__ import annotations

from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.place import PlaceOptions, ReasonOption, common_options, say
from quant_platform_kit.services.operate.acceptance import accept
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["accept_command"]


@common_options("book", "store", "reports", "account", "who")
def accept_command(
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help="The blocked run, the last one of its account.")],
    reason: ReasonOption,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Accept what a run found and was blocked by, such as a liquidation: the next run goes on from there."""
    with at.open() as place:
        accepted = accept(place.operator, ReportStore(place.both[1]), place.one_account, run, reason)
    if json:
        print_json({"run_id": run, "accepted": accepted})
        return
    say(f"accepted of run {run}; the next run goes on from there:")
    for finding in accepted:
        say(f"  {finding.text}")
