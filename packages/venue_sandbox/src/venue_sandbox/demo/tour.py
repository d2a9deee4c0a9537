"""When all goes well: a back-test, a scheduled run, and the same trigger again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from quant_platform_kit.adapters.backtest_files import write_backtest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.cli.backtest import run_backtest, show_figures
from quant_platform_kit.cli.options import Execution, policy
from quant_platform_kit.cli.output import console
from quant_platform_kit.cli.run import show_report
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.services.backtest import BacktestSettings, FillAt
from quant_platform_kit.services.reports import ReportStore

from venue_sandbox.demo.market import Market
from venue_sandbox.paper_platform import Delivered, PaperPlatform

__all__ = ["backtest_step", "check", "report_of", "scheduled_step"]


def backtest_step(market: Market, folder: Path) -> BacktestResult:
    """Back-test, show the figures and write the report."""
    say = console()
    say.rule("1  Back-test")
    cash = PaperPlatform.cash
    tested, rules = market.tested, policy(Execution.REALISTIC, market.strategy.manifest.target_mode)
    settings = BacktestSettings(tested[0], tested[-1], cash, FillAt.NEXT_CLOSE, rules, "SPY")
    result = run_backtest(market.strategy, market.prices, "adj_close", settings)
    show_figures(result)
    listed = {"Fill": "next-close", "Execution": "realistic", "Starting cash": f"{cash:,}"}
    write_backtest(folder, result, market.strategy, listed, market.label)
    say.print(f"report  {folder / 'report.html'}\n", soft_wrap=True)
    return result


def scheduled_step(platform: PaperPlatform, market: Market, result: BacktestResult, as_of: date) -> None:
    """Let the scheduler trigger the service over HTTP, and then trigger it again."""
    say = console()
    say.rule("2  The same decision, triggered by a scheduler over HTTP")
    due = market.due(as_of)
    say.print(f"venue     paper venue on 127.0.0.1:{platform.venue.port}, its clock set to {due:%Y-%m-%d %H:%M} UTC")
    say.print(f"client    paper-service on 127.0.0.1:{platform.service.port}, profile {market.profile}")
    say.print(f"trigger   POST /run, X-CloudScheduler-ScheduleTime {due:%Y-%m-%dT%H:%M:%SZ}")
    report = report_of(platform, platform.fire(due))
    show_report(report)
    tested = next(record.digest for record in result.decisions if record.decision.as_of == as_of)
    check(report.decision_digest == tested, "the service decided otherwise than the back-test")
    say.print(f"[green]one decision[/green]: the back-test of {as_of} has the same digest\n")
    before = len(platform.orders())
    again = report_of(platform, platform.fire(due))
    check(again == report, "the second trigger was answered with another report")
    check(len(platform.orders()) == before, "the second trigger sent an order")
    say.print(
        f"the scheduler fires the trigger again: the same report; orders at the venue before and after: {before}\n"
    )


def report_of(platform: PaperPlatform, delivered: Delivered) -> RunReport:
    """Return the report that a trigger ended with."""
    report = ReportStore(FileStore(platform.folder / "reports")).find(delivered.run_id)
    assert report is not None, "a trigger is answered after the report was kept"
    return report


def check(holds: bool, otherwise: str) -> None:
    """Stop the demo when it did not show what it says."""
    if not holds:
        raise InvalidInput(f"{otherwise}: this is a defect, please report it")
