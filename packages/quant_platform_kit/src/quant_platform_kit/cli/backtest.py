"""`quant backtest`: a strategy over a period, its figures and its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.command_line import notice, print_json
from quant_platform_kit.adapters.installed import load_only
from quant_platform_kit.adapters.price_files import LongPrices, price_table, read_price_files
from quant_platform_kit.adapters.price_income import NO_INCOME, AskedIncome, Dividends
from quant_platform_kit.adapters.share_counts import share_counts
from quant_platform_kit.cli import options
from quant_platform_kit.cli.compose import feature_source
from quant_platform_kit.cli.output import amount, console, progress, table
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.features import FeatureReading
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.planning import ExecutionRules
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.ports.feature_source import FeatureSource
from quant_platform_kit.ports.snapshot_builder import SnapshotBuilder, SnapshotFiles
from quant_platform_kit.report.files import write_backtest
from quant_platform_kit.services.research.asked_costs import AskedCosts
from quant_platform_kit.services.research.backtest import BacktestSettings, FillAt, backtest, sessions_of

__all__ = [
    "DEFAULT_BENCHMARK",
    "DayOption",
    "backtest_command",
    "columns_read",
    "commission_text",
    "readings",
    "run_backtest",
    "show_figures",
]

DEFAULT_BENCHMARK = "SPY"
BUILDERS = "quant.snapshot_builders"
"""Entry point group: loads a `SnapshotBuilder`."""

DayOption = Annotated[date, typer.Option(parser=options.day, metavar="YYYY-MM-DD")]
NumberOption = Annotated[Decimal, typer.Option(parser=options.number, metavar="NUMBER")]


def backtest_command(
    prices: options.PricesOption,
    start: DayOption,
    end: DayOption,
    out: Annotated[Path, typer.Option(help="Folder for summary.json, equity, orders, decisions and report.html.")],
    profile: options.ProfileOption = None,
    strategy: options.StrategyOption = None,
    price_field: options.PriceFieldOption = "adj_close",
    fill: Annotated[FillAt, typer.Option(help="When orders fill after the session decided on.")] = FillAt.NEXT_OPEN,
    execution: options.ExecutionOption = options.Execution.REALISTIC,
    cash: NumberOption = Decimal(100_000),
    config: options.ConfigOption = None,
    snapshots: options.SnapshotsOption = None,
    build: Annotated[bool, typer.Option("--build", help="Build the feature snapshots on the way instead.")] = False,
    sectors: Annotated[Path | None, typer.Option(metavar="FILE", help="With --build: sectors of the stocks.")] = None,
    membership: Annotated[Path | None, typer.Option(metavar="FILE", help="With --build: who was a member.")] = None,
    fundamentals: Annotated[Path | None, typer.Option(metavar="FILE", help="With --build: facts of accounts.")] = None,
    own_features: Annotated[
        Path | None, typer.Option("--features", metavar="FILE.py", help="With --build: features of your own.")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Symbol to compare with; SPY where the file has it.")] = None,
    commission_bps: options.CostOption = None,
    slippage_bps: options.CostOption = None,
    commission_per_share: options.CommissionPerShareOption = None,
    commission_minimum: options.CommissionMinimumOption = None,
    lots: options.LotsOption = None,
    cash_yield: options.CashYieldOption = "0",
    dividends: options.DividendsOption = Dividends.PRICED,
    believe: Annotated[
        list[str] | None,
        typer.Option(metavar="SYMBOL:DAY", help="Take an odd price for right, as `quant believe` does; repeatable."),
    ] = None,
    json: options.JsonOption = False,
) -> None:
    """Back-test a strategy through the same steps a live run takes."""
    bound = options.bound_strategy(profile, strategy, config)
    costs = AskedCosts(commission_bps, slippage_bps, commission_per_share, commission_minimum, lots)
    income = AskedIncome(cash_yield, dividends)
    file = read_price_files(prices, columns_read(price_field, fill), income.columns)
    policy = costs.of(options.policy(execution, bound.manifest.target_mode))
    believed = frozenset(options.symbol_day(each) for each in believe or ())
    settings = BacktestSettings(start, end, cash, fill, policy, benchmark or _default_benchmark(file), believed)
    if build:
        if snapshots or sectors is None:
            raise typer.BadParameter("--build needs --sectors, and no --snapshots")
        files = SnapshotFiles(prices, sectors, membership, fundamentals, own_features)
        features = _built(bound, files, settings)
    elif sectors or membership or fundamentals or own_features:
        raise typer.BadParameter("--sectors, --membership, --fundamentals and --features go with --build")
    else:
        features = readings(bound, feature_source(bound, snapshots), settings)
    result = run_backtest(bound, file, price_field, settings, features, income)
    if file.carried(price_field) is not bound.manifest.adjustment:
        notice(f"{bound.manifest.profile} is meant for {bound.manifest.adjustment.value} prices, not {price_field}")
    listed = _listed(file, price_field, execution, settings, bound, income)
    listed |= {"Closed, as prices end": "; ".join(ended.text for ended in result.ended)} if result.ended else {}
    listed |= {"Notes": "; ".join(result.notes)} if result.notes else {}
    files = write_backtest(out, result, bound, listed)
    if json:
        print_json({**_document(result), "out": str(out), "files": files})
        return
    show_figures(result)
    console().print(f"report  {out / 'report.html'}", soft_wrap=True)


def run_backtest(
    bound: BoundStrategy,
    file: LongPrices,
    price_field: str,
    settings: BacktestSettings,
    features: Sequence[FeatureReading] = (),
    income: AskedIncome = NO_INCOME,
) -> BacktestResult:
    """Back-test on the prices of a file, with a progress bar."""
    calendar = load_calendar("XNYS")
    benchmark = [settings.benchmark] if settings.benchmark else []
    stocks = {stock for reading in features if reading.snapshot for stock in reading.snapshot.stocks}
    stocks = stocks.intersection(file.symbols)
    prices = price_table(file, {*bound.manifest.symbols, *benchmark, *stocks}, price_field, calendar)
    if income.any:
        sessions = sessions_of(prices, calendar, settings)
        earning = {*bound.manifest.managed_set, *benchmark, *stocks}
        settings = replace(settings, income=income.of(file, price_field, earning, sessions, calendar))
    with progress(f"back-test {bound.manifest.profile}") as bar:
        task = bar.add_task("sessions", total=None)
        result = backtest(bound, prices, calendar, settings, lambda: bar.advance(task), features)
    return replace(
        result, notes=(*income.notes, *share_counts(file, price_field, settings.policy.rules, result.trades))
    )


def readings(
    bound: BoundStrategy, source: FeatureSource | None, settings: BacktestSettings
) -> tuple[FeatureReading, ...]:
    """Return what there is to read for each session; nothing for a profile that reads no snapshot."""
    if source is None:
        return ()
    return source.read(bound, load_calendar("XNYS").between(settings.start, settings.end))


def _built(bound: BoundStrategy, files: SnapshotFiles, settings: BacktestSettings) -> tuple[FeatureReading, ...]:
    """Build the snapshots of every session decided on into a folder that is gone afterwards, and read them."""
    builder: SnapshotBuilder = load_only(BUILDERS, "builder of snapshots", "snapshot-pipelines")
    calendar, cadence = load_calendar("XNYS"), bound.manifest.cadence
    first = calendar.last_decision(settings.start, cadence)
    as_ofs = [day for day in calendar.between(first, settings.end) if cadence.decides(calendar.session(day))]
    with TemporaryDirectory(prefix="snapshots-") as folder:
        builder(bound, files, as_ofs, Path(folder))
        return readings(bound, feature_source(bound, folder), settings)


def columns_read(price_field: str, fill: FillAt) -> list[str]:
    """Return the columns of a price file that a back-test reads."""
    names = ["close"] if price_field == "close" else ["close", price_field]
    return [*names, "open"] if fill is FillAt.NEXT_OPEN else names


def _default_benchmark(file: LongPrices) -> str | None:
    return DEFAULT_BENCHMARK if DEFAULT_BENCHMARK in file.symbols else None


def _listed(
    file: LongPrices,
    price_field: str,
    execution: options.Execution,
    settings: BacktestSettings,
    bound: BoundStrategy,
    income: AskedIncome,
) -> dict[str, str]:
    rules, carried = settings.policy.rules, file.carried(price_field)
    return {
        "Prices": file.path.name,
        "Price field": f"{price_field} ({carried.value})",
        "Fill": settings.fill.value,
        "Execution": execution.value,
        "Commission": commission_text(rules),
        "Slippage": f"{rules.slippage_bps.normalize():f} bp",
        "Lots": f"{rules.quantity_step.normalize():f}",
        "Cash yield": income.cash_yield,
        "Dividends": income.dividends.value,
        "Starting cash": amount(settings.cash),
        "Configuration": ", ".join(f"{key}={value}" for key, value in bound.config_values.items()) or "none",
    }


def _document(result: BacktestResult) -> dict[str, object]:
    final = result.final
    return {
        "profile": result.profile,
        "start": result.sessions[0],
        "end": result.sessions[-1],
        **plain(result.summary),
        "ended": plain(result.ended),
        "notes": result.notes,
        "final_decision": {"as_of": final.decision.as_of, "action": final.decision.action, "digest": final.digest},
    }


def show_figures(result: BacktestResult) -> None:
    """Print the figures of a back-test for a person."""
    summary = result.summary
    period = f"{result.sessions[0]} to {result.sessions[-1]}"
    shown = table(f"{result.display_name}, {period}", "figure", "value", right=("value",))
    earned = f"{amount(summary.interest)}, {amount(summary.dividends)}"
    for name, value in (
        ("final multiple", f"{summary.final_multiple:.4f}"),
        ("CAGR", "-" if summary.cagr is None else f"{summary.cagr:.2%}"),
        ("max drawdown", f"{summary.max_drawdown:.2%}"),
        ("volatility", f"{summary.volatility:.2%}"),
        ("Sharpe", "-" if summary.sharpe is None else f"{summary.sharpe:.2f}"),
        ("turnover per year", f"{summary.turnover:.2f} x"),
        ("costs", amount(summary.costs)),
        *([("interest, dividends", earned)] if result.earned else []),
        ("decisions to rebalance", f"{summary.rebalance_decisions} of {summary.runs}"),
        ("decisions, plans blocked", f"{summary.blocked_decisions}, {summary.blocked_plans}"),
        ("last decision", f"{result.final.decision.action.value} on {result.final.decision.as_of}"),
        ("decisions digest", summary.decisions_digest[:16]),
    ):
        shown.add_row(name, value)
    console().print(shown)
    for text in (*(ended.text for ended in result.ended), *result.notes):
        console().print(text, soft_wrap=True)


def commission_text(rules: ExecutionRules) -> str:
    """Write what an order pays."""
    parts = [f"{rules.commission_bps.normalize():f} bp"]
    if rules.commission_per_share:
        parts.append(f"{rules.commission_per_share.normalize():f} a share")
    if rules.commission_minimum:
        parts.append(f"{rules.commission_minimum.normalize():f} at least")
    return ", ".join(parts)
