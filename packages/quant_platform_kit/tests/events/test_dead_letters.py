"""Dead letters as documents; what becomes of them on a bus is in tests/services/events."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import pytest
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.events.bus import Outgoing, Received
from quant_platform_kit.events.dead_letters import LARGEST_KEPT, DeadLetter

AT = datetime(2026, 1, 2, tzinfo=UTC)


def test_a_message_too_large_to_be_kept_twice_is_told_by_its_place() -> None:
    letter = DeadLetter.of("s", Received("t", 3, 14, b"k", b"x" * (LARGEST_KEPT + 1)), "too large", AT)
    assert (letter.value, letter.sha256) == (None, sha256(b"x" * (LARGEST_KEPT + 1)).hexdigest())
    with pytest.raises(Refused, match="it is in t/3 at offset 14: replay it from there"):
        _ = letter.original


def test_a_letter_holds_the_message_and_no_secret() -> None:
    hide(["s3cr3t-of-a-test"])
    letter = DeadLetter.of("s", Received("t", 3, 14, None, b"\xff"), "at https://user:s3cr3t-of-a-test@host/", AT)
    assert letter.original == Outgoing("t", None, b"\xff")
    assert letter.reason == "at https://user:***@host/"
    assert DeadLetter.model_validate_json(letter.outgoing.value) == letter
