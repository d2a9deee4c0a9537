"""A process that hangs is killed, and one whose owner died kills itself."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from longbridge_app import worker_process as module
from longbridge_app.rows import Credentials
from longbridge_app.worker import LongBridgeError, Worker
from quant_platform_kit.adapters.blocking_client import Deadline

CREDENTIALS = Credentials("json", "key", "secret", "token")
"""A library that has no ``openapi``: the process starts, and every call of it fails."""


def test_an_error_of_the_process_is_told_and_it_lives_on() -> None:
    worker = Worker(CREDENTIALS, 10)
    for _ in range(2):
        with worker.turn("a test") as deadline, pytest.raises(LongBridgeError, match="ModuleNotFoundError"):
            worker.call("today", what="a test", deadline=deadline)
    worker.kill()
    assert worker.pid is None


@pytest.mark.parametrize(
    ("code", "refused", "passing"),
    [
        *((None, False, True), (429002, False, True), (301606, False, True), (504, False, True)),
        *((301600, False, False), (401003, True, False), (602001, True, False)),
    ],
)
def test_an_error_says_whether_it_had_an_effect_and_whether_to_ask_again(
    code: int | None, refused: bool, passing: bool
) -> None:
    error = LongBridgeError("it failed", code)
    assert (error.refused, error.passing) == (refused, passing)


def test_a_process_that_does_not_answer_is_killed() -> None:
    worker = Worker(CREDENTIALS, 10)
    with worker.turn("a test") as deadline, pytest.raises(LongBridgeError):
        worker.call("today", what="a test", deadline=deadline)
    process = worker.pid
    assert process is not None
    os.kill(process, 19)  # stopped: it answers nothing any more
    begun = time.monotonic()
    with pytest.raises(LongBridgeError, match=r"did not answer a test within 0\.5 s"):
        worker.call("today", what="a test", deadline=Deadline(0.5))
    assert time.monotonic() - begun < 2
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    worker.kill()


LIBRARY = """
class Config:
    def __init__(self, *keys, **options): pass

class QuoteContext:
    def __init__(self, config): pass
    def member_id(self):
        print("a library may print")
        return 7
    def static_info(self, symbols): return []
"""


def test_what_was_asked_ahead_is_no_answer_to_what_is_asked_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "openapi.py").write_text(LIBRARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = Worker(Credentials("fake", "key", "secret", "token"), 10)
    worker.start("member_id")
    process = worker.pid
    with worker.turn("a test") as deadline:
        assert worker.call("instruments", ["SPY.US"], what="a test", deadline=deadline) == ()
        assert worker.call("member_id", what="a test", deadline=deadline) == 7
    worker.start("member_id")
    assert worker.pid == process, "one that runs is not started again"
    worker.kill()


def test_nobody_waits_longer_for_another_than_for_an_answer() -> None:
    worker, said = Worker(CREDENTIALS, 0.2), list[str]()

    def ask() -> None:
        try:
            with worker.turn("a test"):
                said.append("its turn")
        except LongBridgeError as error:
            said.append(str(error))

    with worker.turn("another"):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert said == ["LongBridge did not answer a test within 0.2 s"]
    ask()
    assert said[1:] == ["its turn"]


def test_the_surroundings_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONGBRIDGE_HTTP_URL", "http://elsewhere")
    monkeypatch.setenv("LONGPORT_ACCESS_TOKEN", "other")
    monkeypatch.setenv("TZ", "Asia/Hong_Kong")
    monkeypatch.setattr(os, "chdir", lambda _: None)
    module._forget_surroundings()
    left = {name: value for name, value in os.environ.items() if name.startswith(("LONGBRIDGE_", "LONGPORT_", "TZ"))}
    zone = time.tzname[0]
    monkeypatch.undo()
    time.tzset()
    assert (left, zone) == ({"TZ": "UTC"}, "UTC")
