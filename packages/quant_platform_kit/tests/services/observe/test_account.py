"""The account as its owner looks at it, and the alarm of a shortfall; sixteen sessions at a wide market."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from quant_platform_kit.domain.shortfall import Part, Shortfall
from quant_platform_kit.services.observe.account import AccountView, account_views
from quant_platform_kit.services.observe.shortfall_watch import shortfall_alert
from quant_platform_kit.services.observe.status import StatusSources
from quant_platform_kit.services.observe.watchdog import Kind
from quant_platform_kit.testing.paper_sessions import CASH, PaperSessions
from quant_platform_kit.testing.shortfall_cases import played

D = Decimal


@pytest.fixture(scope="module")
def many() -> tuple[PaperSessions, Shortfall]:
    return played("many", 16)


def view_of(account: PaperSessions, most: int = 400) -> AccountView:
    manifests = {account.strategy.manifest.profile: account.strategy.manifest}
    sources = StatusSources(account.store, account.reports, account.calendar, manifests, None)
    (view,) = account_views(sources, [account.account_id], most)
    return view


def test_value_profit_and_holdings_are_those_of_the_account(many: tuple[PaperSessions, Shortfall]) -> None:
    account, found = many
    view, book = view_of(account), account.desk.book
    assert view.valuations[0].value == CASH
    assert view.value is not None
    assert view.value == pytest.approx(found.live[-1], abs=D("0.01"))  # runs are at the close
    assert view.cash == book.cash
    assert {h.line.symbol: h.line.held for h in view.holdings if h.line.held} == book.quantities
    assert sum((h.value or D(0) for h in view.holdings), book.cash) == view.value
    assert view.made is not None
    assert view.made.invested == pytest.approx(CASH + 20_000, abs=50)  # prices moved after the trade by hand
    assert view.made.profit == view.value - view.made.invested
    growth = D(1)
    for before, now in pairwise(view.valuations):
        growth *= (now.value - now.flow) / before.value
    assert view.made.time_weighted == growth - 1


def test_last_decisions_are_the_newest_first_and_what_is_due_is_said(many: tuple[PaperSessions, Shortfall]) -> None:
    account, found = many
    view = view_of(account)
    assert [one.session for one in view.decisions] == sorted((one.session for one in view.decisions), reverse=True)
    assert view.decisions[0].session == found.sessions[-1]
    assert view.status.due is None
    assert view.status.next_decision is not None
    assert view.display_name == "Drawn"


def test_as_many_runs_are_read_as_asked_for(many: tuple[PaperSessions, Shortfall]) -> None:
    assert len(view_of(many[0], most=3).valuations) == 4  # before the first of them, and after each


def test_inputs_that_cannot_be_read_are_said_and_the_other_runs_are_shown() -> None:
    account, _ = played("equal", 8)
    whole = view_of(account)
    digest = next(run.reasoning.inputs.digest for run in account.reports.all() if run.reasoning)
    account.lose(f"inputs/{digest}")
    view = view_of(account)
    assert "cannot be read" in view.unreadable
    assert len(view.valuations) == len(whole.valuations) - 1


def test_an_account_that_is_further_behind_than_the_bound_is_an_alert(many: tuple[PaperSessions, Shortfall]) -> None:
    _, found = many
    behind = -found.execution_share
    assert behind > D("0.001")
    alert = shortfall_alert(found, D("0.001"), '--account X --store "$STORE_URL"')
    assert alert is not None
    assert (alert.kind, alert.account_id) == (Kind.SHORTFALL, found.account_id)
    assert f"{-found.whole.execution:.2f} USD less than its back-test" in alert.text
    assert f"most of it is {Part.SPREAD.value}, {found.whole.parts[Part.SPREAD]:.2f}" in alert.text
    assert '`quant shortfall --account X --store "$STORE_URL" --prices FILE` shows the rest' in alert.text
    assert shortfall_alert(found, behind, "") is None


def test_a_withdrawal_is_no_shortfall() -> None:
    _, found = played("outside", 12)
    gone = replace(found.whole, live=found.whole.live - 90_000)
    parts = {**gone.parts, Part.OUTSIDE: gone.parts[Part.OUTSIDE] - 90_000}
    assert shortfall_alert(replace(found, whole=replace(gone, parts=parts)), D("0.0001"), "") is None
