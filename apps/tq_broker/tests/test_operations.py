"""How a service runs: refused logins, its page, quotes that do not come, and events of what nobody knows."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from tq_broker_app.bus.ports import Queue
from tq_broker_app.bus.rabbit import RabbitBus
from tq_broker_app.errors import SessionOver
from tq_broker_app.names import Role
from tq_broker_app.operations.alerts import findings
from tq_broker_app.operations.health import Health
from tq_broker_app.operations.looking import Look, look_at
from tq_broker_app.roles.handlers import OrderHandler
from tq_broker_app.roles.reporting import order_row, unknown_rows
from tq_broker_app.running import _trading, _unless_stopped
from tq_broker_app.tq import reading
from tq_broker_app.tq.reading import View
from tq_broker_app.trading.plans import Child
from tq_broker_app.trading.progress import progress_of

from .frame import CALENDAR, HOURS, NOW, REBAR, make_parts, plan_of, settings, wanted

PARTS = (Child("a_closetoday", "CLOSETODAY", 1), Child("a_close", "CLOSE", 1))

# --- refused logins ------------------------------------------------------------------------------


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def log_in(_: Any) -> None:
        raise SessionOver("login failed: wrong password")

    monkeypatch.setattr("tq_broker_app.tq.session.log_in", log_in)


def service(pause: float) -> Awaitable[Any]:
    """Return the start of a service whose login is refused."""
    return _trading(
        Role.ORDER_MONITOR, make_parts(tq={"login_pause_seconds": pause}), Health("order-monitor")
    ).__aenter__()


@pytest.mark.usefixtures("refused")
def test_a_refused_login_is_waited_for_before_the_process_ends() -> None:
    async def run() -> float:
        begun = time.monotonic()
        with pytest.raises(SessionOver, match="wrong password"):
            await service(0.2)
        return time.monotonic() - begun

    assert settings().tq.login_pause_seconds == 30
    assert asyncio.run(run()) >= 0.2


@pytest.mark.usefixtures("refused")
def test_who_waits_after_a_refused_login_can_be_told_to_stop() -> None:
    async def run() -> Any:
        stop = asyncio.Event()
        starting = asyncio.create_task(_unless_stopped(service(60), stop))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        assert not starting.done()
        stop.set()
        return await asyncio.wait_for(starting, 2)

    assert asyncio.run(run()) is None


# --- the page of a service -----------------------------------------------------------------------


class Pages:
    """Stands for a client of HTTP: the page of a service, as it is."""

    def __init__(self, page: dict[str, str]) -> None:
        self._page = page

    @asynccontextmanager
    async def get(self, url: str) -> Any:
        async def content() -> Any:
            return "" if url.endswith("/metrics") else self._page

        yield SimpleNamespace(json=content, text=content)


def looked_at(state: str) -> tuple[Health, Look]:
    """Return a service whose consumer is in a state, and what `tq-broker watch` sees of it."""
    health = Health("order-submitter", "working", state=lambda: state)
    pages: Any = Pages({"role": health.role, "phase": health.phase, "state": state})
    return health, asyncio.run(look_at(pages, Role.ORDER_SUBMITTER, "http://venue"))


@pytest.mark.parametrize("state", ["", "consuming", "standing by"])
def test_a_service_that_consumes_or_stands_by_is_well(state: str) -> None:
    health, look = looked_at(state)
    assert (health.good, look.good, look.details["state"]) == (True, True, state)


def test_a_service_that_waits_for_what_is_down_is_not_well_and_is_found() -> None:
    health, look = looked_at("waiting: RabbitMQ does not answer")
    assert not health.good
    [found] = findings([look], {}, 0, CALENDAR.table.last, NOW.date())
    assert (found.patient, found.text) == (True, "order-submitter is waiting: RabbitMQ does not answer")


def test_a_bus_tells_what_its_consumer_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(_: RabbitBus) -> None:
        raise ConnectionError("refused")

    async def run() -> str:
        bus = RabbitBus(settings().rabbitmq, "p1", make_parts().clock)
        assert bus.state == ""
        consuming = asyncio.create_task(bus.consume(Queue.SUBMIT, None))  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            while not bus.state:
                await asyncio.sleep(0.01)
        await bus.close()
        await consuming
        return bus.state

    monkeypatch.setattr(RabbitBus, "_connect", refused)
    assert asyncio.run(run()) == "waiting: ConnectionError('refused')"


# --- quotes --------------------------------------------------------------------------------------


class SilentQuote(SimpleNamespace):
    """A quote of a contract that nobody has traded yet."""

    def __await__(self) -> Any:
        return asyncio.sleep(3600).__await__()


def test_a_symbol_without_a_tick_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CONTRACT_SECONDS", 0.2)
    limits = {name: 0 for name in ("min_limit_order_volume", "max_limit_order_volume", "max_market_order_volume")}
    prices = dict.fromkeys(("last_price", "pre_settlement", "lower_limit", "upper_limit"), float("nan"))
    quote = SilentQuote(price_tick=1.0, datetime="", product_id="rb", trading_time=HOURS, **limits, **prices)
    api = SimpleNamespace(get_order=dict, get_trade=dict, get_position=dict, get_quote=lambda _: quote)
    view = View(api)  # type: ignore[arg-type]
    view.symbols = frozenset({REBAR})

    async def seconds() -> float:
        begun = time.monotonic()
        found = await view.contract(REBAR)
        assert found is not None
        assert found[0].price_tick == Decimal("1.0")
        return time.monotonic() - begun

    async def run() -> list[float]:
        return [await seconds() for _ in range(3)]

    first, *others = asyncio.run(run())
    assert first >= 0.2
    assert max(others) < 0.1


# --- events of what nobody knows -----------------------------------------------------------------


class Written:
    """Stands for the writer of the database."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str] | None] = []

    def write_update(self, row: Any, event: Any) -> None:
        self.events.append((event.event_id, event.status) if event else None)
        assert event is None or json.dumps(dict(event.msg))


def test_an_order_that_is_unknown_has_an_event_and_its_parts_and_other_rows_have_none() -> None:
    plan, writer = plan_of(wanted(offset="CLOSE"), *PARTS), Written()
    handler = OrderHandler(make_parts(), writer)  # type: ignore[arg-type]
    rows = [*unknown_rows(plan, {"a_close": "nobody knows"}, NOW), order_row(plan, progress_of(plan, {}, {}, {}), NOW)]
    for row in rows:
        asyncio.run(handler.handle(row.model_dump_json().encode()))
    assert writer.events == [("a:UNKNOWN:0", "UNKNOWN"), None, None]
