"""`quant believe`: letting runs go on with a price that is doubted and right."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption, day
from quant_platform_kit.cli.options import symbol as read_symbol
from quant_platform_kit.cli.place import PlaceOptions, ReasonOption, common_options, say
from quant_platform_kit.services.operate.believing import believe

__all__ = ["believe_command"]


@common_options("book", "store", "who")
def believe_command(
    *,
    symbol: Annotated[str, typer.Argument(parser=read_symbol, metavar="SYMBOL", help="Whose price is right.")],
    session: Annotated[
        date, typer.Option(parser=day, metavar="YYYY-MM-DD", help="The session whose prices are right.")
    ],
    reason: ReasonOption,
    at: PlaceOptions,
    json: JsonOption = False,
) -> None:
    """Believe a symbol's prices in one session: lifts what doubts about them block, in every account of the store."""
    load_calendar("XNYS").session(session)
    with at.open() as place:
        _ = place.any_account
        changed = believe(place.operator, symbol, session, reason)
    if json:
        print_json({"symbol": symbol, "session": session, "changed": changed})
        return
    say(f"prices of {symbol} in the session {session} are believed{'' if changed else ' already'}")
