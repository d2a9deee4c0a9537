"""When things go wrong: a service that dies between an order and its answer, and orders nobody can be sure of."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date

from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.cli.output import console, progress, units
from quant_platform_kit.cli.run import show_report
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.runs import OrderRecord, Outcome
from quant_platform_kit.paper.venue import Fault
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import RunLedger
from quant_platform_kit.services.record.report_store import ReportStore

from venue_sandbox.demo.command_line import quant
from venue_sandbox.demo.market import Market
from venue_sandbox.demo.tour import check, report_of
from venue_sandbox.servers.launch import Unhealthy
from venue_sandbox.stands.ibkr import IbkrPlatform
from venue_sandbox.stands.paper import PaperPlatform
from venue_sandbox.stands.platform import Delivered, Platform
from venue_sandbox.stands.schwab import SchwabPlatform

__all__ = ["block_step", "candidates_step", "crash_step"]

WAIT_SECONDS = 20
RETRIES = 5


def crash_step(platform: IbkrPlatform, market: Market, as_of: date) -> None:
    """Kill the service after the Gateway has an order and before the service knows, and let the scheduler go on."""
    say = console()
    say.rule("4  kill -9 between an order and its acknowledgement, at Interactive Brokers")
    _say_due(market, as_of)
    before = len(platform.sent())
    platform.venue.fault("silent", operation="submit")
    with ThreadPoolExecutor(1) as pool:
        trigger = pool.submit(platform.fire, market.due(as_of), retries=RETRIES)
        _until(lambda: len(platform.sent()) > before, trigger)
        record = _under_way(platform)[0]
        platform.kill_service()
        say.print(f"ledger    {_named(record)}: {_path(record)}")
        say.print("venue     has the order; its answer never comes")
        say.print("[red]kill -9[/red]   the service dies and has not heard of it")
        platform.start_service()
        say.print("service   starts again, and knows nothing but the ledger")
        delivered = trigger.result()
    _show_attempts(delivered)
    report = report_of(platform, delivered)
    records = _records(platform, report.run_id)
    say.print(f"ledger    {_named(records[0])}: {_path(records[0])}, found at the venue and not sent again")
    show_report(report)
    sent = platform.sent()[before:]
    check(len(sent) == len(set(sent)) == len(report.orders), "an order reached the venue twice, or not at all")
    check(report.outcome is Outcome.COMPLETED, "the run did not complete")
    say.print(f"[green]orders planned {len(report.orders)}, orders at the venue {len(sent)}[/green]\n")


def candidates_step(platform: SchwabPlatform, market: Market, as_of: date) -> None:
    """Lose an acknowledgement where orders carry no id of ours, while the broker shows two that look the same."""
    say = console()
    say.rule("5  A lost acknowledgement at Schwab, and two orders that could be it")
    _say_due(market, as_of)
    before = len(platform.sent())
    platform.venue.fault("duplicate_order", operation="submit", answered=False)
    delivered = platform.fire(market.due(as_of), retries=RETRIES)
    say.print("gateway   entered the order twice, and its answer is lost; Schwab knows no client order id")
    _show_attempts(delivered)
    report = report_of(platform, delivered)
    lost = next(order for order in report.orders if order.state is OrderState.UNKNOWN)
    say.print(f"ledger    {lost.side.value} {units(lost.quantity)} {lost.symbol}: {lost.text}", soft_wrap=True)
    check(report.outcome is Outcome.BLOCKED, "the run was not blocked")
    check(len(platform.sent()) - before == len(report.orders) + 1, "an order was sent again, or not at all")
    say.print("nothing is sent again, and nothing more for this account until a person has looked and says:\n")
    say.print(f"  [bold]{report.todo[0]}[/bold]\n", soft_wrap=True)


def block_step(platform: PaperPlatform, market: Market, last: date, as_of: date) -> None:
    """Let an order vanish and the day pass: nobody can know any more, so a person has to."""
    say = console()
    say.rule("6  An order whose fate nobody knows")
    _pass_days(platform, market, last, as_of)
    before = len(platform.orders())
    platform.fault(Fault.SILENT_DROP)
    with ThreadPoolExecutor(1) as pool:
        trigger = pool.submit(platform.fire, market.due(as_of))
        _until(lambda: any(record.first_sent for record in _under_way(platform)), trigger)
        record = _under_way(platform)[0]
        platform.kill_service()
        trigger.result()
    say.print(f"ledger    {_named(record)}: {_path(record)}")
    say.print("venue     says nothing, and does not know the order")
    say.print("[red]kill -9[/red]   and the service is not back before the next day")
    platform.start_service()
    following = market.due(market.next(as_of))
    delivered = platform.fire(following, retries=RETRIES)
    _show_attempts(delivered)
    blocked = ReportStore(FileStore(platform.folder / "reports")).find(_closed_before(platform, delivered))
    assert blocked is not None, "a run that was recovered has a report"
    show_report(blocked)
    check(blocked.outcome is Outcome.BLOCKED, "the run was not blocked")
    check(len(platform.orders()) == before, "something was sent although an order's fate was not known")
    say.print("nothing is sent for this account until a person has looked at the broker's own records and says:\n")
    (line,) = blocked.todo
    say.print(f"  [bold]{line}[/bold]\n", soft_wrap=True)
    answered = line.replace("filled|not-sent|cancelled", "not-sent").replace("TEXT", '"not in the order list"')
    settled = quant(platform, answered.removeprefix("quant "))
    check(settled.returncode == 0, f"the order could not be settled: {settled.stderr}")
    say.print(f'done, with --as not-sent --evidence "not in the order list":\n{settled.stdout}', soft_wrap=True)
    report = report_of(platform, platform.fire(market.due(market.next(market.next(as_of))), retries=RETRIES))
    show_report(report)
    check(report.outcome is Outcome.COMPLETED, "the decision was not carried out after it was settled")
    say.print(f"[green]the decision of {as_of} was still due, and is carried out[/green]\n")


def _pass_days(platform: PaperPlatform, market: Market, last: date, as_of: date) -> None:
    """Trigger every session between two decisions, as a scheduler does."""
    days = market.between(last, as_of)
    with progress("sessions") as bar:
        task = bar.add_task("", total=len(days))
        outcomes: dict[str, int] = {}
        for day in days:
            outcome = report_of(platform, platform.fire(market.due(day))).outcome.value
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            bar.advance(task)
    counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    console().print(f"the scheduler fires {len(days)} sessions: {counted or 'none between'}")
    _say_due(market, as_of)


def _say_due(market: Market, as_of: date) -> None:
    due = market.due(as_of)
    console().print(f"trigger   {due:%Y-%m-%d %H:%M} UTC, decides as of {as_of}")


def _until(happened: Callable[[], bool], trigger: Future[Delivered]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        if trigger.done() or time.monotonic() > deadline:
            raise Unhealthy("the run ended before it could be interrupted")
        time.sleep(0.01)


def _under_way(platform: Platform) -> list[OrderRecord]:
    """Return the orders of the account's open run, empty before it has a plan."""
    lease = read_lease(FileStore(platform.folder / "store"), platform.account)
    return _records(platform, lease.open_run) if lease and lease.open_run else []


def _records(platform: Platform, run_id: str) -> list[OrderRecord]:
    ledger = RunLedger(FileStore(platform.folder / "store"), platform.account, run_id)
    plan = ledger.plan()
    return list(ledger.orders(plan.plan.orders).values()) if plan else []


def _closed_before(platform: PaperPlatform, delivered: Delivered) -> str:
    """Return the run that a trigger recovered before its own."""
    return sorted(run["run_id"] for run in platform.get("/runs")["runs"] if run["run_id"] < delivered.run_id)[-1]


def _named(record: OrderRecord) -> str:
    order = record.order
    return f"{order.side.value} {units(order.quantity)} {order.symbol}"


def _path(record: OrderRecord) -> str:
    return " -> ".join(["RECORDED", *(step.state.value for step in record.transitions)])


def _show_attempts(delivered: Delivered) -> None:
    for number, attempt in enumerate(delivered.attempts):
        what = "trigger  " if number == 0 else f"retry {number}  "
        console().print(f"{what} {attempt.said}", soft_wrap=True, markup=False)
