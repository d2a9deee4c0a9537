"""`quant contact --order-test`: a few orders that cannot fill, to see what the broker does with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.installed import load_of_platform
from quant_platform_kit.cli.broker import ENTRY_POINTS
from quant_platform_kit.cli.place import say
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.services.operate.assumptions import Verdict

if TYPE_CHECKING:
    from quant_platform_kit.runtime.service import Service

__all__ = ["make_order_test"]


def make_order_test(platform: str, symbol: str, account: str | None, *, json: bool) -> int:
    """Make an order test on an account of a platform's service, and show it; return the exit code.

    Parameters
    ----------
    account
        As it was typed; needed for live trading.
    """
    compose: Callable[[], Service] = load_of_platform(ENTRY_POINTS, platform, "service")
    from quant_platform_kit.runtime.order_tests import order_test_of

    with Console(stderr=True).status(f"testing orders of {escape(symbol)}"):
        tried = order_test_of(compose(), symbol, account)
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
