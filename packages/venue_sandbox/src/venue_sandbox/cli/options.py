"""Options of a platform on this machine."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from quant_platform_kit.adapters.strategies import find_strategy
from quant_platform_kit.cli.options import day, named_strategy, number
from quant_platform_kit.domain.strategy import Strategy

__all__ = [
    "CASH",
    "FOLDER",
    "CashOption",
    "FolderOption",
    "FromOption",
    "InventedOption",
    "NotifyOption",
    "SessionsOption",
    "strategy_named",
]

PROFILE = "dual_momentum"
CASH, FOLDER = Decimal(100_000), Path("sandbox-output")

InventedOption = Annotated[Path | None, typer.Option("--prices", help="Price file; an invented market without one.")]


def _cash(text: str) -> Decimal:
    """Read an amount that an account can begin with."""
    if not (value := number(text)) > 0:
        raise typer.BadParameter(f"{text!r} is not more than 0; write it as 100000")
    return value


CashOption = Annotated[
    Decimal, typer.Option("--cash", parser=_cash, metavar="NUMBER", help="What a new account holds.")
]
FolderOption = Annotated[Path, typer.Option("--folder", help="Where store, reports and log are kept.")]
FromOption = Annotated[
    date | None, typer.Option("--from", parser=day, metavar="YYYY-MM-DD", help="First session to trigger.")
]
SessionsOption = Annotated[int | None, typer.Option("--sessions", min=1, help="Stop after so many triggers.")]
NotifyOption = Annotated[
    str, typer.Option("--notify", envvar="NOTIFY_URLS", metavar="URLS", help="Whom the service tells: Apprise URLs.")
]


def strategy_named(profile: str | None, strategy: str | None) -> Strategy:
    """Return the strategy that the options name, else that of the demo."""
    return named_strategy(profile, strategy) or find_strategy(PROFILE)
