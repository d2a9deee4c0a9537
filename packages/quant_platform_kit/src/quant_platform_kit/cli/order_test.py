"""`quant contact --order-test`: a few orders that cannot fill, to see what the broker does with them."""

from __future__ import annotations

<<<<<<< HEAD
from collections.abc import Callable
from typing import TYPE_CHECKING
=======
from typing import Annotated
>>>>>>> wt-ready

from rich.console import Console
from rich.markup import escape

from quant_platform_kit.adapters.command_line import complain, print_json
<<<<<<< HEAD
from quant_platform_kit.adapters.installed import load_of_platform
from quant_platform_kit.cli.broker import ENTRY_POINTS
=======
from quant_platform_kit.cli.broker import make_order_test
from quant_platform_kit.cli.options import JsonOption
>>>>>>> wt-ready
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.services.operate.assumptions import Verdict

<<<<<<< HEAD
if TYPE_CHECKING:
    from quant_platform_kit.runtime.service import Service

__all__ = ["make_order_test"]
=======
__all__ = ["order_test_command", "show_order_test"]


def order_test_command(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="What one unit is ordered of, far below its price.")],
    platform: Annotated[
        str, typer.Option(metavar="NAME", help="Whose service; its settings are read from the environment.")
    ],
    account: Annotated[
        str | None, typer.Option(metavar="ID", help="The account; for live trading it has to be typed.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Send five orders that cannot fill, one after the other, look each up and cancel it; exit 1 if anything is odd."""
    if code := show_order_test(platform, symbol, account, json=json):
        raise typer.Exit(code)
>>>>>>> wt-ready


def show_order_test(platform: str, symbol: str, account: str | None, *, json: bool) -> int:
    """Make an order test on an account of a platform's service, and show it; return the exit code.

    Parameters
    ----------
    account
        As it was typed; needed for live trading.
    """
    with Console(stderr=True).status(f"testing orders of {escape(symbol)}"):
        tried = make_order_test(platform, symbol, account)
    report = tried.report
    if json:
        print_json(plain(tried))
    else:
        say(f"[bold]Order test {report.run_id}[/bold]  {report.outcome.value}")
        for reason in report.reasons[1:]:
            say(f"  {escape(reason)}")
        for todo in report.todo:
            say(f"  [red]to do[/red]  {escape(todo)}")
    refuted = [mark.identity for mark in tried.marks if mark.verdict is Verdict.REFUTED]
    if refuted:
        return complain(f"{', '.join(refuted)} refuted: account {report.key.account_id} may not trade live", 1)
    return 0 if report.outcome.good else complain("the test did not come to its end", 1)
