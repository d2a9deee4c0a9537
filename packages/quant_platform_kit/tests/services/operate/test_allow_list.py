"""Which accounts may trade live: an operator says so in the store, with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.services.operate.audit import audit_entries
from quant_platform_kit.services.operate.switches import allowed

from ...command import Quant, assert_refused


@pytest.fixture
def store(tmp_path: Path) -> str:
    return (tmp_path / "store").as_uri()


def test_nobody_may_trade_live_at_first(quant: Quant, store: str) -> None:
    answer = quant("allow", "--store", store)
    assert (answer.code, answer.out) == (0, "on the allow-list: nobody\n")


def test_an_account_is_put_on_the_list_and_struck_off_with_who_and_why(
    quant: Quant, store: str, tmp_path: Path
) -> None:
    said = ("--store", store, "--who", "ana", "--reason", "paper went well")
    assert quant("allow", "U1234567", *said).out == "U1234567 may trade live\non the allow-list: U1234567\n"
    assert quant("allow", "U1234567", *said).out.startswith("U1234567 may trade live already\n")
    kept = FileStore(tmp_path / "store")
    assert allowed(kept).on() == {"U1234567"}
    assert "nobody" in quant("allow", "U1234567", "--remove", *said).out
    assert allowed(kept).on() == frozenset()
    entries = [(entry.command, entry.who, entry.why) for entry in audit_entries(kept)]
    assert entries == [("allow", "ana", "paper went well"), ("disallow", "ana", "paper went well")]


def test_it_takes_a_reason_and_a_name_that_can_be_one(quant: Quant, store: str) -> None:
    assert_refused(quant("allow", "U1", "--store", store), "--reason", code=2)
    assert_refused(quant("allow", "U/1", "--store", store, "--reason", "x"), "account id", code=2)
    assert_refused(quant("allow"), "--store", code=2)
