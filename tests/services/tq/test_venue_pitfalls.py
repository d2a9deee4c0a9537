"""What goes wrong with tqsdk as it is, at the DIFF venue: one test for each pitfall that was measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.servers.launch import Server

from .test_venue_frame import (
    REBAR,
    USER,
    Blocked,
    Player,
    Scene,
    answer,
    at_most,
    codes,
    finished,
    playing,
    rest,
    until,
)

CONNECTED, RECONNECTED, DROPPED = 2019112901, 2019112902, 2019112911


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Generator[Player]:
    """Return what plays scenes in processes that have imported the library."""
    yield from playing(tmp_path_factory)


@pytest.fixture
def venue(start: Callable[..., Server], tmp_path: Path) -> Server:
    """Return a venue that keeps its state."""
    return start("venues.tqsdk", "--state", str(tmp_path / "state"))


# --- 1, 2, 3: connections ----------------------------------------------------------------------------


def graceful_close(it: Scene) -> Any:
    api = it.client()
    resting = api.insert_order(REBAR, "BUY", "OPEN", 1, 3400, order_id="A")
    until(api, lambda: resting.exchange_order_id)
    it.fault("drop_graceful", user=USER)
    until(api, lambda: codes(api).count(CONNECTED) == 2)
    order = api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="B")
    it.do("fill", user=USER, order_id="A")
    rest(api, 0.7)
    return codes(api), order.status, resting.status, it.outcomes(), it.look("requests")["login"]


def test_after_a_graceful_close_it_never_logs_in_again_and_even_what_it_watches_freezes(
    player: Player, venue: Server
) -> None:
    seen, sent, watched, outcomes, logins = player.play(graceful_close, venue)
    assert seen == [CONNECTED, CONNECTED]
    assert (sent, watched) == ("ALIVE", "ALIVE")
    assert outcomes == {"A": "taken", "B": "not_logged_in"}
    assert logins == 1


def abnormal_drop(it: Scene) -> Any:
    api = it.client()
    wait = api._reconnect_timer.timer - time.time()
    it.fault("drop_abrupt", user=USER)
    until(api, lambda: DROPPED in codes(api))
    api.wait_update(deadline=time.time() + 0.3)
    down = codes(api)
    return down, codes(api), wait


def test_after_an_abnormal_drop_it_waits_for_more_than_some_seconds(player: Player, venue: Server) -> None:
    down, still, wait = player.play(abnormal_drop, venue)
    assert down == still == [CONNECTED, DROPPED]
    assert 5 < wait <= 20


def reconnect(it: Scene) -> Any:
    api = it.client()
    api._reconnect_timer.timer = 0.0  # what it waits for is over
    it.fault("drop_abrupt", user=USER)
    until(api, lambda: RECONNECTED in codes(api))
    order = finished(api, api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A"))
    return codes(api), order.volume_left, it.look("requests")["login"]


def test_after_an_abnormal_drop_it_logs_in_again(player: Player, venue: Server) -> None:
    seen, left, logins = player.play(reconnect, venue)
    assert [code for code in seen if code in (CONNECTED, DROPPED, RECONNECTED)] == [CONNECTED, DROPPED, RECONNECTED]
    assert (left, logins) == (0, 2)


def insert_while_down(it: Scene) -> Any:
    api = it.client()
    api._reconnect_timer.timer = time.time() + 1.0
    it.fault("drop_abrupt", user=USER)
    until(api, lambda: DROPPED in codes(api))
    order = api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A")
    until(api, lambda: RECONNECTED in codes(api))
    rest(api, 0.5)
    return order.status, it.outcomes(), it.filled()


def test_an_order_that_is_sent_while_it_is_down_comes_before_the_login_and_stays_alive(
    player: Player, venue: Server
) -> None:
    assert player.play(insert_while_down, venue) == ["ALIVE", {"A": "not_logged_in"}, {}]


# --- 4, 5: ids ---------------------------------------------------------------------------------------


def used_id(it: Scene) -> Any:
    api = it.client()
    order = finished(api, api.insert_order(REBAR, "BUY", "OPEN", 10, 3510, order_id="A"))
    again = api.insert_order(REBAR, "BUY", "OPEN", 4, 3510, order_id="A")
    rest(api)
    return again is order, order.status, order.volume_orign, order.volume_left, it.filled(), it.look("inserts")


def test_a_used_id_damages_the_order_that_it_shows(player: Player, venue: Server) -> None:
    same, status, volume, left, filled, inserts = player.play(used_id, venue)
    assert (same, status, volume, left) == (True, "ALIVE", 4, 4)
    assert filled == {"A": 10}
    assert [row["outcome"] for row in inserts] == ["taken", "duplicate"]


def test_a_used_id_trades_twice_at_a_venue_that_knows_no_ids(player: Player, start: Callable[..., Server]) -> None:
    *_, filled, inserts = player.play(used_id, start("venues.tqsdk", "--duplicates", "overwrite"))
    assert filled == {"A": 14}
    assert [row["outcome"] for row in inserts] == ["taken", "taken"]


def ghosts(it: Scene) -> Any:
    api = it.client()
    before = "x" in api.get_order(), REBAR in api.get_position()
    api.get_order("x")
    api.get_position(REBAR)
    return before, ("x" in api.get_order(), REBAR in api.get_position()), it.look("positions")


def test_asking_for_an_order_or_a_position_makes_one(player: Player, venue: Server) -> None:
    assert player.play(ghosts, venue) == [[False, False], [True, True], {USER: {}}]


def unknown_position(it: Scene) -> Any:
    api = it.client()
    try:
        with at_most(1.0):
            api.get_position("SHFE.x")
    except Blocked:
        it.clients.clear()
        return "blocked"


def test_asking_for_the_position_of_an_unknown_symbol_waits(player: Player, venue: Server) -> None:
    assert player.play(unknown_position, venue) == "blocked"


# --- 6, 7: leaving, threads --------------------------------------------------------------------------


def leave(it: Scene) -> Any:
    api = it.client()
    api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A")
    it.clients.clear()


def leave_in_order(it: Scene) -> Any:
    api = it.client()
    api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A")
    api.wait_update(deadline=time.time() + 0.1)


def test_leaving_without_an_update_or_a_close_loses_the_order_with_status_zero(player: Player, venue: Server) -> None:
    assert player.run(leave, venue).status == 0
    assert venue.control("GET", "inserts") == []
    player.play(leave_in_order, venue)
    assert [row["order_id"] for row in venue.control("GET", "inserts")] == ["A"]


def other_thread(it: Scene) -> Any:
    api, seen = it.client(), {}
    api.get_quote(REBAR)
    rest(api, 0.2)

    def insert() -> None:
        time.sleep(0.2)
        api.insert_order(REBAR, "BUY", "OPEN", 1, 3510, order_id="A")
        time.sleep(0.5)
        seen.update(it.outcomes())

    thread = threading.Thread(target=insert)
    thread.start()
    api.wait_update(deadline=time.time() + 1.2)
    thread.join()
    return seen


def test_an_order_from_another_thread_is_not_sent_while_nothing_wakes_the_owner(player: Player, venue: Server) -> None:
    assert player.play(other_thread, venue) == {}


# --- 8: updates --------------------------------------------------------------------------------------


def coalesced(it: Scene) -> Any:
    api = it.client()
    it.fault("coalesce", fills=9)
    order = api.insert_order(REBAR, "BUY", "OPEN", 9, 3510, order_id="A")
    seen = [(order.status, order.volume_left)]
    while order.status == "ALIVE":
        api.wait_update()
        seen.append((order.status, order.volume_left))
    return seen, sorted(trade.volume for trade in order.trade_records.values())


def test_updates_coalesce_and_only_trades_tell_the_fills(player: Player, venue: Server) -> None:
    seen, trades = player.play(coalesced, venue)
    assert set(map(tuple, seen)) == {("ALIVE", 9), ("FINISHED", 0)}
    assert trades == [1] * 9


def late_trade(it: Scene) -> Any:
    api = it.client()
    it.fault("late_trade", seconds=1.0)
    order = finished(api, api.insert_order(REBAR, "BUY", "OPEN", 9, 3510, order_id="A"))
    early = len(order.trade_records), order.volume_left
    until(api, lambda: order.trade_records)
    return early, [trade.volume for trade in order.trade_records.values()]


def test_trades_come_after_the_order_has_finished(player: Player, venue: Server) -> None:
    assert player.play(late_trade, venue) == [[0, 0], [9]]


# --- 9: waiting --------------------------------------------------------------------------------------


def bad_login(it: Scene) -> Any:
    try:
        with at_most(1.5, since=lambda: it.look("requests").get("login")):
            it.client(password="bad")
    except Blocked:
        return "blocked"
    return "returned"


def test_a_bad_login_gets_a_notice_and_then_waits(player: Player, venue: Server) -> None:
    played = player.run(bad_login, venue)
    assert played.result == "blocked"
    assert "用户登录失败,CTP:不合法的登录" in played.output


def bad_auth(it: Scene) -> Any:
    from tqsdk import TqAccount, TqApi, TqAuth

    return answer(lambda: TqApi(TqAccount("sandbox", USER, "pw"), auth=TqAuth("demo", "bad"), debug=False))


def test_a_bad_password_at_auth_fails_at_once(player: Player, venue: Server) -> None:
    assert "用户权限认证失败 (401" in player.play(bad_auth, venue)


def unknown_symbol(it: Scene) -> Any:
    api, outcomes = it.client(), []
    for symbol in ("SHFE.rb9999", "SHFE.RB2505"):
        try:
            with at_most(1.0):
                api.insert_order(symbol, "BUY", "OPEN", 1, 3510, order_id=symbol)
            outcomes.append("returned")
        except Blocked:
            outcomes.append("blocked")
    it.clients.clear()
    return outcomes, it.look("inserts")


def test_an_unknown_or_wrongly_cased_symbol_waits(player: Player, venue: Server) -> None:
    assert player.play(unknown_symbol, venue) == [["blocked", "blocked"], []]


# --- 10, 11: prices, volumes, offsets ----------------------------------------------------------------

PRICELESS = (REBAR, "INE.sc2505", "CFFEX.IF2503", "DCE.m2505-C-3000", "DCE.m2505", "CZCE.CF505", "GFEX.si2505")


def without_a_price(it: Scene) -> Any:
    api = it.client()

    def send(symbol: str) -> str:
        return finished(api, api.insert_order(symbol, "BUY", "OPEN", 1, order_id=symbol.lower())).last_msg

    sent = {symbol: answer(lambda symbol=symbol: send(symbol)) for symbol in PRICELESS}
    rows = {row["symbol"]: (row["price_type"], row["time_condition"]) for row in it.look("inserts")}
    return sent, rows


def test_orders_without_a_price_are_refused_by_it_at_three_exchanges_and_for_options(
    player: Player, venue: Server
) -> None:
    sent, rows = player.play(without_a_price, venue)
    assert [symbol for symbol in PRICELESS if "不支持市价单" in sent[symbol]] == list(PRICELESS[:4])
    assert {sent[symbol] for symbol in ("DCE.m2505", "CZCE.CF505")} == {"全部成交"}
    assert "GFEX:不支持的价格类型" in sent["GFEX.si2505"]
    assert rows == {symbol: ["ANY", "IOC"] for symbol in PRICELESS[4:]}


def bad_numbers(it: Scene) -> Any:
    api = it.client()
    orders = [
        api.insert_order(REBAR, "BUY", "OPEN", volume, price, order_id=name)
        for name, volume, price in (
            ("fraction", 2.7, 3510),
            ("text", "3", 3510),
            ("true", True, 3510),
            ("zero", 1, 0),
            ("off-tick", 1, 3500.5),
        )
    ]
    for order in orders:
        finished(api, order)
    return {order.order_id: (order.volume_orign, order.last_msg) for order in orders}


def test_bad_volumes_and_prices_go_out(player: Player, venue: Server) -> None:
    seen = player.play(bad_numbers, venue)
    assert [seen[name] for name in ("fraction", "text", "true")] == [[2, "全部成交"], [3, "全部成交"], [1, "全部成交"]]
    assert "价格跌破跌停板" in seen["zero"][1]
    assert "价格非最小单位倍数" in seen["off-tick"][1]


def best_prices(it: Scene) -> Any:
    api = it.client()

    def send(symbol: str, price: str) -> str:
        order = api.insert_order(symbol, "BUY", "OPEN", 1, price, order_id=f"{symbol[:2]}-{price}")
        return finished(api, order).last_msg

    wishes = [(symbol, price) for symbol in (REBAR, "DCE.m2505", "CFFEX.IF2503") for price in ("BEST", "FIVELEVEL")]
    return {" ".join(wish): answer(lambda wish=wish: send(*wish)) for wish in wishes}


def test_only_one_exchange_takes_the_best_prices(player: Player, venue: Server) -> None:
    sent = player.play(best_prices, venue)
    assert [key for key, text in sent.items() if text == "全部成交"] == ["CFFEX.IF2503 BEST", "CFFEX.IF2503 FIVELEVEL"]
    assert all("仅中金所支持" in text for key, text in sent.items() if not key.startswith("CFFEX"))


def offsets(it: Scene) -> Any:
    for symbol in (REBAR, "DCE.m2505"):
        it.do("positions", user=USER, symbol=symbol, long_today=2, long_his=3)
    api = it.client()
    wishes = (
        (REBAR, "CLOSE", 4, 3490),
        (REBAR, "CLOSE", 3, 3490),
        (REBAR, "CLOSETODAY", 2, 3490),
        ("DCE.m2505", "CLOSETODAY", 1, 2990),
        ("DCE.m2505", "CLOSE", 5, 2990),
    )
    said = []
    for number, (symbol, offset, volume, price) in enumerate(wishes):
        order = api.insert_order(symbol, "SELL", offset, volume, price, order_id=f"A{number}")
        said.append(finished(api, order).last_msg)
    return said, [(it.pos_long_his, it.pos_long_today) for it in api.get_position().values()]


def test_only_two_exchanges_close_lots_of_today_apart(player: Player, venue: Server) -> None:
    said, left = player.play(offsets, venue)
    assert said == ["CTP:平昨仓位不足", "全部成交", "全部成交", "CTP:报单字段有误", "全部成交"]
    assert left == [[0, 0], [0, 0]]
