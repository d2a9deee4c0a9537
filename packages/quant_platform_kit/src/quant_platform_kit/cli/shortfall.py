"""`quant shortfall`: what an account made less or more than a back-test of its decisions, and what of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.command_line import print_json
from quant_platform_kit.adapters.feature_sources import feature_source
from quant_platform_kit.adapters.price_files import LongPrices, price_table, read_price_files
from quant_platform_kit.backtest_request import Execution, policy
from quant_platform_kit.cli import options
from quant_platform_kit.cli.backtest_options import columns_read
from quant_platform_kit.cli.compose import strategy_finder
from quant_platform_kit.cli.output import amount, console, progress, table
from quant_platform_kit.cli.place import Place, PlaceOptions, common_options, say
from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.planning import ExecutionRules
from quant_platform_kit.domain.shortfall import Attribution, Shortfall
from quant_platform_kit.domain.strategy import TargetMode
from quant_platform_kit.report.shortfall_files import write_shortfall
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.research.asked_costs import AskedCosts
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest
from quant_platform_kit.services.research.live_record import live_record
from quant_platform_kit.services.research.shortfall import BACKTESTS, shortfall

__all__ = ["Comparison", "compared", "document_of", "shortfall_command"]

LAST_DECISIONS = 20
DayOption = Annotated[
    date | None, typer.Option(parser=options.day, metavar="YYYY-MM-DD", help="Session traded in; all if absent.")
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """With what an account is compared.

    Attributes
    ----------
    strategy
        Reference of a strategy of the user's own; None where it is installed.
    snapshots
        Where a snapshot-backed profile's features are published.
    period
        First and last session traded in; None where it has no bound.
    """

    prices: LongPrices
    price_field: str
    fill: FillAt
    policy: ExecutionPolicy
    strategy: str | None = None
    snapshots: str | None = None
    period: tuple[date | None, date | None] = (None, None)


def compared(place: Place, account: str, asked: Comparison, on_part: Callable[[], object] = lambda: None) -> Shortfall:
    """Hold an account of a store against a back-test; raises as `live_record` and `shortfall`."""
    (store, reports), calendar = place.both, load_calendar("XNYS")
    live = live_record(ReportStore(reports), store, account, asked.policy.rules, asked.period)
    bound = strategy_finder(asked.strategy)(live.profile, live.config)
    source = feature_source(bound, asked.snapshots)
    features = source.read(bound, calendar.between(live.start, live.end)) if source else ()
    stocks = {stock for reading in features if reading.snapshot for stock in reading.snapshot.stocks}
    symbols = {*bound.manifest.symbols, *stocks.intersection(asked.prices.symbols)}
    prices = price_table(asked.prices, symbols, asked.price_field, calendar)
    settings = BacktestSettings(live.start, live.end, Decimal(0), asked.fill, asked.policy)

    def play(settings: BacktestSettings) -> BacktestResult:
        return backtest(bound, prices, calendar, settings, features=features)

    return shortfall(live, prices, calendar, settings, play, on_part)


@common_options("book", "store", "reports", "account")
def shortfall_command(
    *,
    prices: options.PricesOption,
    at: PlaceOptions,
    start: DayOption = None,
    end: DayOption = None,
    price_field: options.PriceFieldOption = "adj_close",
    fill: Annotated[FillAt, typer.Option(help="When orders of the back-test fill.")] = FillAt.NEXT_OPEN,
    execution: options.ExecutionOption = Execution.REALISTIC,
    commission_bps: options.CostOption = None,
    slippage_bps: options.CostOption = None,
    commission_per_share: options.CommissionPerShareOption = None,
    commission_minimum: options.CommissionMinimumOption = None,
    lots: options.LotsOption = None,
    strategy: options.StrategyOption = None,
    snapshots: options.SnapshotsOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for shortfall.json and shortfall.html.")] = None,
    json: options.JsonOption = False,
) -> None:
    """Compare an account with a back-test of its decisions; the parts add up to the difference, to the cent."""
    costs = AskedCosts(commission_bps, slippage_bps, commission_per_share, commission_minimum, lots)
    file = read_price_files(prices, columns_read(price_field, fill))
    with at.open() as place:
        account = place.one_account
        rules = costs.of(policy(execution, TargetMode.VALUE))
        asked = Comparison(file, price_field, fill, rules, strategy, snapshots, (start, end))
        with progress(f"back-tests of {account}") as bar:
            task = bar.add_task("back-tests", total=BACKTESTS)
            found = compared(place, account, asked, lambda: bar.advance(task))
    files = write_shortfall(out, found, document_of(found), _listed(asked)) if out else []
    if json:
        print_json({**document_of(found), "files": files})
        return
    _show(found)
    if out:
        say(f"page  {escape(str(out / 'shortfall.html'))}")


def _listed(asked: Comparison) -> dict[str, str]:
    rules = asked.policy.rules
    return {
        "Prices": f"{asked.prices.path.name}, {asked.price_field}",
        "Fill": asked.fill.value,
        "Commission": commission_text(rules),
        "Slippage": f"{rules.slippage_bps.normalize():f} bp",
        "Quantity step": f"{rules.quantity_step.normalize():f}",
    }


def commission_text(rules: ExecutionRules) -> str:
    """Write what an order pays."""
    parts = [f"{rules.commission_bps.normalize():f} bp"]
    if rules.commission_per_share:
        parts.append(f"{rules.commission_per_share.normalize():f} a share")
    if rules.commission_minimum:
        parts.append(f"{rules.commission_minimum.normalize():f} at least")
    return ", ".join(parts)


def document_of(found: Shortfall) -> dict[str, object]:
    """Return a comparison as `--json` prints it."""
    return {
        "account_id": found.account_id,
        "profile": found.profile,
        "currency": found.currency,
        "start": found.sessions[0],
        "end": found.sessions[-1],
        "execution_share": found.execution_share,
        **_taken_apart(found.whole),
        "decisions": [
            {"as_of": one.as_of, "session": one.session, "until": one.until, **_taken_apart(one.cost)}
            for one in found.decisions
        ],
    }


def _taken_apart(cost: Attribution) -> dict[str, object]:
    return {"live": cost.live, "backtest": cost.backtest, "total": cost.total, "parts": cost.lines}


def _show(found: Shortfall) -> None:
    whole, currency = found.whole, found.currency
    title = f"{found.account_id}, {found.profile}, {found.sessions[0]} to {found.sessions[-1]}, {currency}"
    shown = table(title, "part", "live less back-test", right=("live less back-test",))
    for name, value in whole.lines.items():
        shown.add_row(name, amount(value))
    shown.add_section()
    shown.add_row("difference", amount(whole.total))
    console().print(shown)
    say(f"  live made {amount(whole.live)}, the back-test {amount(whole.backtest)}")
    say(f"  without outside changes {amount(whole.execution)}, {found.execution_share:.2%} of what both began with")
    _show_decisions(found)


def _show_decisions(found: Shortfall) -> None:
    newest = found.decisions[-LAST_DECISIONS:]
    if not newest:
        say("  no decision was executed in this period")
        return
    columns = ("difference", "most of it")
    shown = table(f"The last {len(newest)} of {len(found.decisions)} executed decisions", "as of", "executed", *columns,
                  right=columns[:1])  # fmt: skip
    for one in newest:
        name, value = max(one.cost.lines.items(), key=lambda line: abs(line[1]))
        most = f"{name} {amount(value)}" if value else "-"
        shown.add_row(str(one.as_of), str(one.session), amount(one.cost.total), most)
    console().print(shown)
