"""`quant resolve`: settling an UNKNOWN order by what the broker's own records say."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption, number
from quant_platform_kit.cli.output import order_text, units
from quant_platform_kit.cli.place import PlaceOptions, common_options, say, words
from quant_platform_kit.services.operate.resolving import Resolution, Resolved, ResolvedAs, resolve

__all__ = ["resolve_command"]


@common_options("book", "store", "reports", "account", "who")
def resolve_command(
    *,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, as `quant status` names it.")],
    order: Annotated[str, typer.Argument(metavar="ORDER", help="Client order id.")],
    resolved_as: Annotated[ResolvedAs, typer.Option("--as", help="What became of the order.")],
    evidence: Annotated[str, typer.Option(parser=words, metavar="TEXT", help="Where you saw it.")],
    quantity: Annotated[
        Decimal | None, typer.Option(parser=number, metavar="UNITS", help="Filled units, if not all of them.")
    ] = None,
    price: Annotated[
        Decimal | None, typer.Option(parser=number, metavar="NUMBER", help="Per unit; required with --as filled.")
    ] = None,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Settle an UNKNOWN order by what the broker's own records say; nothing is sent."""
    filled = resolved_as is ResolvedAs.FILLED
    if filled and price is None:
        raise typer.BadParameter("--as filled needs --price: what one unit was traded at")
    if not filled and (quantity is not None or price is not None):
        raise typer.BadParameter(f"--as {resolved_as.value} has no --quantity and no --price")
    with at.open() as place:
        asked = Resolution(run, order, resolved_as, evidence, quantity, price)
        done = resolve(place.operator, place.one_account, asked)
    if json:
        names = ("changed", "unknown_left", "executes", "executed")
        print_json({"run_id": run, "order": done.order.outcome, **{name: getattr(done, name) for name in names}})
    else:
        _show_resolved(run, done)


def _show_resolved(run: str, done: Resolved) -> None:
    outcome = done.order.outcome
    verb = "is now" if done.changed else "was already"
    say(f"order {outcome.client_order_id} ({order_text(done.order.order)}) {verb} {outcome.state.value}")
    if outcome.filled:
        say(f"  {units(outcome.filled)} filled at {outcome.average_price}")
    for left in done.unknown_left:
        say(f"  still UNKNOWN in run {run}: {left}")
    if not done.unknown_left:
        say(f"  run {run} has no UNKNOWN order any more")
    if done.executes:
        state = "executed: it is never planned again" if done.executed else "not executed: the next run may carry it"
        say(f"  the REBALANCE of {done.executes} is {state}")
