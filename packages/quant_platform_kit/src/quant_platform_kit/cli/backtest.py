"""`quant backtest`: a strategy over a period, its figures and its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from quant_platform_kit.adapters.command_line import notice, print_json
from quant_platform_kit.backtest_request import BacktestRequest
from quant_platform_kit.cli import options
from quant_platform_kit.cli.backtest_options import BacktestOptions
from quant_platform_kit.cli.grouped import grouped, parameters_of
from quant_platform_kit.cli.output import amount, console, progress, table
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.report.files import summary_document, write_backtest

__all__ = ["backtest_command", "run_backtest", "show_figures", "told_of_prices"]


@grouped("asked", parameters_of(BacktestOptions), lambda given: BacktestOptions(**given))
def backtest_command(
    *,
    asked: BacktestOptions,
    out: Annotated[Path, typer.Option(help="Folder for summary.json, equity, orders, decisions and report.html.")],
    force: options.ForceOption = False,
    json: options.JsonOption = False,
) -> None:
    """Back-test a strategy through the same steps a live run takes."""
    request = asked.request
    origin = request.origin()
    result = run_backtest(request)
    files = write_backtest(out, result, request.strategy, origin, force=force)
    if json:
        print_json({**_document(result, origin), "out": str(out), "files": files})
        return
    show_figures(result)
    console().print(f"report  {out / 'report.html'}", soft_wrap=True)


def run_backtest(request: BacktestRequest) -> BacktestResult:
    """Back-test with a progress bar."""
    with progress(f"back-test {request.strategy.manifest.profile}") as bar:
        task = bar.add_task("sessions", total=None)
        result = request.run(lambda: bar.advance(task))
    told_of_prices(request)
    return result


def told_of_prices(request: BacktestRequest) -> None:
    """Say so where a strategy is meant for prices that carry something else."""
    manifest = request.strategy.manifest
    if request.prices.carried(request.price_field) is not manifest.adjustment:
        notice(f"{manifest.profile} is meant for {manifest.adjustment.value} prices, not {request.price_field}")


def _document(result: BacktestResult, origin: Mapping[str, object]) -> dict[str, object]:
    final = result.final
    return {
        "profile": result.profile,
        "start": result.sessions[0],
        "end": result.sessions[-1],
        **summary_document(result, origin),
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
