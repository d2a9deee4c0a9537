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
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.services.backtest import BacktestSettings, FillAt
from quant_platform_kit.services.reports import ReportStore

from venue_sandbox.demo.market import Market
from venue_sandbox.ibkr_platform import IbkrPlatform
from venue_sandbox.paper_platform import PaperPlatform
from venue_sandbox.platform import Delivered, Platform

__all__ = ["backtest_step", "broker_step", "check", "report_of", "scheduled_step", "tested"]


def tested(market: Market) -> BacktestResult:
    """Return the back-test of a market."""
    sessions, rules = market.tested, policy(Execution.REALISTIC, market.strategy.manifest.target_mode)
    settings = BacktestSettings(sessions[0], sessions[-1], PaperPlatform.cash, FillAt.NEXT_CLOSE, rules, "SPY")
    return run_backtest(market.strategy, market.prices, "adj_close", settings)


def backtest_step(market: Market, result: BacktestResult, folder: Path) -> None:
    """Show the figures of a back-test and write its report."""
    say = console()
    say.rule("1  Back-test")
    show_figures(result)
    listed = {"Fill": "next-close", "Execution": "realistic", "Starting cash": f"{PaperPlatform.cash:,}"}
    write_backtest(folder, result, market.strategy, listed, market.label)
    say.print(f"report  {folder / 'report.html'}\n", soft_wrap=True)


def scheduled_step(platform: PaperPlatform, market: Market, result: BacktestResult, as_of: date) -> str:
    """Let the scheduler trigger the service over HTTP, and then trigger it again; return the decision's digest."""
    say = console()
    say.rule("2  The same decision, triggered by a scheduler over HTTP")
    due = market.due(as_of)
    say.print(f"venue     paper venue on 127.0.0.1:{platform.venue.port}, its clock set to {due:%Y-%m-%d %H:%M} UTC")
    say.print(f"client    paper-service on 127.0.0.1:{platform.service.port}, profile {market.profile}")
    say.print(f"trigger   POST /run, X-CloudScheduler-ScheduleTime {due:%Y-%m-%dT%H:%M:%SZ}")
    report = report_of(platform, platform.fire(due))
    show_report(report)
    digest = next(record.digest for record in result.decisions if record.decision.as_of == as_of)
    check(report.decision_digest == digest, "the service decided otherwise than the back-test")
    say.print(f"[green]one decision[/green]: the back-test of {as_of} has the same digest\n")
    before = len(platform.orders())
    again = report_of(platform, platform.fire(due))
    check(again == report, "the second trigger was answered with another report")
    check(len(platform.orders()) == before, "the second trigger sent an order")
    say.print("the scheduler fires the trigger again: the same report, and no other order at the venue\n")
    return digest


def broker_step(folder: Path, market: Market, prices: Path, as_of: date, digest: str | None) -> None:
    """Let the same trigger reach Interactive Brokers: its real client, over its own protocol, against a venue here."""
    say = console()
    say.rule("3  The same decision at Interactive Brokers, through ib_async")
    due = market.due(as_of)
    with IbkrPlatform(folder, prices, market.profile, opens_at=due.isoformat()) as platform:
        say.print(f"venue     TWS protocol on 127.0.0.1:{platform.venue.port}, account {platform.account}")
        say.print(f"client    ibkr-service on 127.0.0.1:{platform.service.port}, ib_async unmodified")
        report = report_of(platform, platform.fire(due))
        show_report(report)
        check(report.outcome is Outcome.COMPLETED, "the run at Interactive Brokers did not complete")
        check(report.decision_digest == digest, "the service decided otherwise than on paper")
        say.print("[green]one decision[/green]: back-test, paper and Interactive Brokers have the same digest\n")


def report_of(platform: Platform, delivered: Delivered) -> RunReport:
    """Return the report that a trigger ended with."""
    report = ReportStore(FileStore(platform.folder / "reports")).find(delivered.run_id)
    assert report is not None, "a trigger is answered after the report was kept"
    return report


def check(holds: bool, otherwise: str) -> None:
    """Stop the demo when it did not show what it says."""
    if not holds:
        raise InvalidInput(f"{otherwise}: this is a defect, please report it")
