"""The log: JSON that a collector reads, text on a terminal, and whatever is logged by whomever arrives in it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Generator
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from loguru import logger
from quant_platform_kit.adapters.logs import start_logging
from quant_platform_kit.domain import redaction
from quant_platform_kit.domain.redaction import hide

CANARY = "canary-7f3a-secret!"
Start = Callable[..., StringIO]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Generator[Start]:
    """Return a function that starts logging into a text; all is as before after the test."""
    monkeypatch.setattr(redaction, "_known", [])
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def into(stream: StringIO | None = None, **options: Any) -> StringIO:
        log = stream or StringIO()
        start_logging(stream=log, **{"as_json": True, **options})
        return log

    yield into
    logger.remove()
    logger.add(sys.stderr)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log: StringIO) -> list[dict[str, Any]]:
    """Return the lines of a JSON log."""
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_line_of_json_has_what_a_collector_reads_and_what_the_run_is(start: Start) -> None:
    log = start()
    with logger.contextualize(account="DU1", run="2023-12-01.x.paper.abc"):
        logger.warning("the {} is {}", "venue", "slow")
    (line,) = lines(log)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {
        "severity": "WARNING",
        "message": "the venue is slow",
        "module": __name__,
        "account": "DU1",
        "run": "2023-12-01.x.paper.abc",
    }


def test_text_is_for_people_and_has_no_colours_where_there_is_no_terminal(start: Start) -> None:
    log = start(as_json=False)
    logger.error("it broke")
    assert log.getvalue().endswith(" ERROR    it broke\n")
    assert "\x1b" not in log.getvalue()


def test_a_terminal_gets_colours(start: Start) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    log = start(Terminal(), as_json=False)
    logger.info("it works")
    assert "\x1b[" in log.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_what_others_log_arrives_with_its_level(start: Start, as_json: bool) -> None:
    log = start(as_json=as_json)
    logging.getLogger("urllib3.connectionpool").warning("retrying %s, %d left", "/path", 2)
    logging.getLogger("apprise").debug("not asked for")
    text = log.getvalue()
    assert "retrying /path, 2 left" in text
    assert "WARNING" in text
    assert "not asked for" not in text
    assert text.count("\n") == 1


def test_a_level_of_somebodys_own_is_kept_as_a_number(start: Start) -> None:
    log = start()
    logging.getLogger("x").log(35, "between warning and error")
    (line,) = lines(log)
    assert (line["severity"], line["message"]) == ("Level 35", "between warning and error")


def test_a_log_call_of_somebody_else_that_does_not_fit_its_own_text_breaks_nothing(start: Start) -> None:
    log = start()
    logging.getLogger("x").warning("%d of %d", "one")
    (line,) = lines(log)
    assert line["message"] == "%d of %d ('one',)"


@pytest.mark.parametrize("as_json", [True, False])
def test_an_exception_is_logged_with_its_place_and_without_secrets(start: Start, as_json: bool) -> None:
    hide([CANARY])
    log = start(as_json=as_json)

    def fail(password: str) -> None:
        raise ConnectionError(f"login with {password} refused")

    try:
        fail(CANARY)
    except ConnectionError as error:
        logger.opt(exception=error).error("the broker is not there")
    text = log.getvalue()
    assert "login with *** refused" in text
    assert "in fail" in text
    assert CANARY not in text
    if as_json:
        (line,) = lines(log)
        assert line["message"] == "the broker is not there"
        assert line["exception"].startswith("Traceback")


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_is_in_no_part_of_a_line(start: Start, as_json: bool) -> None:
    hide([CANARY, 'quo"ted\\secret'])
    log = start(as_json=as_json)
    with logger.contextualize(account=CANARY):
        logger.info("password {} and {}", CANARY, 'quo"ted\\secret')
    logging.getLogger(CANARY).error("token %s", CANARY)
    assert CANARY not in log.getvalue()
    assert 'quo\\"ted' not in log.getvalue()
    assert log.getvalue().count("***") >= 3


def test_braces_and_markup_in_a_message_are_only_text(start: Start) -> None:
    log = start()
    logger.info("{}", "{not} a <red>format</red> %s")
    logging.getLogger("x").info("{also} <none>")
    assert [line["message"] for line in lines(log)] == ["{not} a <red>format</red> %s", "{also} <none>"]


@pytest.mark.parametrize("as_json", [True, False])
def test_a_message_is_one_line_whatever_controls_it_holds(start: Start, as_json: bool) -> None:
    log = start(as_json=as_json)
    logger.warning("GET {}", "/x\r\n2026-01-01 INFO forged \x1b[2J\x07\u2028\u202e\x85")
    (line,) = log.getvalue().splitlines()
    assert not any(ord(c) < 32 or ord(c) in (0x7F, 0x85, 0x2028, 0x202E) for c in line)
    assert "forged" in line


def test_the_text_of_an_exception_moves_no_cursor_and_colours_nothing(start: Start) -> None:
    log = start(as_json=False)
    try:
        raise ValueError("\x1b[2Kall is well\r\x9b1A\u202e")
    except ValueError as error:
        logger.opt(exception=error).error("failed")
    assert "ValueError: \\x1b[2Kall is well\\r\\x9b1A\\u202e\n" in log.getvalue()
    assert not set(log.getvalue()) & set("\x1b\r\x9b\u202e")


def test_logging_that_is_started_again_goes_to_the_new_place_only(start: Start) -> None:
    first, second = start(), start()
    logger.info("once")
    logging.getLogger("x").info("twice")
    assert (first.getvalue(), len(lines(second))) == ("", 2)
