"""An account as its owner looks at it: what it is worth and made, what it holds, what is due, what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from quant_platform_kit.domain.errors import StoreError
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.returns import Returns, Valuation, flow_between, returns, worth
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.strategy import Action
from quant_platform_kit.services.observe.status import AccountStatus, StatusSources, TargetLine, account_status
from quant_platform_kit.services.record.recorded_inputs import RecordedInputs
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["AccountView", "Decision", "Holding", "account_views"]

MOST_RUNS = 400
"""Up to so many of the newest runs are read."""
LAST_DECISIONS = 10
CURRENCY = "USD"


@dataclass(frozen=True, slots=True)
class Holding:
    """A symbol with its target, as in `TargetLine`, and what a unit was worth in the last run that had a price."""

    line: TargetLine
    price: Decimal | None

    @property
    def value(self) -> Decimal | None:
        """Units held x price, in the account's currency; None without a price."""
        return None if self.price is None else self.line.held * self.price


@dataclass(frozen=True, slots=True)
class Decision:
    """What a run decided."""

    run_id: str
    session: date
    as_of: date
    action: Action
    outcome: Outcome
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account, by its newest runs.

    Attributes
    ----------
    display_name
        Of the strategy; empty before the first run.
    valuations
        Ascending, one per run that valued the account and could trade.
    made
        None before the second of these.
    decisions
        The newest first.
    unreadable
        Why the value of some runs is not known: inputs that are missing or damaged; empty if there is none.
    """

    status: AccountStatus
    display_name: str
    currency: str
    valuations: tuple[Valuation, ...]
    made: Returns | None
    cash: Decimal | None
    holdings: tuple[Holding, ...]
    decisions: tuple[Decision, ...]
    unreadable: str = ""

    @property
    def value(self) -> Decimal | None:
        """What the account was worth after its last run, None if no run valued it."""
        return self.valuations[-1].value if self.valuations else None

    @property
    def valued_at(self) -> datetime | None:
        """When that was, aware UTC."""
        return self.valuations[-1].at if self.valuations else None


def account_views(sources: StatusSources, accounts: Sequence[str], most: int = MOST_RUNS) -> list[AccountView]:
    """Return accounts as their owner looks at them; each report is read once for all of them.

    Parameters
    ----------
    most
        So many runs of each are read, the newest.

    Raises
    ------
    StoreError
        A store does not answer, or a report is damaged.
    """
    runs = _newest_runs(sources.reports, accounts, most)
    return [_view(sources, account_status(sources, account), runs[account]) for account in accounts]


def _newest_runs(reports: ReportStore, accounts: Iterable[str], most: int) -> dict[str, list[RunReport]]:
    """Return the newest runs of accounts, ascending."""
    found: dict[str, list[RunReport]] = {account: [] for account in accounts}
    for run_id in reversed(reports.ids()):
        if all(len(runs) >= most for runs in found.values()):
            break
        report = reports.find(run_id)
        if report is not None and len(runs := found.get(report.key.account_id, [])) < most:
            runs.append(report)
    return {account: sorted(runs, key=lambda run: run.finished_at) for account, runs in found.items()}


def _view(sources: StatusSources, status: AccountStatus, runs: Sequence[RunReport]) -> AccountView:
    trading = [run for run in runs if run.key.mode.submits and run.account]
    inputs, unreadable = _inputs(sources.reports, trading)
    currency = next((seen.currency for seen in reversed(inputs.values())), CURRENCY)
    valuations, prices = _valued(trading, inputs, currency)
    account = trading[-1].account if trading else None
    return AccountView(
        status=status,
        display_name=runs[-1].display_name if runs else "",
        currency=currency,
        valuations=valuations,
        made=returns(valuations),
        cash=account.cash_by_currency.get(currency) if account else None,
        holdings=tuple(Holding(line, prices.get(line.symbol)) for line in status.targets),
        decisions=tuple(_decision(run, run.action) for run in reversed(runs) if run.action)[:LAST_DECISIONS],
        unreadable=unreadable,
    )


def _decision(run: RunReport, action: Action) -> Decision:
    return Decision(run.run_id, run.key.session, run.as_of, action, run.outcome, run.reasons)


def _inputs(reports: ReportStore, runs: Iterable[RunReport]) -> tuple[dict[str, RecordedInputs], str]:
    """Return what runs decided on, by run id, and why some cannot be read."""
    found, unreadable = dict[str, RecordedInputs](), ""
    for run in runs:
        digest = run.reasoning.inputs.digest if run.reasoning else None
        if digest:
            try:
                found[run.run_id] = reports.inputs.document(digest)
            except StoreError as error:
                unreadable = f"the inputs of run {run.run_id} cannot be read: {error}"
    return found, unreadable


def _valued(
    runs: Iterable[RunReport], inputs: Mapping[str, RecordedInputs], currency: str
) -> tuple[tuple[Valuation, ...], Mapping[str, Decimal]]:
    """Return what the account was worth before its first run and after each, and the last price of every symbol."""
    found: list[Valuation] = []
    prices: dict[str, Decimal] = {}
    known: AccountState | None = None
    for run in runs:
        seen, after = inputs.get(run.run_id), run.account
        if seen is None or after is None:
            continue
        prices |= {symbol: quote.price for symbol, quote in seen.quotes.items()}
        prices |= {line.symbol: line.price for line in run.plan.lines if line.price} if run.plan else {}
        if known is None:
            found.append(Valuation(seen.as_of, worth(seen.account, prices, currency)))
            known = seen.account
        split = any(finding.kind is Discrepancy.SPLIT for finding in run.findings)
        flow = flow_between(known, seen.account, prices, currency, split=split)
        found.append(Valuation(run.finished_at, worth(after, prices, currency), flow))
        known = after
    return tuple(found), prices
