"""Before a run is due it is looked whether the login will hold: no run is missed that nobody was told about in time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from quant_platform_kit.domain.errors import BrokerError, InvalidInput, NeedsLogin
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.portfolio import Quote
from quant_platform_kit.runtime.preflight import Looked, look_ahead
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.services.observe.watchdog import Schedule
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms

from ..exactly_once import ACCOUNT, CALENDAR
from ..web.test_service import House

NEW_YORK = ZoneInfo("America/New_York")
SLOT = "45 15 * * 1-5"
DUE = datetime(2023, 11, 28, 20, 45, tzinfo=UTC)
AHEAD = (timedelta(hours=12), timedelta(hours=1))
BEGIN, WEEKS = datetime(2022, 12, 5, tzinfo=UTC), 52
PERSON = timedelta(hours=3)
"""How long after an alert a person has logged in again."""


class Quotes:
    """A market that has a price of everything, until it is told otherwise."""

    def __init__(self) -> None:
        self.asked, self.absent = 0, False

    def quotes(self, symbols: Any) -> dict[str, Quote]:
        self.asked += 1
        return {} if self.absent else {symbol: Quote(symbol, Decimal(1), DUE) for symbol in symbols}


class Site:
    """A service of one account, whose login fails when it is told to."""

    def __init__(self) -> None:
        self.house, self.quotes = House(), Quotes()
        self.down: Callable[[], bool] = lambda: False
        desk = self.house.desk
        self.broker = SimpleNamespace(account_id=desk.account_id, connect=self._connect)
        self.ends: datetime | None = None
        self.logins = 0
        self.service = replace(self.house.service, accounts=self._accounts, login_ends=lambda now: self.ends)

    def _accounts(self) -> list[Account]:
        return [Account(self.broker, self.quotes, self.house.clock, Mode.LIVE)]  # type: ignore[arg-type]

    def _connect(self) -> None:
        self.logins += 1
        if self.down():
            raise NeedsLogin("the Gateway waits for the second factor")

    def look(self, now: datetime) -> Looked:
        self.house.clock.instant = now
        return look_ahead(self.service, SLOT, now)

    @property
    def told(self) -> list[str]:
        return [message.body for message in self.house.postbox.about("preflight")]


@pytest.fixture
def site() -> Site:
    return Site()


def test_all_is_well_after_three_questions_at_most(site: Site) -> None:
    looked = site.look(DUE - AHEAD[0])
    assert (looked.due, looked.concerns, site.told) == (DUE, (), [])
    assert (site.logins, site.quotes.asked) == (1, 1)


def test_nothing_is_asked_where_no_run_is_due_soon(site: Site) -> None:
    saturday = datetime(2023, 11, 25, 15, tzinfo=UTC)
    assert site.look(saturday).due is None
    assert (site.logins, site.quotes.asked) == (0, 0)


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda site: setattr(site, "down", lambda: True), "the Gateway waits for the second factor"),
        (lambda site: setattr(site, "ends", DUE - timedelta(minutes=1)), "the login ends at 2023-11-28 20:44 UTC"),
        (lambda site: setattr(site.quotes, "absent", True), "there is no quote of AAA"),
    ],
)
def test_what_may_keep_a_run_from_being_made_is_told_once_for_a_run(
    site: Site, break_it: Callable[[Site], None], words: str
) -> None:
    break_it(site)
    for _ in range(2):
        looked = site.look(DUE - AHEAD[0])
        assert words in looked.concerns[0]
    assert len(site.told) == 1
    assert words in site.told[0]


def test_a_login_that_does_not_even_tell_its_accounts_is_told(site: Site) -> None:
    def accounts() -> list[Account]:
        raise BrokerError("the Gateway is not there")

    site.service = replace(site.service, accounts=accounts)
    assert site.look(DUE - AHEAD[1]).concerns == (
        "house: the Gateway is not there: see to the login before the run at 2023-11-28 20:45 UTC",
    )


def test_a_run_that_is_under_way_is_not_cut_off(site: Site) -> None:
    site.house.clock.instant = DUE - AHEAD[1]
    AccountLease.acquire(site.house.stores.ledger, ACCOUNT, "worker", LeaseTerms(), site.house.clock, opening="a run")
    looked = site.look(DUE - AHEAD[1])
    assert (looked.briefs[0].open_run, looked.concerns, site.logins) == ("a run", (), 0)


def test_a_schedule_that_is_none_is_refused(site: Site) -> None:
    with pytest.raises(InvalidInput, match="the hour is wrong"):
        look_ahead(site.service, "45 25 * * 1-5", DUE)


# --- a year of nights -------------------------------------------------------------------------------


@dataclass
class Login:
    """A login that ends for many reasons; a person mends it some hours after an alert.

    Attributes
    ----------
    since
        When it was lost, None while it holds.
    lives
        How long a login lasts at most; None where it has no such end.
    """

    rng: random.Random
    lives: timedelta | None
    made: datetime = BEGIN
    since: datetime | None = None
    mended_at: datetime | None = None
    events: list[datetime] = field(default_factory=list[datetime])

    def __post_init__(self) -> None:
        for day in range(7 * WEEKS):
            local = (BEGIN + timedelta(days=day)).astimezone(NEW_YORK)
            if self.rng.random() < (0.3 if local.weekday() == 6 else 0.05):  # a second factor that nobody confirmed
                self.events.append(local.replace(hour=1 if local.weekday() == 6 else 23, minute=0).astimezone(UTC))
            if self.rng.random() < 0.03:  # the Gateway dies during the day
                self.events.append(local.replace(hour=self.rng.randrange(24), minute=30).astimezone(UTC))
        self.events.sort()

    @property
    def ends(self) -> datetime | None:
        return self.made + self.lives if self.lives else None

    def is_down(self, now: datetime) -> bool:
        """Let pass what happened until now; return whether the login is lost."""
        if self.mended_at and self.mended_at <= now:
            self.made, self.since, self.mended_at = self.mended_at, None, None
        while self.events and self.events[0] <= now:
            at = self.events.pop(0)
            self.since = self.since or (at if at > self.made else None)
        if self.ends and self.ends <= now:
            self.since = self.since or self.ends
        return self.since is not None

    def alert(self, now: datetime) -> None:
        """Tell the person, who comes in some hours."""
        self.mended_at = self.mended_at or now + PERSON


@pytest.mark.parametrize("lives", [None, timedelta(days=7)], ids=["gateway", "seven days"])
@pytest.mark.parametrize("seed", [1])
def test_in_a_year_of_nights_and_sundays_no_run_is_missed_without_an_alert(lives: timedelta | None, seed: int) -> None:
    site, login = Site(), Login(random.Random(seed), lives)
    missed = late = early = 0
    for due in Schedule(SLOT, CALENDAR).due(BEGIN, BEGIN + timedelta(weeks=WEEKS)):
        told: list[datetime] = []
        for ahead in AHEAD:
            now = due - ahead
            lost, ends = login.is_down(now), login.ends
            knowable = lost or (ends is not None and ends <= due)
            site.down, site.ends = lambda lost=lost: lost, ends
            before = len(site.told)
            assert bool(site.look(now).concerns) is knowable
            if len(site.told) > before:
                told.append(now)
            if knowable:
                assert told, "told as soon as it could be known"
                login.alert(now)
        early += bool(told) and told[0] == due - AHEAD[0]
        late += bool(told) and told[0] == due - AHEAD[1]
        if login.is_down(due):
            assert login.since is not None
            missed += 1
            if login.since <= due - AHEAD[1]:
                assert told, f"the run at {due} was missed, and nobody was told before"
                assert login.since > due - AHEAD[0], "twelve hours are enough for a person"
            login.alert(due)  # the run itself says that it needs a login
    assert early > 10, "the year had nights to tell of"
    assert missed < early + late
    assert late or lives
