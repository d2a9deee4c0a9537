"""The DIFF venue on the wire, over sockets of this machine's file system and without tqsdk."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, UnixConnector, WSMsgType, WSServerHandshakeError, web
from venue_sandbox.venues.tqsdk.server import applications
from venue_sandbox.venues.tqsdk.settings import Settings, Way
from venue_sandbox.venues.tqsdk.venue import Venue

USER = "DUSBX1"
REALM = "/auth/realms/shinnytech"
SECONDS = 5.0


@dataclass
class Connection:
    """A client that asks for the next message as soon as it has one, and merges what it is told."""

    wire: ClientWebSocketResponse
    data: dict[str, Any] = field(default_factory=dict)
    packets: list[list[dict[str, Any]]] = field(default_factory=list)
    ended: int | None = None

    async def send(self, aid: str, **fields: Any) -> None:
        await self.wire.send_json({"aid": aid, **fields})

    async def until(self, condition: Callable[[dict[str, Any]], Any], seconds: float = SECONDS) -> Any:
        """Read until something is true; return it."""
        async with asyncio.timeout(seconds):
            while not (found := _true(condition, self.data)):
                assert self.ended is None, f"ended with {self.ended}"
                await self.receive()
        return found

    async def receive(self) -> None:
        await self.send("peek_message")
        message = await self.wire.receive()
        if message.type is not WSMsgType.TEXT:
            self.ended = self.wire.close_code
            return
        packet = json.loads(message.data)
        if packet["aid"] == "rtn_data":
            self.packets.append(packet["data"])
            for diff in packet["data"]:
                merge(self.data, diff)

    async def end(self) -> int | None:
        """Read until the connection ends; return the code of its end."""
        async with asyncio.timeout(SECONDS):
            while self.ended is None and not self.wire.closed:
                try:
                    await self.receive()
                except ConnectionError:
                    break
        return self.wire.close_code

    async def insert(self, order_id: str, volume: int = 10, price: float = 3510, **fields: Any) -> None:
        message = {
            "user_id": USER,
            "order_id": order_id,
            "exchange_id": "SHFE",
            "instrument_id": "rb2505",
            "direction": "BUY",
            "offset": "OPEN",
            "volume": volume,
            "price_type": "LIMIT",
            "limit_price": price,
            "time_condition": "GFD",
            "volume_condition": "ANY",
        }
        await self.send("insert_order", **{**message, **fields})

    def orders(self) -> dict[str, Any]:
        return self.data["trade"][USER]["orders"]

    def notices(self) -> list[str]:
        return [notice["content"] for notice in self.data.get("notify", {}).values()]


def _true(condition: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
    try:
        return condition(data)
    except KeyError:
        return None


def merge(data: dict[str, Any], diff: dict[str, Any]) -> None:
    """Merge a diff: null takes away."""
    for name, value in diff.items():
        if value is None:
            data.pop(name, None)
        elif isinstance(value, dict):
            merge(data.setdefault(name, {}), value)
        else:
            data[name] = value


@dataclass
class Wire:
    """A venue that runs."""

    venue: Venue
    client: ClientSession
    controller: ClientSession

    @asynccontextmanager
    async def connected(self, server: str = "td") -> AsyncGenerator[Connection]:
        async with self.client.ws_connect(f"http://venue/{server}") as wire:
            yield Connection(wire)

    @asynccontextmanager
    async def logged_in(self, user: str = USER) -> AsyncGenerator[Connection]:
        async with self.connected() as connection:
            await connection.send("req_login", bid="sandbox", user_name=user, password="pw")
            await connection.send("confirm_settlement")
            await connection.until(lambda data: data["trade"][user]["trade_more_data"] is False)
            yield connection

    async def do(self, operation: str, /, status: int = 0, **fields: Any) -> Any:
        async with self.controller.post(f"http://venue/_control/{operation}", json=fields) as answer:
            assert answer.status == status or (not status and answer.status < 300), await answer.text()
            return await answer.json() if answer.status == 200 else await answer.text()

    async def look(self, what: str) -> Any:
        async with self.controller.get(f"http://venue/_control/{what}") as answer:
            return await answer.json()

    async def fault(self, kind: str, /, **fields: Any) -> None:
        await self.do("faults", kind=kind, **fields)


Play = Callable[[Wire], Awaitable[None]]


@pytest.fixture
def on_the_wire(tmp_path: Path) -> Callable[..., None]:
    """Return what runs a scene with a venue."""

    def run(play: Play, settings: Settings | None = None) -> None:
        asyncio.run(_play(tmp_path, play, settings or Settings()))

    return run


async def _play(folder: Path, play: Play, settings: Settings) -> None:
    venue = Venue(settings)
    runners = [web.AppRunner(it, shutdown_timeout=0.1) for it in applications(venue)]
    paths = [str(folder / name) for name in ("venue", "control")]
    for runner, path in zip(runners, paths, strict=True):
        await runner.setup()
        await web.UnixSite(runner, path).start()
    clients = [ClientSession(connector=UnixConnector(path)) for path in paths]
    try:
        await play(Wire(venue, *clients))
    finally:
        for client in clients:
            await client.close()
        for runner in runners:
            await runner.cleanup()


def test_tokens_carry_grants_and_a_bad_password_gets_none(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        url = f"http://venue{REALM}/protocol/openid-connect/token"

        async def claims(**form: str) -> Any:
            async with wire.client.post(url, data=form) as answer:
                token = (await answer.json())["access_token"]
                return token, json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))

        token, first = await claims(username="demo", password="pw")
        assert first["sub"] == "DUSBX-demo"
        assert first["grants"]["accounts"] == []
        headers = {"Authorization": f"Bearer {token}"}
        async with wire.client.put(f"http://venue{REALM}/rest/update-grant-accounts/{USER}", headers=headers) as answer:
            assert answer.status == 200
        assert (await claims(refresh_token="refresh/demo"))[1]["grants"]["accounts"] == [USER]
        async with wire.client.post(url, data={"username": "demo", "password": "bad"}) as answer:
            assert answer.status == 401
        async with wire.client.get(f"http://venue{REALM}/rest/get-grant/tq") as answer:
            assert (await answer.json())["daysleft"] > 30
        async with wire.client.get("http://venue/holiday.json") as answer:
            assert "2025-10-01" in await answer.json()

    on_the_wire(play)


def test_a_message_is_sent_only_when_it_is_asked_for(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.connected() as connection:
            assert (await connection.wire.receive_json())["aid"] == "rtn_brokers"
            await connection.send("req_login", user_name=USER, password="pw")
            await connection.insert("A")
            while not wire.venue.trades:
                await asyncio.sleep(0)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(connection.wire.receive(), 0.02)

        async with wire.logged_in() as connection:
            assert connection.orders()["A"]["volume_left"] == 0
            before = len(connection.packets)
            await connection.insert("B")
            await connection.until(lambda data: data["trade"][USER]["orders"]["B"]["status"] == "FINISHED")
            steps = [diff for packet in connection.packets[before:] for diff in packet if "trade" in diff]
            seen = [diff["trade"][USER]["orders"]["B"] for diff in steps]
            assert [it["exchange_order_id"] == "" for it in seen] == [True, False, False]
            assert [it["volume_left"] for it in seen] == [10, 10, 0]
            assert set(steps[-1]["trade"][USER]) == {"orders", "trades", "positions", "accounts"}

    on_the_wire(play)


def test_market_data_is_described_once_and_moved_by_ticks(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.connected("md") as connection:
            await connection.until(lambda data: data["mdhis_more_data"] is False)
            await connection.send(
                "ins_query", query_id="Q", query='{multi_symbol_info(instrument_id: ["SHFE.rb2505"])}'
            )
            result = await connection.until(lambda data: data["symbols"]["Q"]["result"]["multi_symbol_info"])
            assert [it["instrument_id"] for it in result] == ["SHFE.rb2505"]
            await connection.send("ins_query", query_id="Q", query="")
            await connection.until(lambda data: "Q" not in data["symbols"])
            await connection.send("subscribe_quote", ins_list="SHFE.rb2505,SHFE.none,KQ.m@SHFE.rb")
            await connection.until(lambda data: data["ins_list"] == "SHFE.rb2505,SHFE.none,KQ.m@SHFE.rb")
            assert set(connection.data["quotes"]) == {"SHFE.rb2505", "KQ.m@SHFE.rb"}
            await wire.do("tick", symbol="SHFE.rb2505", last=3520, ask_volume=7)
            quote = await connection.until(
                lambda data: data["quotes"]["SHFE.rb2505"]["last_price"] == 3520 and data["quotes"]
            )
            assert quote["KQ.m@SHFE.rb"]["ask_price1"] == 3521
            assert quote["SHFE.rb2505"]["ask_volume1"] == 7
            await connection.send("set_chart", chart_id="C", ins_list="SHFE.rb2505", duration=60)
            await connection.until(lambda data: data["charts"]["C"]["ready"])

    on_the_wire(play)


def test_two_connections_of_an_account_hear_of_the_same_orders(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as first, wire.logged_in() as second, wire.logged_in("DUSBX2") as other:
            await first.insert("A", price=3400)
            await second.until(lambda data: data["trade"][USER]["orders"]["A"]["is_online"])
            await second.send("cancel_order", user_id=USER, order_id="A")
            await first.until(lambda data: data["trade"][USER]["orders"]["A"]["status"] == "FINISHED")
            assert first.orders()["A"]["last_msg"] == "已撤单"
            assert USER not in other.data["trade"]

    on_the_wire(play)


def test_an_insert_before_the_login_is_not_taken(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.connected() as connection:
            await connection.insert("A")
            await connection.send("req_login", user_name=USER, password="pw")
            await connection.until(lambda data: data["trade"][USER]["trade_more_data"] is False)
            assert connection.orders() == {} if "orders" in connection.data["trade"][USER] else True
        assert [it["outcome"] for it in await wire.look("inserts")] == ["not_logged_in"]

    on_the_wire(play)


def test_a_bad_password_and_a_refused_login_get_a_notice_only(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        await wire.fault("refuse_login", user=USER, text="CTP:客户端认证失败")
        for password, text in (("pw", "客户端认证失败"), ("bad", "不合法的登录")):
            async with wire.connected() as connection:
                await connection.send("req_login", user_name=USER, password=password)
                await connection.until(lambda data: data["notify"])
                assert text in connection.notices()[0]
                assert "trade" not in connection.data

    on_the_wire(play)


def test_orders_are_accepted_side_by_side(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as connection:
            started = time.monotonic()
            for number in range(200):
                await connection.insert(f"A{number}", 1)
            await connection.until(
                lambda data: sum(it["status"] == "FINISHED" for it in data["trade"][USER]["orders"].values()) == 200
            )
            assert 0.05 <= time.monotonic() - started < 2

    on_the_wire(play, Settings(way=Way(accept_delay=0.05)))


@pytest.mark.parametrize(("kind", "code"), [("drop_graceful", 1000), ("drop_abrupt", 1006)])
def test_connections_end(on_the_wire: Callable[..., None], kind: str, code: int) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as first, wire.logged_in("DUSBX2") as other, wire.connected("md") as market:
            await wire.fault(kind, operation="insert", user=USER)
            await first.insert("A")
            assert await first.end() == code
            await wire.fault(kind, socket="md")
            assert await market.end() == code
            await other.insert("B")
            await other.until(lambda data: data["trade"]["DUSBX2"]["orders"]["B"]["status"] == "FINISHED")
            await wire.fault(kind, operation="insert", applied=False)
            await other.insert("C")
            assert await other.end() == code
        assert {it["order_id"]: it["outcome"] for it in await wire.look("inserts")} == {
            "A": "taken",
            "B": "taken",
            "C": "lost",
        }

    on_the_wire(play)


def test_faults_of_inserts(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as connection:
            await wire.fault("reject", order="A", text="CTP:不可以")
            await wire.fault("lose_insert", order="B")
            await wire.fault("coalesce", order="C", fills=4)
            await wire.fault("late_trade", order="D", seconds=0.2)
            await wire.fault("delay_accept", order="E", seconds=0.3)
            for order_id in "ABCDE":
                await connection.insert(order_id)
            await connection.until(lambda data: data["trade"][USER]["orders"]["D"]["status"] == "FINISHED")
            assert not any(it["order_id"] == "D" for it in connection.data["trade"][USER]["trades"].values())
            assert connection.orders()["E"]["exchange_order_id"] == ""
            await connection.until(lambda data: "D|5" in data["trade"][USER]["trades"])
            await connection.until(lambda data: data["trade"][USER]["orders"]["E"]["status"] == "FINISHED")
            assert (connection.orders()["A"]["last_msg"], connection.orders()["A"]["is_error"]) == ("CTP:不可以", True)
            assert "B" not in connection.orders()
            told = [diff["trade"][USER] for packet in connection.packets for diff in packet if "trade" in diff]
            filled = [it for it in told if any(trade["order_id"] == "C" for trade in it.get("trades", {}).values())]
            assert [len(it["trades"]) for it in filled] == [4]
        assert await wire.look("requests") == {"login": 1, "insert": 5}

    on_the_wire(play)


def test_faults_of_cancels(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as connection:
            await wire.fault("reject_cancel", order="A")
            await wire.fault("fill_races_cancel", order="B")
            await wire.fault("delay_arrival", operation="insert", order="C", seconds=0.2)
            for order_id in "ABC":
                await connection.insert(order_id, price=3400)
                await connection.send("cancel_order", user_id=USER, order_id=order_id)
            await connection.until(lambda data: data["trade"][USER]["orders"]["C"]["is_online"])
            orders = connection.orders()
            assert {it: (orders[it]["status"], orders[it]["volume_left"]) for it in "ABC"} == {
                "A": ("ALIVE", 10),
                "B": ("FINISHED", 0),
                "C": ("ALIVE", 10),
            }
            dropped = [(it["order_id"], it["outcome"]) for it in await wire.look("cancels")]
            assert dropped == [("A", "dropped"), ("B", "dropped"), ("C", "dropped")]

    on_the_wire(play)


def test_a_connection_that_hangs_stays_open(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as connection:
            await wire.fault("hang", user=USER)
            await connection.insert("A")
            with pytest.raises(TimeoutError):
                await connection.until(lambda data: data["trade"][USER]["orders"]["A"], 0.05)
            assert not connection.wire.closed
        assert [it["volume"] for it in await wire.look("filled")] == [10]

    on_the_wire(play)


def test_a_login_is_never_answered_or_cut_off(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        await wire.fault("hang", operation="login")
        await wire.fault("drop_abrupt", operation="login", applied=False)
        async with wire.connected() as silent, wire.connected() as cut:
            await silent.send("req_login", user_name=USER, password="pw")
            with pytest.raises(TimeoutError):
                await silent.until(lambda data: data["trade"], 0.05)
            await cut.send("req_login", user_name=USER, password="pw")
            assert await cut.end() == 1006
        async with wire.logged_in():
            assert (await wire.look("requests"))["login"] == 3

    on_the_wire(play)


def test_the_day_ends_with_a_break_after_which_a_login_shows_the_next_day(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as connection:
            await connection.insert("A")
            await connection.until(lambda data: data["trade"][USER]["orders"]["A"]["status"] == "FINISHED")
            assert connection.data["trade"][USER]["trading_day"] == "20250303"
            assert await wire.do("roll", break_seconds=0.3) == {"trading_day": "20250304"}
            assert await connection.end() == 1000
        with pytest.raises(WSServerHandshakeError):
            async with wire.logged_in():
                pass
        await asyncio.sleep(0.31)
        async with wire.logged_in() as connection:
            account = connection.data["trade"][USER]
            assert account["trading_day"] == "20250304"
            assert account["positions"]["SHFE.rb2505"]["pos_long_his"] == 10
            assert not account.get("orders")

    on_the_wire(play)


def test_a_failover_is_seen_by_a_new_login(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as connection:
            await connection.insert("A", price=3400)
            await connection.until(lambda data: data["trade"][USER]["orders"]["A"]["is_online"])
            names = (await wire.do("failover"))[USER]
            assert await connection.end() == 1006
        async with wire.logged_in() as connection:
            assert list(connection.orders()) == [names["A"]]
            await connection.send("cancel_order", user_id=USER, order_id=names["A"])
            await connection.until(lambda data: data["trade"][USER]["orders"][names["A"]]["status"] == "FINISHED")

    on_the_wire(play)


def test_the_margin_of_one_lot_is_told(on_the_wire: Callable[..., None]) -> None:
    async def play(wire: Wire) -> None:
        async with wire.logged_in() as connection:
            fields = {"exchange_id": "SHFE", "instrument_id": "rb2505", "direction": "BUY", "offset": "OPEN"}
            await connection.send("pre_insert_order", order_id="P", volume=1, limit_price=0.0, **fields)
            told = await connection.until(lambda data: data["trade"][USER]["pre_insert_orders"]["P"])
            assert told["pre_margin"] == 3500

    on_the_wire(play)


def test_what_is_no_message_ends_the_connection_and_what_is_no_operation_is_refused(
    on_the_wire: Callable[..., None],
) -> None:
    async def play(wire: Wire) -> None:
        for text in ("{", "[]", "{}", '{"aid": "insert_order", "volume": "many"}'):
            async with wire.connected() as connection:
                await connection.wire.send_str(text)
                assert await connection.end() in (1006, None)
        assert "symbol" in await wire.do("tick", status=400)
        assert "not listed" in await wire.do("tick", status=400, symbol="SHFE.x", last=1)
        assert "no order" in await wire.do("fill", status=400, user=USER, order_id="A")
        assert "trading_day" in await wire.do("roll", status=400, trading_day="20251301")
        assert "kind" in await wire.do("faults", status=400)
        await wire.do("treatment", symbol="SHFE.rb2505", fill="rest")
        async with wire.controller.delete("http://venue/_control/treatment") as answer:
            assert answer.status == 204
        await wire.do("expire", symbol="SHFE.rb2505")
        assert "SHFE.rb2505" in (await wire.look("state"))["expired"]

    on_the_wire(play)
