"""Services that are told to stop, that are not the only ones, or whose queues are not as they have to be."""

from __future__ import annotations

import asyncio
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from tq_broker_app.bus.names import places
from tq_broker_app.bus.ports import Queue
from venue_sandbox.stands.futures import ROLES, Addresses

from .site_frame import NEXT_DAY, USER, Desk, desk_at, until, venue_at

TEN_SECONDS = 10.0
TRADING = [role for role in ROLES if not role.endswith("handler")]


def rows(desk: Desk) -> dict[str, tuple[Any, ...]]:
    """Return status and fill of all orders, as readers find them."""
    engine = create_engine(desk.settings.database.url, poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT id, status, filled_quantity FROM order_history"))
        return {row[0]: (row[1], row[2]) for row in found}


def stopped(desk: Desk, names: list[str]) -> dict[str, tuple[int, bool]]:
    """Tell services to stop at once; return how each ended, and whether in time."""

    def stop(name: str) -> tuple[int, bool]:
        begun = time.monotonic()
        return desk.site.stop(name), time.monotonic() - begun < TEN_SECONDS

    with ThreadPoolExecutor(len(names)) as pool:
        return dict(zip(names, pool.map(stop, names), strict=True))


def test_all_services_stop_in_time_with_orders_under_way_whose_end_is_told_later(
    addresses: Addresses, tmp_path: Path
) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, list(ROLES)) as desk:
        for name, seconds in (("soon", 2.0), ("slow", 12.0)):
            venue.do("treatment", user=USER, order=name, accept_delay=seconds)
        desk.submit("soon")
        desk.submit("slow")
        desk.cancel("never-submitted")
        assert until(lambda: set(venue.inserts(USER)) == {"soon", "slow"})
        assert stopped(desk, list(ROLES)) == dict.fromkeys(ROLES, (0, True))
        assert until(lambda: venue.filled(USER) == {"soon": 2, "slow": 2})
        desk.site.start(["order-submitter", "order-monitor", "order-handler"])
        assert until(lambda: rows(desk) == {"soon": ("FINISHED", 2), "slow": ("FINISHED", 2)}), rows(desk)
        assert sorted(venue.inserts(USER)) == ["slow", "soon"]


def test_services_that_wait_for_their_login_stop_in_time(addresses: Addresses, tmp_path: Path) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, []) as desk:
        venue.server.fault("refuse_login", operation="login", times=None, text="not today")
        names = ["order-submitter", "account-monitor"]
        for name in names:
            desk.site.start_one(name, name)
        assert until(lambda: venue.server.requests().get("login", 0) >= 2)
        assert stopped(desk, names) == dict.fromkeys(names, (0, True))


def test_one_that_stands_by_takes_over_from_one_that_was_killed_or_stopped(
    addresses: Addresses, tmp_path: Path
) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, ["order-submitter"]) as desk:
        for name in ("second", "third", "fourth"):
            desk.site.start_one(name, "order-submitter")
        for name in ("second", "third", "fourth"):
            desk.site.wait_until_working(name)
        desk.submit("a")
        desk.event("a", "ALIVE")
        assert "standing by" in (desk.site.folder / "fourth.err").read_text()
        assert stopped(desk, ["fourth"]) == {"fourth": (0, True)}
        desk.site.stop("order-submitter", signal.SIGKILL)
        desk.submit("b")
        desk.event("b", "ALIVE")
        active, waiting = sorted(("second", "third"), key=lambda name: consumes(desk, name), reverse=True)
        assert (consumes(desk, active), consumes(desk, waiting)) == (True, False)
        assert stopped(desk, [active]) == {active: (0, True)}
        desk.submit("c")
        desk.event("c", "ALIVE")
        assert venue.inserts(USER) == ["a", "b", "c"]
        assert venue.filled(USER) == {"a": 2, "b": 2, "c": 2}


def consumes(desk: Desk, name: str) -> bool:
    """Whether a service has become the active one of its queue."""
    return "messages of submit are consumed" in (desk.site.folder / f"{name}.err").read_text()


async def _declared(desk: Desk, queue: Queue, *, as_a_fanout: bool) -> str:
    """Replace a queue by one with other arguments, or its exchange by one of another kind; return its name."""
    place = places(desk.settings.rabbitmq, desk.portfolio)[queue]
    async with await aio_pika.connect(desk.settings.rabbitmq.url.get_secret_value()) as connection:
        channel = await connection.channel()
        if as_a_fanout:
            await channel.exchange_delete(place.exchange)
            await channel.declare_exchange(place.exchange, "fanout", durable=True)
            return place.exchange
        await channel.queue_delete(place.queue)
        await channel.declare_queue(place.queue, durable=True, arguments={"x-max-length": 5})
        return place.queue


@pytest.mark.parametrize(
    ("as_a_fanout", "told"),
    [
        (False, "queue {}: x-max-length has to be none, and is 5"),
        (True, "exchange {}: type has to be direct, and is fanout"),
    ],
    ids=["a queue with arguments", "an exchange of another kind"],
)
def test_a_queue_that_differs_is_told_in_one_line(
    addresses: Addresses, tmp_path: Path, as_a_fanout: bool, told: str
) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, []) as desk:
        name = asyncio.run(_declared(desk, Queue.ACCOUNT, as_a_fanout=as_a_fanout))
        desk.site.start_one("account-handler", "account-handler")
        assert desk.site.servers["account-handler"].process.wait(20) == 1
        lines = (desk.site.folder / "account-handler.err").read_text().splitlines()
        complaints = [line for line in lines if line.startswith("tq-broker: ")]
        assert complaints == [f"tq-broker: {told.format(name)}: delete it, or name another one in the settings"], lines
        assert not any("Traceback" in line for line in lines)


def ended(desk: Desk, names: list[str]) -> dict[str, int]:
    """Return the exit statuses of services, once they have ended."""
    found = {name: desk.site.servers[name].process.wait(20) for name in names}
    for name in names:
        desk.site.servers.pop(name).kill()
    return found


def test_a_login_that_ends_in_any_way_ends_each_service_for_its_supervisor(
    addresses: Addresses, tmp_path: Path
) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, []) as desk:
        for why, names, end in (
            ("was made again", TRADING, lambda: venue.server.fault("drop_graceful", operation="now", user=USER)),
            ("was lost", TRADING[:2], lambda: venue.server.fault("drop_abrupt", operation="now", user=USER)),
            ("20250311 is over", TRADING[2:4], lambda: venue.do("roll", end="none", instant=f"{NEXT_DAY}T01:10:00Z")),
        ):
            desk.site.start(names)
            end()
            assert ended(desk, names) == dict.fromkeys(names, 75)
            for name in names:
                told = (desk.site.folder / f"{name}.err").read_text()
                assert why in told, told
        desk.site.start(["order-submitter"])
        desk.submit("after-all")
        assert until(lambda: venue.filled(USER) == {"after-all": 2})


def test_a_login_that_is_refused_ends_a_service_for_its_supervisor(addresses: Addresses, tmp_path: Path) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, [], tq={"password": "bad"}) as desk:
        names = TRADING[::2]
        for name in names:
            desk.site.start_one(name, name)
        assert ended(desk, names) == dict.fromkeys(names, 75)
        assert "login failed" in (desk.site.folder / "order-monitor.err").read_text()
