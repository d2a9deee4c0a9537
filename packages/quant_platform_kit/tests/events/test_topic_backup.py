"""The lines of a backup of topics: what is told of them, and what is damaged; `tests/services` restores one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.topic_backup import check_topics

HEADER = {
    "format": "quant-topics",
    "version": 1,
    "created_at": "2026-03-02T12:00:00Z",
    "topics": {"cmd": 2},
    "groups": {"executor": {"cmd": {0: 7, 1: 0}}},
}
MESSAGES = [
    {"topic": "cmd", "partition": 0, "offset": 3, "key": None, "value": "YQ=="},
    {"topic": "cmd", "partition": 0, "offset": 6, "key": "aw==", "value": "Yg=="},
    {"topic": "cmd", "partition": 0, "offset": 9, "key": "aw==", "value": "Yw=="},
]


def lines(*documents: Any) -> list[bytes]:
    return [json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in documents]


def test_a_group_begins_at_the_message_that_it_had_not_done_with_whatever_its_number() -> None:
    kept = check_topics(lines(HEADER, *MESSAGES, {"messages": 3}))
    assert kept.begins == {"executor": {"cmd": {0: 2, 1: 0}}}
    assert kept.pending == {"executor": 1}


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([], "line 1: the file ends too early"),
        ([HEADER, *MESSAGES], "line 5: the file ends too early"),
        ([HEADER, *MESSAGES[:2], {"messages": 3}], "line 5: the file ends too early"),
        ([HEADER, {"messages": 0}, {"messages": 0}], "line 3: there is more after the last line"),
        ([HEADER, {**MESSAGES[0], "partition": 2}, {"messages": 1}], "line 2: cmd/2 is no partition of the backup"),
        ([HEADER, {**MESSAGES[0], "offset": "x"}, {"messages": 1}], "line 2: Input should be a valid integer"),
        ([{**HEADER, "version": 2}, {"messages": 0}], "line 1: Input should be 1"),
    ],
)
def test_what_is_cut_or_changed_is_named_by_its_line(documents: list[Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        check_topics(lines(*documents))
