"""Further facts about tqsdk as it is that were measured at the DIFF venue, and what a venue must make possible."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.servers.launch import Server
from venue_sandbox.stands.tqsdk import ACCOUNT, TqStand

from .test_venue_frame import REBAR, USER, Player, Scene, codes, finished, playing, rest, until


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Generator[Player]:
    """Return what plays scenes in processes that have imported the library."""
    yield from playing(tmp_path_factory)


@pytest.fixture
def venue(start: Callable[..., Server]) -> Server:
    """Return a venue."""
    return start("venues.tqsdk")


def two_clients(it: Scene) -> Any:
    first, second = it.client(), it.client()
    order = first.insert_order(REBAR, "BUY", "OPEN", 1, 3400, order_id="A")
    until(first, lambda: order.exchange_order_id)
    until(second, lambda: "A" in second.get_order() and second.get_order("A").exchange_order_id)
    second.cancel_order("A")
    until(second, lambda: second.get_order("A").status == "FINISHED")
    return finished(first, order).last_msg


def test_two_clients_of_an_account_see_and_cancel_the_orders_of_each_other(player: Player, venue: Server) -> None:
    assert player.play(two_clients, venue) == "已撤单"


def complete(it: Scene) -> Any:
    api = it.client()
    for number in range(50):
        api.insert_order(REBAR, "BUY", "OPEN", 1, 3510 if number % 2 else 3400, order_id=f"A{number}")
    until(api, lambda: len(api.get_order()) == 50 and len(api.get_trade()) == 25)
    again = it.client()
    return sorted(again.get_order()), len(again.get_trade()), again.get_position(REBAR).pos_long


def test_orders_and_trades_are_complete_when_the_constructor_returns(player: Player, venue: Server) -> None:
    orders, trades, held = player.play(complete, venue)
    assert orders == sorted(f"A{number}" for number in range(50))
    assert (trades, held) == (25, 25)


def ids(it: Scene) -> Any:
    api = it.client()
    orders = [api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id=name) for name in ("", "A", "x" * 64)]
    for order in orders:
        finished(api, order)
    trades = {trade.trade_id: trade.order_id for trade in api.get_trade().values()}
    return [order.order_id for order in orders], trades


def test_an_empty_id_becomes_another_and_a_long_one_stays(player: Player, venue: Server) -> None:
    (empty, *others), trades = player.play(ids, venue)
    assert empty.startswith("PYSDK_insert_")
    assert others == ["A", "x" * 64]
    assert all(trade.rpartition("|")[0] == order for trade, order in trades.items())
    assert len(trades) == 3


def account_key(it: Scene) -> Any:
    from tqsdk import TqAccount

    usual = it.client_of(TqAccount("sandbox", USER, "pw"))
    other = it.client_of(TqAccount("sandbox", USER, "pw", td_url=f"ws://127.0.0.1:{it.port}/td"))
    return [api._account._account_list[0]._account_key for api in (usual, other)]


def test_an_address_given_with_the_account_changes_its_key(player: Player, venue: Server) -> None:
    usual, other = player.play(account_key, venue)
    assert usual != other


def simulated(it: Scene) -> Any:
    from tqsdk import TqKq

    api = it.client_of(TqKq())
    order = finished(api, api.insert_order(REBAR, "SELL", "OPEN", 2, 3490, order_id="A"))
    return order.user_id, api.get_position(REBAR).pos, api.get_account().balance


def test_the_simulated_account_is_the_subject_of_the_token(player: Player, venue: Server) -> None:
    user, held, balance = player.play(simulated, venue)
    assert (user, held) == ("DUSBX-demo", -2)
    assert balance == venue.control("GET", "account")[user]["balance"]


def queries(it: Scene) -> Any:
    api = it.client()
    quote = api.get_quote(REBAR)
    began = time.process_time()
    rest(api, 1.0)
    it.do("tick", symbol=REBAR, last=3520)
    until(api, lambda: quote.last_price == 3520)
    described = (quote.price_tick, quote.volume_multiple, quote.trading_time.night, quote.expired)
    return time.process_time() - began, described, api.get_quote("SHFE.rb2405").expired


def test_a_query_that_was_answered_is_not_answered_again(player: Player, venue: Server) -> None:
    used, described, expired = player.play(queries, venue)
    assert used < 0.5
    assert described == [1.0, 10, [["21:00:00", "23:00:00"]], False]
    assert expired


def polled(it: Scene) -> Any:
    """Measure the way of an order from another thread to its exchange id, where the owner polls."""
    api, wishes, took = it.client(), [], []
    api.get_quote(REBAR)

    def ask() -> None:
        for number in range(5):
            wishes.append((f"P{number}", time.monotonic()))
            time.sleep(0.3)

    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive():
        if wishes:
            name, began = wishes.pop(0)
            order = api.insert_order(REBAR, "BUY", "OPEN", 1, 3400, order_id=name)
            until(api, lambda order=order: order.exchange_order_id)
            took.append(time.monotonic() - began)
        api.wait_update(deadline=time.time() + 0.2)
    return sorted(took)[len(took) // 2]


def woken(it: Scene) -> Any:
    """Measure the same where a task of the client is woken."""
    api, wishes, took = it.client(), asyncio.Queue(), []
    api.get_quote(REBAR)

    async def serve() -> None:
        while True:
            name, began = await wishes.get()
            order = api.insert_order(REBAR, "BUY", "OPEN", 1, 3400, order_id=name)
            async with api.register_update_notify(order) as updates:
                async for _ in updates:
                    if order.exchange_order_id:
                        break
            took.append(time.monotonic() - began)

    def ask() -> None:
        for number in range(5):
            api._loop.call_soon_threadsafe(wishes.put_nowait, (f"W{number}", time.monotonic()))
            time.sleep(0.15)

    api.create_task(serve())
    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive():
        api.wait_update(deadline=time.time() + 0.2)
    return sorted(took)[len(took) // 2]


def test_an_owner_that_is_woken_is_faster_than_one_that_polls(player: Player, venue: Server) -> None:
    assert player.play(woken, venue) < player.play(polled, venue)


def cancel_first(it: Scene) -> Any:
    api = it.client()
    it.fault("delay_arrival", operation="insert", order="A", seconds=0.3)
    order = api.insert_order(REBAR, "BUY", "OPEN", 1, 3400, order_id="A")
    api.cancel_order(order)
    until(api, lambda: order.exchange_order_id)
    seen = order.status
    api.cancel_order(order)
    return seen, finished(api, order).last_msg, [row["outcome"] for row in it.look("cancels")]


def test_a_cancel_that_overtakes_its_order_is_dropped_and_the_order_stays(player: Player, venue: Server) -> None:
    assert player.play(cancel_first, venue) == ["ALIVE", "已撤单", ["dropped", "taken"]]


def lost_insert(it: Scene) -> Any:
    api = it.client()
    it.fault("lose_insert")
    order = api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A")
    rest(api)
    return order.status, order.exchange_order_id, list(it.client().get_order())


def test_an_order_that_never_arrived_is_in_no_snapshot(player: Player, venue: Server) -> None:
    assert player.play(lost_insert, venue) == ["ALIVE", "", []]


def failover(it: Scene) -> Any:
    api = it.client()
    finished(api, api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A"))
    resting = api.insert_order(REBAR, "BUY", "OPEN", 2, 3400, order_id="B")
    until(api, lambda: resting.exchange_order_id)
    names = it.do("failover")[USER]
    until(api, lambda: 2019112911 in codes(api))
    after = it.client()
    shown = {name: (order.status, order.volume_orign) for name, order in after.get_order().items()}
    mapped = {names["A"]: ("FINISHED", 1), names["B"]: ("ALIVE", 2)}
    finished(after, after.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A"))
    after.cancel_order(names["B"])
    finished(after, after.get_order(names["B"]))
    return shown == mapped, it.filled(), [name.split(".")[0] for name in names.values()]


def test_after_a_failover_orders_are_under_other_ids_and_an_old_id_trades_again(player: Player, venue: Server) -> None:
    assert player.play(failover, venue) == [True, {"A": 2}, ["SERVER", "SERVER"]]


def day_roll(it: Scene) -> Any:
    api = it.client()
    finished(api, api.insert_order(REBAR, "BUY", "OPEN", 2, 3510, order_id="A"))
    until(api, lambda: api.get_position(REBAR).pos_long_today == 2)
    it.do("roll", settlement={REBAR: 3520})
    until(api, lambda: codes(api).count(2019112901) == 2)
    again = it.client()
    opened, balance = again.get_position(REBAR).open_price_long, again.get_account().pre_balance
    key = again._account._account_list[0]._account_key
    told = again._data["trade"][key]["trading_day"], [it for it in again.get_order() if not it.startswith("_")]
    finished(again, again.insert_order(REBAR, "SELL", "CLOSE", 2, 3490, order_id="A"))
    return told, (opened, balance), it.filled()


def test_a_new_day_has_other_lots_no_orders_and_takes_ids_again(player: Player, start: Callable[..., Server]) -> None:
    venue = start("venues.tqsdk", "--trading-day", "20250307")
    told, (opened, balance), filled = player.play(day_roll, venue)
    assert told == ["20250310", []]
    assert opened == 3501
    assert balance == 10_000_000 + 2 * 10 * 19 - 7
    assert filled == {"A": 2}


def reconnected_over(it: Scene, operation: str) -> Any:
    """Return what a client shows that has logged in again by itself after an operation which resets connections."""
    api = it.client()
    resting = api.insert_order(REBAR, "BUY", "OPEN", 2, 3400, order_id="B")
    until(api, lambda: resting.exchange_order_id)
    api._reconnect_timer.timer = 0.0
    it.do(operation, end="abrupt")
    until(api, lambda: 2019112902 in codes(api))
    account = api._data["trade"][api._account._account_list[0]._account_key]
    shown = {name.split(".")[0]: order.status for name, order in api.get_order().items()}
    api.cancel_order("B")
    rest(api)
    return account["trading_day"], shown, [row["outcome"] for row in it.look("cancels")]


def reconnected_over_a_day(it: Scene) -> Any:
    return reconnected_over(it, "roll")


def reconnected_over_a_failover(it: Scene) -> Any:
    return reconnected_over(it, "failover")


def test_a_client_that_logs_in_again_by_itself_keeps_orders_that_are_no_more(
    player: Player, start: Callable[..., Server]
) -> None:
    venue = start("venues.tqsdk", "--trading-day", "20250307")
    assert player.play(reconnected_over_a_failover, venue) == [
        "20250307",
        {"B": "ALIVE", "SERVER": "ALIVE"},
        ["dropped"],
    ]
    venue = start("venues.tqsdk", "--trading-day", "20250307")
    assert player.play(reconnected_over_a_day, venue) == ["20250310", {"B": "ALIVE"}, ["dropped"]]


def system_information(it: Scene) -> Any:
    it.client()


def test_a_login_calls_dmidecode(player: Player, venue: Server, tmp_path: Path) -> None:
    called = tmp_path / "called"
    program = tmp_path / "dmidecode"
    program.write_text(f"#!/bin/sh\necho 1 >> {called}\n")
    program.chmod(0o755)
    player.play(system_information, venue, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert called.exists()


def first_order(it: Scene) -> Any:
    api = it.client(ACCOUNT)
    finished(api, api.insert_order(REBAR, "BUY", "OPEN", 2, 3510, order_id="A"))
    resting = api.insert_order(REBAR, "BUY", "OPEN", 3, 3400, order_id="B")
    until(api, lambda: resting.exchange_order_id)


def after_restart(it: Scene) -> Any:
    api = it.client(ACCOUNT)
    until(api, lambda: "B" in api.get_order())
    api.cancel_order("B")
    return finished(api, api.get_order("B")).volume_left, api.get_position(REBAR).pos_long_today


def test_a_venue_that_was_killed_goes_on(player: Player, tmp_path: Path) -> None:
    with TqStand(tmp_path) as stand:
        player.play(first_order, stand.server)
        stand.restart()
        assert stand.filled() == {"A": 2}
        assert player.play(after_restart, stand.server) == [3, 2]
        assert stand.inserts() == ["A", "B"]


def throughput(it: Scene) -> Any:
    api = it.client()
    api.get_quote(REBAR)
    began = time.monotonic()
    orders = [api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id=f"A{number}") for number in range(300)]
    until(api, lambda: all(order.status == "FINISHED" for order in orders))
    return time.monotonic() - began, len(it.filled())


def test_slow_accepts_do_not_wait_for_one_another(player: Player, start: Callable[..., Server]) -> None:
    seconds, filled = player.play(throughput, start("venues.tqsdk", "--accept-delay", "0.1", "--slices", "2"))
    assert filled == 300
    assert seconds < 15
