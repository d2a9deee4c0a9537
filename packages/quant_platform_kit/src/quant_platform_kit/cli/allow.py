"""`quant allow`: which accounts may trade live."""

from __future__ import annotations

from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.place import PlaceOptions, common_options, is_name, say, words
from quant_platform_kit.services.operate.allow_list import set_allowed
from quant_platform_kit.services.operate.switches import allowed

__all__ = ["allow_command"]


@common_options("store", "who")
def allow_command(
    *,
    account: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Account id as the broker reports it; none lists them.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Strike it off instead.")] = False,
    reason: Annotated[
        str | None, typer.Option(parser=words, metavar="TEXT", help="Why, for the audit; required with an account.")
    ] = None,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Let an account trade live: the third of three switches, beside the two in its service's environment."""
    with at.open() as place:
        changed = False
        if account is not None:
            if not is_name(account):
                raise typer.BadParameter(f"account {account!r}: an account id is made of letters, digits and ._-")
            if reason is None:
                raise typer.BadParameter("say why, for the audit: add --reason TEXT")
            changed = set_allowed(place.operator, account, reason, on=not remove)
        listed = sorted(allowed(place.store).on())
    if json:
        print_json({"allowed": listed, "changed": changed})
        return
    if account is not None:
        state = "may not trade live" if remove else "may trade live"
        say(f"{account} {state}{'' if changed else ' already'}")
    say(f"on the allow-list: {', '.join(listed) or 'nobody'}")
