"""Instants of payloads."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError
from quant_platform_kit.events.instants import Instant

READ = TypeAdapter(Instant).validate_python


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:00:00+00:00", "2026-03-04T05:06:07.000008+08:00", "2500-12-31T23:59:59Z"]
)
def test_an_instant_of_our_time_is_read(text: str) -> None:
    assert READ(text).tzinfo is not None


@pytest.mark.parametrize(
    "text",
    ["1969-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59", "2501-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"],
)
def test_an_instant_from_which_nobody_can_count_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="of the years 1970 to 2500"):
        READ(text)
