"""`quant owner`: which service an account belongs to, and handing it over."""

from __future__ import annotations

from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.place import PlaceOptions, common_options, is_name, say, words
from quant_platform_kit.services.operate.owners import hand_over, owner_of

__all__ = ["owner_command"]


@common_options("book", "store", "account", "who")
def owner_command(
    *,
    to: Annotated[str | None, typer.Option(metavar="SERVICE", help="Hand the account over to this service.")] = None,
    reason: Annotated[
        str | None, typer.Option(parser=words, metavar="TEXT", help="Why, for the audit; required with --to.")
    ] = None,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Show which service each account belongs to, or hand one over; two services never trade one account."""
    with at.open() as place:
        if to is not None:
            if not is_name(to):
                raise typer.BadParameter(f"--to {to!r}: a service name is made of letters, digits and ._-")
            if reason is None:
                raise typer.BadParameter("say why, for the audit: add --reason TEXT")
            hand_over(place.operator, place.one_account, to, reason)
        owners = {one: owner_of(place.store, one) for one in place.chosen}
    if json:
        print_json({"owners": owners})
        return
    for one, owner in owners.items():
        say(f"{one}  {owner.service} since {owner.since:%Y-%m-%d %H:%M} UTC" if owner else f"{one}  nobody yet")
