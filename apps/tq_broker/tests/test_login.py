"""A login: how it is made, what ends it, and that nobody waits for an answer that cannot come."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import pytest
from tq_broker_app.errors import SessionOver
from tq_broker_app.settings import TqSettings
from tq_broker_app.tq import login
from tq_broker_app.tq.login import end_of, log_in, notices
from tq_broker_app.tq.session import TqSession, _leave

from .frame import NOW, settings

CONNECTED, AGAIN, LOST = 2019112901, 2019112902, 2019112911
HEAVY = {"tqsdk", "pandas"}


def told(*codes: tuple[str, int]) -> dict[str, Any]:
    return {str(number): {"conn_id": name, "code": code} for number, (name, code) in enumerate(codes)}


@pytest.mark.parametrize(
    "codes",
    [
        (),
        (("td", CONNECTED), ("md", CONNECTED)),
        (("td", CONNECTED), ("td", 7), ("td", 7)),
        (("", CONNECTED), ("", CONNECTED), ("", LOST)),
    ],
)
def test_a_login_goes_on_while_each_connection_was_made_once(codes: tuple[tuple[str, int], ...]) -> None:
    assert end_of(told(*codes)) is None


@pytest.mark.parametrize(
    ("codes", "why"),
    [
        ((("td", CONNECTED), ("td", CONNECTED)), "the connection td was made again"),
        ((("td", CONNECTED), ("td", AGAIN)), "the connection td was made again"),
        ((("td", CONNECTED), ("td", LOST)), "the connection td was lost"),
        ((("md", CONNECTED), ("td", CONNECTED), ("md", LOST)), "the connection md was lost"),
    ],
)
def test_a_login_is_over_once_a_connection_was_lost_or_made_again(codes: tuple[tuple[str, int], ...], why: str) -> None:
    assert (end_of(told(*codes)) or "").startswith(why)


def test_notices_are_read_without_taking_them() -> None:
    api = SimpleNamespace(_data={"notify": {"_path": [], "1": {"code": 7}, "2": {"code": 8}}})
    assert notices(api) == notices(api) == {"1": {"code": 7}, "2": {"code": 8}}
    assert notices(SimpleNamespace()) == {}


class Library:
    """A client library whose login fails, or does not."""

    def __init__(self, failure: str = "", last_words: str = "") -> None:
        self.made: list[tuple[Any, ...]] = []
        made = self.made

        class TqApi:
            def __init__(self, account: Any, auth: Any, debug: bool, disable_print: bool) -> None:
                made.append((account, auth, debug, disable_print))
                self._data = {"notify": {"1": {"content": last_words}} if last_words else {}}
                if failure:
                    raise Exception(failure)  # as the library does

        self.TqApi = TqApi

    def TqKq(self) -> tuple[str]:
        return ("simulated",)

    def TqAccount(self, *words: str) -> tuple[str, ...]:
        return words

    def TqAuth(self, *words: str) -> tuple[str, ...]:
        return words


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(made: Library) -> Library:
        monkeypatch.setattr(login, "library", lambda: made)
        return made

    return run


REAL = {"run_mode": "real", "broker_id": "b", "account_id": "103", "account_password": "account-password"}


def tq(**changes: Any) -> TqSettings:
    return settings(tq=changes).tq


def test_a_sandbox_is_the_simulated_account_and_real_is_the_own_one(given: Any) -> None:
    made = given(Library())
    log_in(tq())
    log_in(tq(**REAL))
    auth = ("demo", "tianqin-password")
    assert made.made == [
        (("simulated",), auth, False, True),
        (("b", "103", "account-password"), auth, False, True),
    ]


def test_a_refused_login_is_told_with_the_last_words_of_the_exchange(given: Any) -> None:
    given(Library("timed out", "wrong password"))
    with pytest.raises(SessionOver, match=r"login failed: timed out; the exchange's last words: wrong password"):
        log_in(tq())


def test_a_login_that_failed_is_told_to_whoever_starts_the_session(given: Any) -> None:
    given(Library("timed out"))

    async def run() -> None:
        session = TqSession(tq())
        with pytest.raises(SessionOver, match="timed out"):
            await session.start(NOW)
        assert session.is_over
        assert "timed out" in await session.over()
        await session.close()

    asyncio.run(run())


# --- the session, with a client library that is a loop and a list ------------------------------------


class LoopApi:
    """A TqApi as far as a session needs one: tasks on a loop, and a wait that runs them."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.tasks: list[asyncio.Task[Any]] = []
        self.closed = False
        account = {"user_id": "103", "trading_day": "20250311"}
        self._data: dict[str, Any] = {"trade": {"_path": [], "103": account}, "notify": {}}
        self._changed = asyncio.Event()

    def create_task(self, work: Any) -> asyncio.Task[Any]:
        task = self.loop.create_task(work)
        self.tasks.append(task)
        return task

    def wait_update(self) -> bool:
        self.loop.run_until_complete(asyncio.wait(self.tasks, timeout=0.01))
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.remove(task)
            task.result()
        return True

    def get_order(self) -> dict[str, Any]:
        return {}

    get_trade = get_position = get_order

    def register_update_notify(self) -> Any:
        api = self

        class Changes:
            async def __aenter__(self) -> Any:
                return self

            async def __aexit__(self, *_: object) -> None:
                """Nothing is open."""

            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> None:
                await api._changed.wait()
                api._changed.clear()

        return Changes()

    def change(self) -> None:
        """Tell, in the loop, that something has changed."""
        self.loop.call_soon_threadsafe(self._changed.set)

    def close(self) -> None:
        self.closed = True
        for task in self.tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*self.tasks, return_exceptions=True))
        self.loop.close()


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Generator[LoopApi]:
    made = LoopApi()
    monkeypatch.setattr("tq_broker_app.tq.session.log_in", lambda _: made)
    yield made
    if not made.loop.is_closed():
        made.loop.close()


async def started() -> TqSession:
    session = TqSession(tq())
    await session.start(NOW)
    return session


def test_commands_are_answered_from_the_thread_of_the_login(api: LoopApi) -> None:
    async def run() -> None:
        session = await started()
        assert (session.account_id, session.trading_day) == ("103", "20250311")
        assert await session.ask(lambda view: view.api) is api
        with pytest.raises(KeyError, match="colour"):
            await session.ask(lambda _: {}["colour"])
        await session.close()
        assert api.closed

    asyncio.run(run())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda api: api._data["notify"].update(told(("td", CONNECTED), ("td", CONNECTED))), "td was made again"),
        (lambda api: api._data["notify"].update(told(("td", LOST))), "td was lost"),
        (lambda api: api._data["trade"]["103"].update(trading_day="20250312"), "now it is 20250312"),
    ],
)
def test_what_ends_a_login_ends_the_session_and_all_that_waits(api: LoopApi, change: Any, why: str) -> None:
    async def run() -> None:
        session = await started()
        rung: list[bool] = []
        session.on_change(lambda: rung.append(session.is_over))

        async def for_ever(_: Any) -> None:
            await asyncio.Event().wait()

        waiting = asyncio.create_task(session.ask_async(for_ever))
        await session.ask(lambda _: None)
        change(api)
        api.change()
        with pytest.raises(SessionOver, match=why):
            await asyncio.wait_for(waiting, 5)
        assert why in await session.over()
        async with asyncio.timeout(5):
            while not any(rung):
                await asyncio.sleep(0.001)
        with pytest.raises(SessionOver, match=why):
            await session.ask(lambda _: None)
        await session.close()

    asyncio.run(run())


def test_a_command_that_comes_as_the_login_ends_is_answered(api: LoopApi) -> None:
    async def run() -> None:
        session = await started()
        inner = session._open

        class Ending(set[Any]):
            def add(self, answer: Any) -> None:
                session._over.set_result("it is over")  # what waited was told already; this one came too late
                inner.add(answer)

        session._open = Ending()
        commands: Any = session._commands
        put, commands.put_nowait = commands.put_nowait, lambda _: None
        with pytest.raises(SessionOver, match="it is over"):
            await asyncio.wait_for(session.ask(lambda _: None), 5)
        api.loop.call_soon_threadsafe(put, _leave)
        await session.close()

    asyncio.run(run())


def test_a_library_that_fails_ends_the_session(api: LoopApi) -> None:
    async def run() -> None:
        session = await started()

        async def failing() -> None:
            raise ZeroDivisionError

        api.loop.call_soon_threadsafe(lambda: api.create_task(failing()))
        assert "the client library failed: ZeroDivisionError()" in await asyncio.wait_for(session.over(), 5)
        await session.close()

    asyncio.run(run())


# --- what is imported ----------------------------------------------------------------------------


MODULES = (
    "cli.main",
    "running",
    "cache.writing",
    "database.writing",
    "roles.handlers",
    "roles.order_submitter",
    "roles.order_canceller",
    "roles.order_monitor",
)
"""The command, what handlers need, and services until they log in."""


def test_nothing_but_a_login_loads_the_client_library() -> None:
    names = ", ".join(f"tq_broker_app.{name}" for name in MODULES)
    code = f"import sys, {names}\nprint(sorted({HEAVY} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
