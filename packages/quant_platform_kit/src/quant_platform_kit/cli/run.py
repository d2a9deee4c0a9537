"""`quant run`: one run, from inputs to a filled book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.command_line import complain, print_json
from quant_platform_kit.adapters.feature_sources import feature_source
from quant_platform_kit.adapters.price_files import EVIDENCE_COLUMNS, read_price_files
from quant_platform_kit.backtest_request import Execution, policy
from quant_platform_kit.cli import options
from quant_platform_kit.cli.broker import AccountRun, run_service
from quant_platform_kit.cli.compose import PaperRun, run_on_paper
from quant_platform_kit.cli.output import amount, console, table, units
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.planning import OrderPlan
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.services.run.request import Handover

__all__ = ["run_command", "show_report"]


def run_command(
    prices: options.SomePricesOption = None,
    as_of: Annotated[
        date | None, typer.Option(parser=options.day, metavar="YYYY-MM-DD", help="The session to decide on.")
    ] = None,
    book: Annotated[Path | None, typer.Option(help="Folder of the paper account: its book, store and reports.")] = None,
    profile: options.ProfileOption = None,
    strategy: options.StrategyOption = None,
    platform: Annotated[
        str,
        typer.Option(help="paper, or a broker's platform: as its service runs, by the settings in the environment."),
    ] = "paper",
    price_field: options.PriceFieldOption = "adj_close",
    cash: Annotated[
        Decimal | None,
        typer.Option(parser=options.number, metavar="NUMBER", help="Funds a new account; must equal it later."),
    ] = None,
    config: options.ConfigOption = None,
    execution: options.ExecutionOption = Execution.REALISTIC,
    snapshots: options.SnapshotsOption = None,
    snapshot_manifest: options.SnapshotManifestOption = None,
    slot: Annotated[str, typer.Option(help="Name of the attempt: `quant rerun` opens another one.")] = "cli",
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Go on after a change of the account from outside that blocks.")
    ] = False,
    enter_now: Annotated[
        bool,
        typer.Option("--enter-now", help="Let a new account execute the decision still in force, without waiting."),
    ] = False,
    handover: Annotated[
        Handover,
        typer.Option(help="What to do with holdings that an earlier profile bought and this one does not manage."),
    ] = Handover.REFUSE,
    max_price_move: Annotated[
        Decimal | None,
        typer.Option(
            parser=options.share,
            envvar="MAX_PRICE_MOVE",
            metavar="SHARE",
            help="Largest move since the decision, such as 0.1; blocks beyond it.",
        ),
    ] = None,
    due: Annotated[
        datetime | None,
        typer.Option(
            "--due",
            parser=options.instant,
            metavar="TIME",
            help="On a broker's platform: when it was due; now if absent.",
        ),
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="On a broker's platform: no further than this.")] = None,
    json: options.JsonOption = False,
) -> None:
    """Decide on a completed session, trade at the next one's close; asked again, report the same and send nothing.

    With --platform NAME of a broker's app: one run of its service, now, under the settings in the environment. All but
    --due, --mode and --json stands there.
    """
    if platform != "paper":
        given = (prices, as_of, book, profile, strategy, cash, config, snapshots, snapshot_manifest)
        if any(given):
            raise typer.BadParameter(f"--platform {platform} runs its service: the environment says the rest")
        results = run_service(platform, due or SystemClock().now().replace(microsecond=0), mode)
        raise typer.Exit(_show_results(results, json=json))
    if not (prices and as_of and book):
        raise typer.BadParameter("on paper, --prices, --as-of and --book are needed")
    bound = options.bound_strategy(profile, strategy, config)
    file = read_price_files(prices, ["close"] if price_field == "close" else ["close", price_field], EVIDENCE_COLUMNS)
    rules = policy(execution, bound.manifest.target_mode)
    rules = replace(rules, limits=replace(rules.limits, max_price_move=max_price_move))
    features = feature_source(bound, snapshots, snapshot_manifest)
    report = run_on_paper(
        PaperRun(bound, file, price_field, as_of, book, cash, rules, accept_changes, enter_now, handover, features),
        slot,
    )
    if json:
        print_json(_document(report))
    else:
        show_report(report)
    if not report.outcome.good:
        raise typer.Exit(complain(f"{report.outcome.value}: {'; '.join(report.reasons)}", 1))


def _show_results(results: Sequence[AccountRun], *, json: bool) -> int:
    """Print what became of each account of a service, and return the exit status."""
    if json:
        print_json([_result_document(result) for result in results])
    code = 0
    for result in results:
        report = result.report
        if report and not json:
            show_report(report)
        if report is None:
            code = complain(f"{result.account_id}: {result.ending}: {result.error}", 1)
        elif not report.outcome.good:
            code = complain(f"{result.account_id}: {report.outcome.value}: {'; '.join(report.reasons)}", 1)
    return code


def _result_document(result: AccountRun) -> dict[str, object]:
    report = _document(result.report) if result.report else None
    return {"account_id": result.account_id, "ending": result.ending, "error": result.error, "report": report}


def _document(report: RunReport) -> dict[str, object]:
    return {name: getattr(report, name) for name in RunReport.__dataclass_fields__}


def show_report(report: RunReport) -> None:
    """Print a run report for a person."""
    out = console()
    colour = "green" if report.outcome.good else "red"
    out.print(f"[bold]{report.display_name}[/bold] on {report.key.account_id}, run {report.run_id}", soft_wrap=True)
    action = report.action.value if report.action else "no decision"
    out.print(
        f"[{colour}]{report.outcome.value}[/{colour}]  {action} as of {report.as_of}, mode {report.key.mode.value}"
    )
    if report.executes and report.executes != report.as_of:
        out.print(f"  executes the REBALANCE of {report.executes}, which was still due")
    for session in report.behind:
        out.print(f"  [red]behind target[/red]: the REBALANCE of {session} grew too old to be executed")
    if report.reasoning and report.input_mode == "snapshot":
        features = report.reasoning.inputs.features
        out.print(f"  input mode snapshot: {features.text if features else 'none could be read'}", soft_wrap=True)
    for reason in report.reasons:
        out.print(f"  {reason}", soft_wrap=True, markup=False)
    out.print(f"  decision {report.decision_digest}", soft_wrap=True)
    if report.plan:
        _show_plan(report.plan)
    if report.orders:
        _show_orders(report)
    for currency, cash in report.account.cash_by_currency.items() if report.account else ():
        out.print(f"cash left  {amount(cash)} {currency}")


def _show_plan(plan: OrderPlan) -> None:
    shown = table("Plan", "symbol", "held", "target", "order", "residual", "why", right=("held", "target", "residual"))
    for line in plan.lines:
        if line.current or line.target:
            order = f"{line.order.side.value} {units(line.order.quantity)}" if line.order else "-"
            target = f"{line.target:,.2f}"
            shown.add_row(line.symbol, units(line.current), target, order, amount(line.residual), line.why.value)
    console().print(shown)


def _show_orders(report: RunReport) -> None:
    numbers = ("quantity", "filled", "price", "commission")
    shown = table("Orders", "order", *numbers, "state", right=numbers)
    for order in report.orders:
        price = "-" if order.average_price is None else f"{order.average_price:,.4f}"
        quantities = (units(order.quantity), units(order.filled))
        name = f"{order.side.value} {order.symbol}"
        shown.add_row(name, *quantities, price, amount(order.commission), order.state.value)
    console().print(shown)
    for order in report.orders:
        name = f"{order.side.value} {order.symbol}"
        console().print(f"  {name} has client order id {order.client_order_id}", soft_wrap=True)
