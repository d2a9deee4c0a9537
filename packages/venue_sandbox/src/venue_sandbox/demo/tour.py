"""When all goes well: a back-test, a scheduled run, the same trigger again, and the same decision at every broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.backtest_request import BacktestRequest
from quant_platform_kit.cli.backtest import run_backtest, show_figures
from quant_platform_kit.cli.output import console, progress, table, units
from quant_platform_kit.cli.run import show_report
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.performance import BacktestResult
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.report.files import write_backtest
from quant_platform_kit.services.record.report_store import ReportStore
from quant_platform_kit.services.research.backtest import FillAt

from venue_sandbox.demo.market import Market
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import Delivered, Platform

__all__ = ["asked", "backtest_step", "brokers_step", "check", "report_of", "scheduled_step", "tested"]


def tested(market: Market) -> BacktestResult:
    """Return the back-test of a market."""
    return run_backtest(asked(market))


def asked(market: Market) -> BacktestRequest:
    """Return what the back-test of a market is asked."""
    first, last = market.tested[0], market.tested[-1]
    return BacktestRequest(
        market.strategy, market.prices, first, last, cash=PaperPlatform.cash, fill=FillAt.NEXT_CLOSE, benchmark="SPY"
    )


def backtest_step(market: Market, result: BacktestResult, folder: Path) -> None:
    """Show the figures of a back-test and write its report."""
    say = console()
    say.rule("1  Back-test")
    show_figures(result)
    write_backtest(folder, result, market.strategy, asked(market).origin(), market.label)
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


def brokers_step(platforms: Sequence[Platform], market: Market, as_of: date, digest: str | None) -> None:
    """Let the same trigger reach every broker: its real client, over its own protocol, against a venue here."""
    say = console()
    say.rule("3  The same decision at three brokers, through their own client libraries")
    due = market.due(as_of)
    shown = table("", "service", "client library", "outcome", "book", "decision")
    books: list[Mapping[str, str]] = []
    with progress("brokers") as bar:
        task = bar.add_task("", total=len(platforms))
        for platform in platforms:
            report = report_of(platform, platform.fire(due))
            check(report.outcome is Outcome.COMPLETED, f"the run of {platform.name} did not complete")
            check(report.decision_digest == digest, f"the service of {platform.name} decided otherwise than on paper")
            books.append(_held(platform))
            book = ", ".join(f"{count} {symbol}" for symbol, count in books[-1].items())
            client = f"{_client(platform)}, unmodified"
            shown.add_row(platform.name, client, report.outcome.value, book, (report.decision_digest or "")[:12])
            bar.advance(task)
    say.print(shown)
    check(all(book == books[0] for book in books), "the books of the brokers differ")
    say.print("[green]one decision[/green]: back-test, paper and three brokers have the same digest, and one book\n")


def _client(platform: Platform) -> str:
    """Return the name of the library that is installed for a platform."""
    return platform.kind.libraries()[0].library


def _held(platform: Platform) -> Mapping[str, str]:
    """Return what the venue's own book holds."""
    (account,) = platform.venue.control("GET", "book")["accounts"]
    return {symbol: units(Decimal(each["quantity"])) for symbol, each in sorted(account["holdings"].items())}


def report_of(platform: Platform, delivered: Delivered) -> RunReport:
    """Return the report that a trigger ended with."""
    report = ReportStore(FileStore(platform.folder / "reports")).find(delivered.run_id)
    assert report is not None, "a trigger is answered after the report was kept"
    return report


def check(holds: bool, otherwise: str) -> None:
    """Stop the demo when it did not show what it says."""
    if not holds:
        raise InvalidInput(f"{otherwise}: this is a defect, please report it")
