"""`quant paper`: look at a paper account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.cli.options import JsonOption
from quant_platform_kit.cli.output import amount, console, table, units
from quant_platform_kit.paper.broker import PaperAccount, read_account

__all__ = ["app", "show_account"]

app = typer.Typer(help="Look at a paper account.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at a paper account."""


@app.command("show")
def show(book: Annotated[Path, typer.Option(help="Folder of the account.")], json: JsonOption = False) -> None:
    """Show cash, positions and fills of a paper account."""
    account = read_account(book)
    if json:
        print_json(_document(account))
    else:
        show_account(account)


def _document(account: PaperAccount) -> dict[str, object]:
    fills = [fill for report in account.reports.values() for fill in report.fills]
    return {
        "account_id": account.book.account_id,
        "currency": account.book.currency,
        "funded": account.funded,
        "cash": account.book.cash,
        "positions": account.book.quantities,
        "fills": fills,
    }


def show_account(account: PaperAccount) -> None:
    """Print a paper account for a person."""
    book = account.book
    shown = table(f"Account {book.account_id}", "holding", "quantity", right=("quantity",))
    for symbol, quantity in sorted(book.quantities.items()):
        shown.add_row(symbol, units(quantity))
    shown.add_row(f"cash {book.currency}", amount(book.cash))
    console().print(shown)
    fills = [fill for report in account.reports.values() for fill in report.fills]
    console().print(f"{len(fills)} fills of {len(account.reports)} orders; funded with {amount(account.funded)}")
