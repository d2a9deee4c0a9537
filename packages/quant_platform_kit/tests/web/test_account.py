"""The account page: where ``/`` leads, what it says of an account, and that the command says the same."""

from __future__ import annotations

from decimal import Decimal

import pytest
from quant_platform_kit.domain.digests import plain
from quant_platform_kit.services.observe.account import account_views
from quant_platform_kit.services.observe.status import StatusSources

from ..exactly_once import ACCOUNT, moment
from .test_pages import Page
from .test_service import DUE, PRIVATE, House

HTML = {"Accept": "text/html"}
NEXT = "2023-11-29T20:45:00Z"


@pytest.fixture
def house() -> House:
    """Return a service whose account has run twice, with a deposit in between."""
    made = House()
    made.run(DUE)
    made.desk.book.cash += Decimal(1000)
    made.clock.instant = moment("2023-11-29 20:45")
    made.run(NEXT)
    return made


def test_the_root_leads_to_the_account() -> None:
    answer = House().get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/account")
    assert answer.headers["cache-control"] == "no-store"


def test_the_page_says_what_the_account_is_worth_and_made_without_what_was_paid_in(house: House) -> None:
    """58 x 102 + 80 x 50 of 10 000; then 58 x 104 + 80 x 51: 196 more, and 1000 that came."""
    answer = house.get("/account", **HTML)
    assert answer.status_code == 200
    assert {name: answer.headers[name] for name in PRIVATE} == PRIVATE
    text = Page(answer.text).text
    for words in (f"{ACCOUNT}: Scripted", "Value 11,196.00", "Profit and loss +196.00", "of 11,000.00 invested",
                  "2023-11-29 +1,000.00", "Due nothing", "Decides next any session", "AAA", "BBB"):  # fmt: skip
        assert words in text, words
    assert "<svg" in answer.text
    assert "script" not in answer.text


def test_the_document_is_what_the_command_prints(house: House) -> None:
    (view,) = house.get("/account").json()["accounts"]
    manifest = house.service.strategy.manifest
    sources = StatusSources(
        house.service.stores.ledger, house.service.stores.reports, house.service.calendar,
        {manifest.profile: manifest}, None,
    )  # fmt: skip
    (own,) = account_views(sources, [ACCOUNT])
    assert view == plain(own)
    assert Decimal(view["made"]["time_weighted"]) == Decimal(11_196 - 1000) / 10_000 - 1


def test_a_service_without_runs_says_so() -> None:
    house = House()
    assert house.get("/account").json() == {"accounts": []}
    assert "No runs yet" in Page(house.get("/account", **HTML).text).text


def test_accounts_of_other_services_are_not_shown(house: House) -> None:
    other = House(cloud_run_service="other")
    other.stores = house.stores
    object.__setattr__(other.service, "stores", house.stores)
    assert other.get("/account").json() == {"accounts": []}


def test_a_store_that_is_down_is_answered_as_everywhere(house: House) -> None:
    house.stores.ledger.down = True
    assert house.get("/account").status_code == 503


@pytest.mark.parametrize("limit", ["0", "201", "many"])
def test_a_wrong_number_of_runs_is_one_line_and_changes_nothing(house: House, limit: str) -> None:
    before = house.picture
    answer = house.get(f"/account?limit={limit}", **HTML)
    assert answer.status_code == 400
    assert "limit" in answer.json()["error"]
    assert house.picture == before
