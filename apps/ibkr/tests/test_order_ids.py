"""Order ids are in the store before an order leaves, are the same for an order every time, and never given twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from ibkr_app.order_ids import OrderIds
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.errors import OrderRejected
from quant_platform_kit.domain.orders import Order, Side


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path)


def order(number: int, quantity: int = 3) -> Order:
    return Order(f"q{number}", "SPY", Side.BUY, Decimal(quantity))


def test_an_order_has_the_same_id_every_time_and_in_every_process(store: FileStore) -> None:
    first = OrderIds(store, 17).reserve("DUSBX1", order(1), 40)
    assert first.order_id == 40
    assert OrderIds(store, 17).reserve("DUSBX1", order(1), 900) == first
    assert OrderIds(store, 17).known("q1") == first


def test_an_order_that_was_never_to_be_sent_is_not_known(store: FileStore) -> None:
    assert OrderIds(store, 17).known("q1") is None


def test_ids_grow_within_a_process_and_over_processes(store: FileStore) -> None:
    ids = OrderIds(store, 17)
    assert [ids.reserve("DUSBX1", order(n), 1).order_id for n in range(3)] == [1, 2, 3]
    assert OrderIds(store, 17).reserve("DUSBX1", order(9), 1).order_id > 3


def test_an_id_is_never_below_what_the_gateway_takes(store: FileStore) -> None:
    ids = OrderIds(store, 17)
    ids.reserve("DUSBX1", order(1), 5)
    assert ids.reserve("DUSBX1", order(2), 5_000).order_id == 5_000
    assert ids.reserve("DUSBX1", order(3), 5).order_id == 5_001


def test_a_gateway_whose_ids_roll_back_gets_no_id_twice(store: FileStore) -> None:
    used = {OrderIds(store, 17).reserve("DUSBX1", order(n), 300 - 100 * n).order_id for n in range(3)}
    assert len(used) == 3
    assert min(used) >= 300


def test_more_orders_than_one_block_get_ids_of_their_own(store: FileStore) -> None:
    ids = OrderIds(store, 17)
    used = [ids.reserve("DUSBX1", order(n), 1).order_id for n in range(250)]
    assert used == list(range(1, 251))


def test_processes_that_reserve_at_once_never_share_an_id(store: FileStore) -> None:
    def work(worker: int) -> list[int]:
        ids = OrderIds(store, 17)
        return [ids.reserve("DUSBX1", order(1_000 * worker + n), 1).order_id for n in range(20)]

    with ThreadPoolExecutor(6) as pool:
        used = [order_id for ids in pool.map(work, range(6)) for order_id in ids]
    assert len(set(used)) == 120


def test_an_order_reserved_by_many_at_once_has_one_id(store: FileStore) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: OrderIds(store, 17).reserve("DUSBX1", order(1), 1), range(6)))
    assert len({reserved.order_id for reserved in made}) == 1


@pytest.mark.parametrize(("account", "quantity"), [("DUSBX2", 3), ("DUSBX1", 4)], ids=["account", "quantity"])
def test_a_client_order_id_is_refused_for_another_order(store: FileStore, account: str, quantity: int) -> None:
    ids = OrderIds(store, 17)
    first = ids.reserve("DUSBX1", order(1), 1)
    with pytest.raises(OrderRejected, match="q1"):
        ids.reserve(account, order(1, quantity), 1)
    assert ids.known("q1") == first


def test_each_api_client_has_ids_of_its_own(store: FileStore) -> None:
    OrderIds(store, 17).reserve("DUSBX1", order(1), 1)
    assert OrderIds(store, 18).known("q1") is None
