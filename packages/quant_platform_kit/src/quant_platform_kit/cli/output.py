"""What commands draw for people: tables and progress, amounts and quantities."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from quant_platform_kit.domain.orders import Order

__all__ = ["amount", "console", "order_text", "progress", "some", "table", "units"]

SHOWN = 3
"""So many of a list of names are written out."""


def console() -> Console:
    """Return the console that results go to."""
    return Console(highlight=False)


def progress(description: str) -> Progress:
    """Return a progress bar on standard error; it leaves nothing behind."""
    columns = (TextColumn(description), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    out = Console(stderr=True)
    return Progress(*columns, console=out, transient=True, disable=not out.is_terminal)


def table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """Return an empty table; columns named in ``right`` are right-aligned, the first is never broken."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", no_wrap=column == columns[0])
    return made


def some(names: Sequence[str]) -> str:
    """Write the first few of some names, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def amount(value: Decimal | float | None) -> str:
    """Write an amount of money with two decimals."""
    return "-" if value is None else f"{value:,.2f}"


def units(value: Any) -> str:
    """Write a quantity without trailing zeros."""
    return f"{Decimal(value).normalize():,f}" if value else "0"


def order_text(order: Order) -> str:
    """Write what an order is for, as markup."""
    return f"{order.side.value} {units(order.quantity)} {escape(order.symbol)}"
