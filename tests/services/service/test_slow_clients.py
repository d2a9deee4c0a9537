"""Clients that never come to an end, and triggers that hang: the paper service waits for neither for long."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPResponse

import pytest
from venue_sandbox.stands.platform import ACCOUNT

from .service_frame import DUE, TIME, Platform, Start, slot

WAITS = 10
"""Seconds that headers may take, and as long again a body."""
STOPS = 8
"""Seconds after SIGTERM by which the process has ended."""
MANY = 600
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /run HTTP/1.1\r\nHost: x\r\n" + f"{TIME}: {slot(DUE)}\r\n".encode()


def connected(port: int, sent: bytes = b"") -> socket.socket:
    """Connect, and send the beginning of a request."""
    connection = socket.create_connection(("127.0.0.1", port), 30)
    connection.sendall(sent)
    return connection


@dataclass
class Slow:
    """A client that sends a byte now and then, and what it got until it was cut off, and when."""

    connection: socket.socket
    drip: bytes = b""
    begun: float = field(default_factory=time.monotonic)
    got: bytes = b""
    seconds: float | None = None

    def send(self) -> None:
        """Send one more byte, if it sends any."""
        with suppress(OSError):
            self.connection.send(self.drip)

    def read(self) -> None:
        """Take what has come; nothing is the end."""
        with suppress(OSError):
            if part := self.connection.recv(1 << 16):
                self.got += part
                return
        self.seconds = time.monotonic() - self.begun


def watch(clients: dict[str, Slow], seconds: float) -> None:
    """Let clients drip until all were cut off, or it took too long."""
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for client in clients.values():
            selector.register(client.connection, selectors.EVENT_READ, client)
        while selector.get_map() and time.monotonic() < end:
            for key, _ in selector.select(0.25):
                key.data.read()
                if key.data.seconds is not None:
                    selector.unregister(key.fileobj)
            for client in clients.values():
                if client.seconds is None:
                    client.send()


def test_headers_that_do_not_come_are_cut_off_after_ten_seconds_and_a_slow_body_is_answered_408(
    platform: Start,
) -> None:
    made = platform()
    port = made.service.port
    with ExitStack() as stack:

        def client(sent: bytes, drip: bytes = b"") -> Slow:
            return Slow(stack.enter_context(closing(connected(port, sent))), drip)

        served = client(GET + b"\r\n")
        with closing(HTTPResponse(served.connection)) as response:
            response.begin()
            assert response.read() == b'{"status":"ok"}'
        served.connection.sendall(GET)
        served.drip, served.begun = b"x", time.monotonic()
        clients = {
            "silent": client(b""),
            "dripping headers": client(GET + b"X-Slow: ", b"x"),
            "dripping headers of a second request": served,
            "a body nobody reads": client(GET + b"Content-Length: 16000\r\n\r\n", b" "),
            "a body that drips": client(POST + b"Content-Length: 16000\r\n\r\n", b" "),
            "a body in pieces": client(POST + b"Transfer-Encoding: chunked\r\n\r\n", b""),
        }
        watch(clients, 2 * WAITS)
    times = {name: client.seconds for name, client in clients.items()}
    for name in ("silent", "dripping headers", "dripping headers of a second request"):
        assert clients[name].got == b"", name
        assert WAITS - 0.5 < (times[name] or 0) < WAITS + 2, times
    assert clients["a body nobody reads"].got.startswith(b"HTTP/1.1 200 OK")
    assert WAITS + 3 > max(seconds or 99 for seconds in times.values()), times
    for name in ("a body that drips", "a body in pieces"):
        head, _, body = clients[name].got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 Request Timeout"), (name, head)
        assert json.loads(body) == {"error": "the body did not come within 10 s; send it at once"}
    assert made.orders() == []
    assert made.read("/health").status == 200
    assert "Traceback" not in made.log


@contextmanager
def slow_clients(port: int) -> Generator[None]:
    """Keep many connections at work that never get beyond their headers."""
    done = threading.Event()
    with ExitStack() as stack:
        kinds = (b"", GET + b"X-Slow: ", POST + b"Content-Length: 16000\r\n\r\n")
        clients = [Slow(stack.enter_context(closing(connected(port, kinds[n % 3]))), b"x") for n in range(MANY)]

        def drip() -> None:
            while not done.wait(0.2):
                for client in clients:
                    client.send()

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@contextmanager
def hung_store(made: Platform) -> Generator[Callable[[], bool]]:
    """Let whoever reads the account's lease wait for ever; yield what tells that somebody does."""
    lease = made.folder / "store" / "accounts" / ACCOUNT / "lease"
    lease.parent.mkdir(parents=True)
    os.mkfifo(lease)
    ours: list[int] = []

    def is_read() -> bool:
        with suppress(OSError):  # nobody has it open
            ours.append(os.open(lease, os.O_WRONLY | os.O_NONBLOCK))
        return bool(ours)

    try:
        yield is_read
    finally:
        for descriptor in ours:
            os.close(descriptor)
        lease.unlink()


@contextmanager
def hung_broker(made: Platform) -> Generator[Callable[[], bool]]:
    """Let every call of the venue wait for ever; yield what tells that calls do."""
    made.venue.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    try:
        yield lambda: time.monotonic() - begun > 1
    finally:
        made.venue.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("hung", [hung_store, hung_broker])
def test_sigterm_ends_a_service_within_eight_seconds_whatever_hangs_in_it(
    platform: Start, hung: Callable[[Platform], AbstractContextManager[Callable[[], bool]]]
) -> None:
    made = platform(PAPER_TIMEOUT_SECONDS="60", LEASE_SECONDS="150", FILL_TIMEOUT_SECONDS="100")
    with hung(made) as hangs, ThreadPoolExecutor(3) as pool:
        triggers = [pool.submit(made.post) for _ in range(3)]
        made.until(hangs)
        with slow_clients(made.service.port):
            assert made.read("/health").status == 200
            assert not any(trigger.done() for trigger in triggers)
            assert made.terminate() < STOPS
        answers = [trigger.result(STOPS) for trigger in triggers]
    assert 503 in {answer.status for answer in answers} <= {409, 503}
    assert all(1 <= int(answer.headers["retry-after"]) <= 300 for answer in answers)
    assert "Traceback" not in made.log
