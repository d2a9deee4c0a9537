"""What `tq-broker watch` finds, and that people are told of each thing once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from quant_platform_kit.adapters.clock import FrozenClock
from quant_platform_kit.domain.errors import NotifyError, StoreError
from quant_platform_kit.ports.notifier import Notification
from tq_broker_app.cli import watching
from tq_broker_app.cli.watching import Messenger
from tq_broker_app.names import Role
from tq_broker_app.operations.alerts import Finding, Incidents, findings, together
from tq_broker_app.operations.looking import Look
from tq_broker_app.settings import Settings

ENDS, TODAY = date(2027, 12, 31), date(2026, 11, 30)
AT = datetime(2026, 11, 30, 2, tzinfo=UTC)
DOWN = Finding("service", "order-monitor", "order-monitor is down", patient=True)
UNKNOWN = Finding("unknown", "o1", "order o1 is UNKNOWN")


def looks(**phases: str) -> list[Look]:
    return [Look(role, phases.get(role.name, "working")) for role in Role]


def kinds(*found: Finding) -> list[tuple[str, str]]:
    return [(each.kind, each.name) for each in found]


def test_nothing_is_found_where_all_is_well() -> None:
    assert list(findings(looks(), {}, 0, ENDS, TODAY)) == []


def test_a_service_that_does_not_work_is_found_whatever_it_says() -> None:
    found = list(findings(looks(ORDER_MONITOR="starting", ACCOUNT_HANDLER="down"), {}, 0, ENDS, TODAY))
    assert kinds(*found) == [("service", "order-monitor"), ("service", "account-handler")]
    assert all(each.patient for each in found)


def test_unknown_orders_dead_letters_and_late_trades_are_found() -> None:
    shown = looks()
    shown[2] = Look(Role.ORDER_MONITOR, "working", figures={"tq_broker_orders_without_trades": 2.0})
    found = list(findings(shown, {"o1": "nobody knows"}, 12, ENDS, TODAY))
    assert [each.kind for each in found] == ["trades", "unknown", "dead-letters"]
    assert "2 orders" in found[0].text
    assert "nobody knows" in found[1].text
    assert "12 dead letters" in found[2].text
    assert not any(each.patient for each in found)


def test_logins_of_different_trading_days_are_found() -> None:
    shown = looks()
    for place, day in ((0, "20261130"), (1, "20261201")):
        shown[place] = Look(shown[place].role, "working", {"trading_day": day})
    (found,) = findings(shown, {}, 0, ENDS, TODAY)
    assert "20261130, 20261201" in found.text


@pytest.mark.parametrize(("today", "count"), [(date(2027, 10, 2), 0), (date(2027, 10, 3), 1)])
def test_the_end_of_the_calendar_is_told_ninety_days_before(today: date, count: int) -> None:
    assert len(list(findings(looks(), {}, 0, ENDS, today))) == count


def test_what_may_pass_by_itself_is_told_after_a_while_and_once() -> None:
    incidents = Incidents(60)
    assert incidents.due([DOWN], 0) == []
    assert incidents.due([DOWN], 59) == []
    assert incidents.due([DOWN], 60) == [DOWN]
    assert incidents.due([DOWN], 1000) == []


def test_what_was_over_in_between_begins_anew() -> None:
    incidents = Incidents(60)
    incidents.due([DOWN], 0)
    incidents.due([], 30)
    assert incidents.due([DOWN], 61) == []
    assert incidents.due([DOWN], 121) == [DOWN]
    assert incidents.ended([]) == [DOWN]
    assert incidents.ended([]) == []
    assert incidents.due([], 130) == []
    assert incidents.due([DOWN], 140) == []
    assert incidents.due([DOWN], 200) == [DOWN]


def test_what_does_not_pass_by_itself_is_told_at_once() -> None:
    assert Incidents(60).due([UNKNOWN], 0) == [UNKNOWN]


def test_services_that_are_down_together_are_one_message() -> None:
    other = Finding("service", "order-handler", "order-handler is down", patient=True)
    told = together([DOWN, UNKNOWN, other])
    assert kinds(*told) == [("service", "order-monitor, order-handler"), ("unknown", "o1")]
    assert told[0].text == "order-monitor is down; order-handler is down"
    assert together([DOWN, UNKNOWN]) == [DOWN, UNKNOWN]


@dataclass
class Mail:
    """Takes messages, or does not."""

    broken: bool = False
    sent: list[Notification] = field(default_factory=list[Notification])

    def send(self, notification: Notification) -> None:
        if self.broken:
            raise NotifyError("nobody took it")
        self.sent.append(notification)


def settings(ledger: str) -> Settings:
    return Settings.model_validate(
        {
            "tq": {"username": "u", "password": "p", "portfolio_id": "P1"},
            "redis": {"host": "h"},
            "rabbitmq": {"url": "amqp://h"},
            "database": {"host": "h", "user": "u", "password": "p", "dbname": "d", "store_url": ledger},
        }
    )


def test_a_redis_that_does_not_answer_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def good(*_: object) -> list[Look]:
        return looks()

    async def none(*_: object) -> int:
        return 0

    async def gone(*_: object) -> None:
        raise StoreError("Redis does not answer")

    monkeypatch.setattr(watching, "look_at_all", good)
    monkeypatch.setattr(watching, "count_letters", none)
    monkeypatch.setattr(watching, "history_unknown", lambda _: {})
    monkeypatch.setattr(watching, "ask_cache", gone)
    found = asyncio.run(watching.look(settings(tmp_path.as_uri()), FrozenClock(AT))).found
    assert ("server", "redis") in kinds(*found)
    assert [each.patient for each in found if each.name == "redis"] == [True]


def test_an_unknown_order_is_told_of_once_also_by_another_watch(tmp_path: Path) -> None:
    mail, own = Mail(), settings(tmp_path.as_uri())
    assert Messenger(own, mail).tell(UNKNOWN, AT) is None
    assert Messenger(own, mail).tell(UNKNOWN, AT) is None
    assert [message.body for message in mail.sent] == ["order o1 is UNKNOWN"]
    assert "P1" in mail.sent[0].title


def test_a_ledger_that_does_not_answer_keeps_no_message_back(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    mail = Mail()
    assert Messenger(settings((tmp_path / "file" / "ledger").as_uri()), mail).tell(DOWN, AT) is None
    assert len(mail.sent) == 1


def test_a_message_that_does_not_get_out_says_why(tmp_path: Path) -> None:
    assert Messenger(settings(tmp_path.as_uri()), Mail(broken=True)).tell(DOWN, AT) == "nobody took it"


def test_nobody_to_tell_is_no_error(tmp_path: Path) -> None:
    assert Messenger(settings(tmp_path.as_uri())).tell(DOWN, AT) is None
