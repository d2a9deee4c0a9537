"""Options that several commands share, and how their text is read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.price_files import PRICE_FIELDS
from quant_platform_kit.adapters.price_income import Dividends
from quant_platform_kit.adapters.strategies import bind, find_strategy, read_config, strategy_of
from quant_platform_kit.adapters.workers import Workers, parse_workers
from quant_platform_kit.backtest_request import Execution
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import SYMBOL
from quant_platform_kit.domain.strategy import BoundStrategy, Strategy

__all__ = [
    "CashYieldOption",
    "CommissionMinimumOption",
    "CommissionPerShareOption",
    "ConfigOption",
    "CostOption",
    "DividendsOption",
    "EmptyOption",
    "ExecutionOption",
    "ForceOption",
    "JsonOption",
    "LotsOption",
    "PriceFieldOption",
    "PricesOption",
    "ProfileOption",
    "SnapshotManifestOption",
    "SnapshotsOption",
    "SomePricesOption",
    "StrategyOption",
    "bound_strategy",
    "day",
    "duration",
    "instant",
    "named_strategy",
    "number",
    "share",
    "symbol",
    "symbol_day",
    "workers",
]


def day(text: str) -> date:
    """Read an ISO date."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write it as 2023-12-29") from None


def number(text: str) -> Decimal:
    """Read a finite decimal number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise typer.BadParameter(f"{text!r} is not a number; write it as 100000 or 0.5")
    return value


def share(text: str) -> Decimal:
    """Read a positive share."""
    if not (value := number(text)) > 0:
        raise typer.BadParameter(f"{text!r} is not a positive share; write it as 0.1 for 10 %")
    return value


def symbol(text: str) -> str:
    """Read a symbol."""
    if SYMBOL.fullmatch(text) is None:
        raise typer.BadParameter(f"{text!r} is not a symbol; write it as SPY or BRK B")
    return text


def symbol_day(text: str) -> tuple[str, date]:
    """Read a symbol and a day."""
    name, colon, at = text.rpartition(":")
    if not colon:
        raise typer.BadParameter(f"{text!r} is not SYMBOL:DAY; write it as SPY:2023-12-29")
    return symbol(name), day(at)


_DURATION = re.compile(r"([0-9]{1,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def duration(text: str) -> timedelta:
    """Read a length of time: a whole number and its unit."""
    read = _DURATION.fullmatch(text)
    if read is None:
        raise typer.BadParameter(f"{text!r} is not a length of time; write it as 90s, 30m, 24h or 7d")
    return timedelta(**{_UNITS[read[2]]: int(read[1])})


def instant(text: str) -> datetime:
    """Read an instant with its offset from UTC."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{text!r} is not an instant; write it as 2023-12-01T20:45:00Z")


def workers(text: str) -> Workers:
    """Read who works: a number of processes, or the address of a scheduler."""
    try:
        return parse_workers(text)
    except InvalidInput as error:
        raise typer.BadParameter(str(error)) from None


def price_field(text: str) -> str:
    """Read the name of a price column."""
    if text not in PRICE_FIELDS:
        raise typer.BadParameter(f"{text!r} is not a price field; choose {' or '.join(PRICE_FIELDS)}")
    return text


ProfileOption = Annotated[str | None, typer.Option("--profile", help="Profile out of the catalog.")]
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy", metavar="FILE.py:CLASS|NAME", help="A strategy of your own instead, or an installed one."
    ),
]
ConfigOption = Annotated[
    list[str] | None,
    typer.Option(
        "--config", metavar="FILE|KEY=VALUE", help="Strategy settings: a TOML or JSON file, or pairs; repeatable."
    ),
]
PricesOption = Annotated[
    list[Path], typer.Option("--prices", help="Price file, parquet or CSV in long format; repeatable.")
]
SomePricesOption = Annotated[
    list[Path] | None, typer.Option("--prices", help="Price file, parquet or CSV in long format; repeatable.")
]
SnapshotsOption = Annotated[
    str | None,
    typer.Option(
        "--snapshots",
        envvar="PAPER_FEATURE_SNAPSHOT_PATH",
        metavar="ROOT",
        help="Where feature snapshots are published: a folder or gs:// address.",
    ),
]
SnapshotManifestOption = Annotated[
    str | None,
    typer.Option(
        "--snapshot-manifest",
        envvar="PAPER_FEATURE_SNAPSHOT_MANIFEST_PATH",
        metavar="FILE",
        help="The manifest to start from, the latest one or a pinned version; the latest below --snapshots if absent.",
    ),
]
PriceFieldOption = Annotated[
    str,
    typer.Option(
        "--price-field",
        parser=price_field,
        metavar="close|adj_close",
        help="The one series for history and quotes: split-adjusted or total-return.",
    ),
]
ExecutionOption = Annotated[
    Execution,
    typer.Option(
        "--execution",
        help="realistic: whole shares, 1 bp commission, 2 bp slippage, 0.5 % buffer, 25 USD minimum; ideal: none.",
    ),
]
CostOption = Annotated[Decimal | None, typer.Option(parser=number, metavar="BPS", help="Overrides --execution.")]
CommissionPerShareOption = Annotated[
    Decimal | None, typer.Option(parser=number, metavar="NUMBER", help="Of every share, beside the basis points.")
]
CommissionMinimumOption = Annotated[
    Decimal | None, typer.Option(parser=number, metavar="NUMBER", help="Of every order at least.")
]
LotsOption = Annotated[
    Decimal | None,
    typer.Option(parser=number, metavar="NUMBER", help="Orders are multiples of it; overrides --execution."),
]
CashYieldOption = Annotated[
    str,
    typer.Option(
        metavar="SYMBOL|RATE", help="What cash earns: the total return of a symbol such as BIL, or 0.02 for 2 % a year."
    ),
]
DividendsOption = Annotated[
    Dividends,
    typer.Option(help="priced: as the prices have them; cash: on the ex-date, with --price-field close."),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace another result that --out holds.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
EmptyOption = Annotated[bool, typer.Option("--empty", help="That nothing is there yet is no mistake of its address.")]


def named_strategy(profile: str | None, strategy: str | None) -> Strategy | None:
    """Return the strategy that the options name; None if they name none."""
    if profile is not None and strategy is not None:
        raise typer.BadParameter("give either --profile NAME or --strategy FILE.py:CLASS")
    if strategy is not None:
        return strategy_of(strategy)
    return None if profile is None else find_strategy(profile)


def bound_strategy(profile: str | None, strategy: str | None, config: list[str] | None) -> BoundStrategy:
    """Find the strategy that the options name and bind its configuration."""
    found = named_strategy(profile, strategy)
    if found is None:
        raise typer.BadParameter("give either --profile NAME or --strategy FILE.py:CLASS")
    return bind(found, read_config(config or []))
