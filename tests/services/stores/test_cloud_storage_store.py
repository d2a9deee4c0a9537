"""The Cloud Storage store against the emulator: the contract, and what becomes of a write when the service fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
from quant_platform_kit.adapters.gs_store import GsStore
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import Conflict, StoreError
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.testing.store_contract import SnapshotStoreContract, StoreProcessContract
from venue_sandbox.servers.launch import Server

BUCKET = "ledger"
SECONDS = 6.0
"""How long a call of the stores in front of a failing service may take: one answer may take two of them."""

Start = Callable[..., Server]
Write = Callable[[GsStore, bytes], int]


@pytest.fixture
def address(endpoint: str) -> dict[str, str]:
    """Return the address of an empty store in the emulator that runs for all tests."""
    bucket = f"test-{uuid4().hex}"
    requests.post(f"{endpoint}/storage/v1/b", json={"name": bucket}, timeout=10).raise_for_status()
    return {"url": f"gs://{bucket}/ledger/live", "endpoint": endpoint}


@pytest.fixture
def reopen(address: dict[str, str]) -> Callable[[], GsStore]:
    parts = urlsplit(address["url"])
    return lambda: GsStore(parts.netloc, parts.path.strip("/"), endpoint=address["endpoint"])


@pytest.fixture
def store(reopen: Callable[[], GsStore]) -> GsStore:
    return reopen()


class TestCloudStorageStore(SnapshotStoreContract, StoreProcessContract):
    """S1 to S23, D1 to D4, P1 and P2."""


def open_at(server: Server, seconds: float = SECONDS) -> GsStore:
    return GsStore(BUCKET, "live", endpoint=f"http://127.0.0.1:{server.port}", timeout_seconds=seconds)


@pytest.fixture
def emulator(start: Start) -> Server:
    """Return an emulator of this test alone, which takes any number of writes of one object."""
    return start("cloud.storage", "--bucket", BUCKET, "--write-interval", "0")


@pytest.fixture
def failing(emulator: Server) -> GsStore:
    return open_at(emulator)


@pytest.fixture
def other(emulator: Server) -> GsStore:
    """Return a second client."""
    return open_at(emulator)


@pytest.fixture(params=["create", "replace"])
def write(request: pytest.FixtureRequest, other: GsStore, emulator: Server) -> Write:
    """Return a write of the object ``lease``: its creation, or its replacement after its creation."""
    if request.param == "create":
        return lambda client, data: client.create("lease", data)
    generation = other.create("lease", b"before")
    emulator.forget_requests()
    return lambda client, data: client.replace("lease", data, generation)


# --- the service as it should be -----------------------------------------------------------------


def test_a_call_is_one_request_and_a_conflict_two(failing: GsStore, emulator: Server) -> None:
    def requests_of(call: Callable[[], object]) -> dict[str, int]:
        emulator.forget_requests()
        call()
        return emulator.requests()

    def losing() -> None:
        with pytest.raises(Conflict):
            failing.create("lease", b"{}")

    generations: list[int] = []
    assert requests_of(lambda: failing.get("lease")) == {"media": 1}
    assert requests_of(lambda: generations.append(failing.create("lease", b"{}"))) == {"insert": 1}
    assert requests_of(lambda: failing.replace("lease", b"{}", generations[0])) == {"insert": 1}
    assert requests_of(lambda: failing.get("lease")) == {"media": 1}
    assert requests_of(lambda: failing.keys("")) == {"list": 1}
    assert requests_of(failing.now) == {"get": 1}
    assert requests_of(losing) == {"insert": 1, "get": 1}


def test_stores_under_different_prefixes_of_a_bucket_do_not_see_each_other(emulator: Server) -> None:
    endpoint = f"http://127.0.0.1:{emulator.port}"
    stores = [open_store(f"gs://{BUCKET}{prefix}", endpoint=endpoint) for prefix in ("/a", "/a/b", "/ab/")]
    for number, store in enumerate(stores):
        store.create("lease", b"%d" % number)
    assert [store.keys("") for store in stores] == [["b/lease", "lease"], ["lease"], ["lease"]]
    for number, store in enumerate(stores):
        stored = store.get("lease")
        assert stored is not None
        assert stored.data == b"%d" % number


def test_more_keys_than_a_page_are_all_listed(failing: GsStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: failing.create(f"objects/{number:04}", b""), range(1100)))
    assert failing.keys("objects/") == [f"objects/{number:04}" for number in range(1100)]


def test_a_second_write_within_the_second_waits_for_its_turn(start: Start) -> None:
    """As the service has it: one change of an object each second."""
    server = start("cloud.storage", "--bucket", BUCKET)
    store = open_at(server)
    begin = time.monotonic()
    generation = store.create("lease", b"0")
    for number in (1, 2):
        generation = store.replace("lease", b"%d" % number, generation)
    assert 2.0 <= time.monotonic() - begin < 2 * SECONDS
    assert store.get("lease") == Stored(b"2", generation)
    assert server.requests()["insert"] > 3, "some were refused"


# --- answers that are lost -----------------------------------------------------------------------


def test_a_lost_answer_to_a_write_that_was_made_is_success(
    failing: GsStore, emulator: Server, other: GsStore, write: Write
) -> None:
    emulator.fault("drop_after", operation="insert")
    generation = write(failing, b"own")
    assert emulator.requests() == {"insert": 1, "get": 1}
    assert other.get("lease") == Stored(b"own", generation)


@pytest.mark.parametrize(
    "fault", [{"kind": "drop_before"}, {"kind": "http_error", "status": 503}], ids=["down", "error"]
)
def test_a_write_that_was_not_made_is_sent_again(
    failing: GsStore, emulator: Server, other: GsStore, write: Write, fault: dict[str, object]
) -> None:
    emulator.fault(**{**fault, "operation": "insert", "times": 2})
    generation = write(failing, b"own")
    assert emulator.requests() == {"insert": 3, "get": 2}
    assert other.get("lease") == Stored(b"own", generation)


def test_a_write_that_was_not_made_loses_to_another_made_meanwhile(
    failing: GsStore, emulator: Server, other: GsStore, write: Write
) -> None:
    emulator.fault("drop_before", operation="insert")
    emulator.fault("slow", operation="get", seconds=1.0)
    with ThreadPoolExecutor(1) as pool:
        losing = pool.submit(write, failing, b"own")
        while not emulator.requests().get("get"):
            time.sleep(0.01)
        generation = write(other, b"another's")
        with pytest.raises(Conflict, match=f"lease has generation {generation}"):
            losing.result()
    assert other.get("lease") == Stored(b"another's", generation)


def test_a_lost_read_back_is_tried_again(failing: GsStore, emulator: Server, other: GsStore, write: Write) -> None:
    emulator.fault("drop_after", operation="insert")
    emulator.fault("drop_before", operation="get", times=2)
    generation = write(failing, b"own")
    assert emulator.requests() == {"insert": 1, "get": 3}
    assert other.get("lease") == Stored(b"own", generation)


def test_a_silent_service_is_given_up_and_asked_again(
    failing: GsStore, emulator: Server, other: GsStore, write: Write
) -> None:
    emulator.fault("silent", operation="insert")
    begin = time.monotonic()
    generation = write(failing, b"own")
    assert 1.5 < time.monotonic() - begin < SECONDS
    assert other.get("lease") == Stored(b"own", generation)


def test_a_write_that_arrives_after_it_was_given_up_changes_nothing(
    failing: GsStore, emulator: Server, other: GsStore, write: Write
) -> None:
    """The request is on its way for four seconds; the client gave it up after two and sent it again."""
    emulator.fault("slow", operation="insert", seconds=4.0)
    generation = write(failing, b"own")
    last = other.replace("lease", b"later", generation)
    time.sleep(3.0)
    assert other.get("lease") == Stored(b"later", last)


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        ({"kind": "drop_before"}, False),
        ({"kind": "http_error", "status": 500}, False),
        ({"kind": "rate_limit"}, False),
        ({"kind": "drop_after"}, True),
        ({"kind": "silent"}, True),
    ],
    ids=["down", "error", "too many", "lost answers", "silence"],
)
def test_a_failure_that_stays_is_a_store_error_in_time(
    emulator: Server, other: GsStore, fault: dict[str, object], made: bool
) -> None:
    store = open_at(emulator, 1.0)
    emulator.fault(**{**fault, "times": None})
    for call in (lambda: store.create("lease", b"{}"), lambda: store.get("lease"), lambda: store.keys(""), store.now):
        begin = time.monotonic()
        with pytest.raises(StoreError, match="of gs://ledger/live") as caught:
            call()
        assert not isinstance(caught.value, Conflict)
        assert time.monotonic() - begin < 3.0
    emulator.clear()
    assert other.keys("") == (["lease"] if made else [])


# --- a service that goes away --------------------------------------------------------------------


@pytest.fixture
def lasting(start: Start, tmp_path: Path) -> Callable[[int], Server]:
    """Return a function that starts an emulator on a port, with the state of the one before."""
    return lambda port: start(
        *("cloud.storage", "--bucket", BUCKET, "--write-interval", "0"),
        *("--state", str(tmp_path / "state"), "--port", str(port)),
    )


def test_a_service_that_is_down_is_a_store_error_until_it_is_back(lasting: Callable[[int], Server]) -> None:
    server = lasting(0)
    store = open_at(server, 1.0)
    generation = store.create("lease", b"first")
    server.kill()
    for call in (lambda: store.replace("lease", b"second", generation), lambda: store.get("lease"), store.now):
        with pytest.raises(StoreError, match="Connection refused"):
            call()
    lasting(server.port)
    assert store.get("lease") == Stored(b"first", generation)
    assert store.replace("lease", b"second", generation) > generation


def test_a_write_outlasts_a_restart_of_the_service(lasting: Callable[[int], Server]) -> None:
    server = lasting(0)
    store = open_at(server)
    generation = store.create("lease", b"first")
    server.stop()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(store.replace, "lease", b"second", generation)
        time.sleep(0.5)
        lasting(server.port)
        latest = writing.result()
    assert store.get("lease") == Stored(b"second", latest)


def test_a_write_whose_answer_a_crash_swallowed_is_success(lasting: Callable[[int], Server]) -> None:
    server = lasting(0)
    store = open_at(server)
    server.fault("silent", operation="insert")
    crash = threading.Timer(0.7, server.kill)
    crash.start()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(store.create, "lease", b"own")
        crash.join()
        again = lasting(server.port)
        generation = writing.result()
    assert store.get("lease") == Stored(b"own", generation)
    assert "insert" not in again.requests(), "it was found, not made again"
