"""Orders that an engine sends through RabbitMQ: the bad, the foreign and the good, at a submitter as in production."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tq_broker_app.bus.ports import Queue
from tq_broker_app.running import clock_of
from venue_sandbox.stands.futures import Addresses

from .site_frame import BAD_INPUTS, USER, desk_at, until, venue_at


def test_bad_input_is_told_with_its_reason_and_the_queue_moves_on(addresses: Addresses, tmp_path: Path) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, ["order-submitter"]) as desk:
        now = clock_of(desk.settings).now()
        bodies = [case.body(f"bad-{number}", now, desk.portfolio) for number, case in enumerate(BAD_INPUTS.CASES)]
        desk.send(Queue.SUBMIT, *bodies, desk.order("good"))
        told = desk.told(lambda told: any(message["order_id"] == "good" for message in told))
        reasons = [message["reason"] for message in told if message["order_id"] != "good"]
        letters = desk.take(Queue.DEAD)
        for case in BAD_INPUTS.CASES:
            said = [letter["reason"] for letter in letters] if case.is_letter else reasons
            assert any(case.reason in each for each in said), case.name
        assert len(letters) == sum(case.is_letter for case in BAD_INPUTS.CASES)
        assert len(reasons) == len(BAD_INPUTS.CASES) - len(letters)
        rejected = [message for message in told if message["order_id"] != "good"]
        assert {message.get("event_type", message["status"]) for message in rejected} == {"REJECTED"}
        assert until(lambda: venue.filled(USER)) == {"good": 2}
        assert venue.inserts(USER) == ["good"]


def test_two_portfolios_on_one_rabbitmq_never_see_each_others_orders(addresses: Addresses, tmp_path: Path) -> None:
    roles = ["order-submitter", "order-canceller"]
    with ExitStack() as opened:
        venue = opened.enter_context(venue_at(tmp_path))
        one = opened.enter_context(desk_at(tmp_path / "one", venue, addresses, roles[:1]))
        two = opened.enter_context(desk_at(tmp_path / "two", venue, addresses, roles, username="other"))
        resting = {"limit_price": 3400}
        one.submit("a", **resting)
        two.submit("b")
        assert one.event("a", "ALIVE")["portfolio_id"] == one.portfolio
        assert two.event("b", "ALIVE")["portfolio_id"] == two.portfolio
        assert (venue.inserts(USER), venue.inserts("DUSBX-other")) == (["a"], ["b"])
        two.send(Queue.SUBMIT, one.order("c"), two.order("a"))
        two.cancel("a")
        told = two.told(lambda told: len(told) == 3)
        reasons = {(message["order_id"], message["reason"]) for message in told if "REJECTED" in message["status"]}
        assert reasons == {
            ("c", f"portfolio_id {one.portfolio!r}: this deployment trades {two.portfolio}"),
            ("a", f"order_id a: portfolio {one.portfolio} has used it; ids are used once"),
            ("a", f"order_id a: it is an order of portfolio {one.portfolio}"),
        }
        assert (venue.inserts(USER), venue.inserts("DUSBX-other")) == (["a"], ["b"])
        assert venue.look("cancels") == []
        assert one.take() == []
