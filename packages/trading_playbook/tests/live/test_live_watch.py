"""What is seen of live sessions from outside: by the watch, by a release, in the lines of the log that alert."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from loguru import logger
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.runtime.stopping import StopSignal
from quant_platform_kit.services.observe.at_rest import UnrestKind, unrest
from quant_platform_kit.services.observe.notifying import Notices
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms
from quant_platform_kit.services.record.ledger import RunLedger
from trading_playbook.days import trading_day
from trading_playbook.dp20.outcome import Note
from trading_playbook.live.alerts import ALERTS, WATCH
from trading_playbook.live.events import Happening, Noted
from trading_playbook.live.watch import watch
from trading_playbook.observe.alerting import live_policies
from trading_playbook.testing.live.market import made_up
from trading_playbook.testing.live.world import ACCOUNT, SERVICE, SYMBOL, World
from trading_playbook.web.trading_days import LiveSettings, TradingDays

CALENDAR = load_calendar("XNYS")
DAY = trading_day(CALENDAR, date(2025, 11, 28))
CLOSE = DAY.opens + timedelta(minutes=DAY.minutes)
SECONDS = LeaseTerms(timedelta(seconds=12), timedelta(seconds=5))


@pytest.fixture
def world() -> World:
    """Return the world of a half day's first 80 minutes."""
    return made_up(7, replace(DAY, minutes=80), lambda outcome: outcome.note is Note.EOD)[0]


def seen(world: World) -> str:
    return watch(world.store, CALENDAR, ACCOUNT)


def begin(world: World) -> AccountLease:
    run = world.terms.key.run_id
    return AccountLease.acquire(world.store, ACCOUNT, "first", SECONDS, world.clock, opening=run)


def test_a_session_that_has_not_begun_is_missed_from_the_open_to_the_close(world: World) -> None:
    assert seen(world) == ""
    world.clock.reach(world.opens)
    assert seen(world) == f"2025-11-28 opened at 14:30 UTC, and no session is under way on account {ACCOUNT}"
    world.clock.reach(CLOSE)
    assert seen(world) == ""


def test_a_session_on_which_nobody_works_or_which_is_not_over_is_told(world: World) -> None:
    lease = begin(world)
    assert seen(world) == ""
    world.clock.sleep(12)
    assert seen(world).endswith(" is under way, and nobody works on it")
    world.clock.reach(CLOSE + timedelta(minutes=5))
    assert seen(world).endswith(f" of account {ACCOUNT} is not over, 5 minutes after the close")
    lease = begin(world)
    lease.leave_run()
    assert seen(world) == ""


def test_a_session_that_trades_is_as_it_should_be_and_no_release_moves_its_service(world: World) -> None:
    found: set[str] = set()
    unmoved: list[tuple[UnrestKind, ...]] = []

    def looked() -> bool:
        found.add(seen(world))
        steps = RunLedger(world.store, ACCOUNT, world.terms.key.run_id).steps.newest()
        if any(not step.state.terminal for step in steps.values()):
            (one,) = unrest(world.store, SERVICE)
            assert one.text.startswith(f"live session {world.terms.key.run_id} of account {ACCOUNT} is under way, ")
            unmoved.append((one.kind,))
        return False

    session = world.process().run(stopped=looked)
    assert session is not None
    assert session.is_over
    assert found == {""}
    assert len(unmoved) > 10
    assert unrest(world.store, SERVICE) == []


def test_a_session_that_was_left_says_how_it_is_gone_on_with(world: World) -> None:
    world.process().run(stopped=lambda: world.clock.now() > world.opens)
    (one,) = unrest(world.store, SERVICE)
    assert one.text.endswith("; nobody works on it: start the service, which takes it over")


@pytest.fixture
def lines() -> Generator[list[dict[str, object]]]:
    """Return what is bound to the lines of the log."""
    heard: list[dict[str, object]] = []
    number = logger.add(lambda message: heard.append(dict(message.record["extra"])), level="WARNING")
    yield heard
    logger.remove(number)


def test_everything_that_alerts_is_explained_and_the_urgent_has_a_policy_that_finds_its_line(
    world: World, lines: list[dict[str, object]]
) -> None:
    assert {alert.kind for alert in ALERTS} == {WATCH, *(each for each in Happening if each.alerts)}
    notices = Notices(world.store, None)
    days = TradingDays(SYMBOL, SERVICE, "one", LiveSettings(), CALENDAR, world.store, notices, StopSignal())
    urgent = {alert.name: alert.kind for alert in ALERTS if alert.is_urgent}
    for policy in live_policies():
        kind = urgent.pop(policy["displayName"])
        if kind != WATCH:
            days.tell(world.terms, Noted(world.clock.now(), Happening(kind), "a text"))
            (condition,) = policy["conditions"]
            told = " AND ".join(f'jsonPayload.{name}="{lines[-1][name]}"' for name in ("event", "what"))
            assert condition["conditionMatchedLog"]["filter"] == f'resource.type="cloud_run_revision" AND {told}'
    assert urgent == {}
    assert len(lines) == 3
