"""`quant account`: what an account is worth and made, what it holds, what is due and what was decided."""

from __future__ import annotations

from decimal import Decimal

from rich.markup import escape

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import amount, console, table, units
from quant_platform_kit.cli.place import PlaceOptions, common_options, say
from quant_platform_kit.cli.status import status_sources
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.services.observe.account import AccountView, account_views

__all__ = ["account_command"]

LAST_VALUES = 10


@common_options("book", "store", "reports", "account")
def account_command(*, at: PlaceOptions, json: JsonOption = False) -> None:
    """Show what one account, or every account in the store, is worth and made, holds and decided, and what is due."""
    with at.open() as place:
        found = account_views(status_sources(place), place.chosen)
    if json:
        print_json({"accounts": [plain(view) for view in found]})
        return
    for view in found:
        _show(view)


def _show(view: AccountView) -> None:
    status = view.status
    run = f"{escape(view.display_name)}, mode {status.mode.value}" if status.mode else "no run yet"
    say(f"[bold]Account {status.account_id}[/bold]  {run}")
    for need in status.needs:
        say(f"  [red]needs you[/red]     {escape(need)}")
    if view.valued_at:
        say(f"  worth         {amount(view.value)} {view.currency} on {view.valued_at:%Y-%m-%d %H:%M} UTC")
    if made := view.made:
        say(f"  made          {amount(made.profit)} {view.currency} of {amount(made.invested)} invested")
        grew = f"{_percent(made.time_weighted)} time-weighted, {_percent(made.money_weighted)} money-weighted"
        say(f"  grew          {grew}")
    if view.unreadable:
        say(f"  [yellow]not known[/yellow]     {escape(view.unreadable)}")
    say(f"  due           {_due(view)}")
    _show_holdings(view)
    _show_decisions(view)
    _show_values(view)


def _percent(share: Decimal | None) -> str:
    return "-" if share is None else f"{share:+.2%}"


def _due(view: AccountView) -> str:
    status = view.status
    owed = f"the REBALANCE of {status.due} is still to be executed; " if status.due else "nothing; "
    return owed + (f"decides next: {escape(status.next_decision.text)}" if status.next_decision else "never ran")


def _show_holdings(view: AccountView) -> None:
    columns = ("held", "target", "missing", "price", "value")
    shown = table("Holdings", "symbol", *columns, right=columns)
    for holding in view.holdings:
        line = holding.line
        wanted = ("-" if number is None else f"{number:,.2f}" for number in (line.target, line.missing))
        price = "-" if holding.price is None else f"{holding.price:,.4f}"
        shown.add_row(line.symbol, units(line.held), *wanted, price, amount(holding.value))
    shown.add_row("cash", "", "", "", "", amount(view.cash))
    console().print(shown)


def _show_decisions(view: AccountView) -> None:
    shown = table("Last decisions", "session", "decided", "outcome", "why")
    for one in view.decisions:
        shown.add_row(str(one.session), one.action.value, one.outcome.value, escape("; ".join(one.reasons)))
    if view.decisions:
        console().print(shown)


def _show_values(view: AccountView) -> None:
    shown = table(f"Value after runs, {view.currency}", "when", "value", "came in", right=("value", "came in"))
    for one in view.valuations[-LAST_VALUES:]:
        shown.add_row(f"{one.at:%Y-%m-%d %H:%M} UTC", amount(one.value), amount(one.flow) if one.flow else "")
    if view.valuations:
        console().print(shown)
