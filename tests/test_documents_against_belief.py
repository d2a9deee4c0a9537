"""What the apps read of documents is in their tables, and what is other than believed has a name."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.captures import read_capture
from quant_platform_kit.domain.beliefs import How, Kind, Place, Table, compare
from quant_platform_kit.domain.errors import BrokerError, QuantError
from quant_platform_kit.domain.redacting import Documents
from quant_platform_kit.services.operate.contact.replaying import replay
from quant_platform_kit.testing.recorded_reads import noting, outside

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chaos.made_documents import BROKERS, WAYS, Change, changed, made, places, reading_of
from chaos.recorded_documents import NOT_READ, folder_of, recorded_documents

CHANGES = 200
SAID = {
    "ibkr": [
        f"{tag} of account is not told any more"
        for tag in ("AvailableFunds", "BuyingPower", "EquityWithLoanValue", "TotalCashValue")
    ],  # of the case, which has three values
    "longbridge": [],
    "schwab": ["orderActivityCollection[].activityId of order is not told any more"],  # of samples cut by hand
}
"""In which ways the reference data is other than believed."""
USED = {
    *("ibkr/account_values.json", "ibkr/ib_async_notebook_outputs.json", "longport/rest_and_quote_samples.json"),
    *("schwab/account_samples.json", "schwab/order_samples.json"),
}

needs_data = pytest.mark.skipif(folder_of() is None, reason="the reference data is not here: set TEST_DATA_DIR")


@cache
def documents(broker: str) -> Documents:
    """Return the documents there are of a broker: recorded ones, and some of its tables."""
    rng = random.Random(1)
    return [*recorded_documents().get(broker, ()), *((t.subject, made(t, rng)) for t in reading_of(broker).TABLES)]


@needs_data
@pytest.mark.parametrize("broker", SAID)
def test_every_recorded_document_is_read_and_all_that_is_other_than_believed_is_known(broker: str) -> None:
    reading = reading_of(broker)
    found = replay(recorded_documents()[broker], reading.TABLES, reading.READERS)
    assert (list(found.unreadable), found.strangers) == ([], [])
    assert list(found.texts) == SAID[broker]
    assert sum(found.counts.values()) > 9


@needs_data
def test_every_file_of_messages_is_read_or_has_a_reason_not_to_be() -> None:
    folder = folder_of()
    assert folder is not None
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == USED | NOT_READ.keys()


# --- what is read ---------------------------------------------------------------------------------


def strange_reads(broker: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Read all documents of a broker; return what was read and is in no table."""
    reading, read = reading_of(broker), dict[str, set[str]]()
    if hasattr(reading, "as_object"):
        as_object = reading.as_object

        def noted(table: Table, document: object) -> Any:
            return noting(as_object(table, document), read.setdefault(table.subject, set()))

        monkeypatch.setattr(reading, "as_object", noted)
    for subject, document in documents(broker):
        shown = noting(document, read.setdefault(subject, set())) if broker == "schwab" else document
        with suppress(QuantError):  # what is made by chance may contradict itself; it was read all the same
            reading.READERS[subject](shown)
    tables = {table.subject: table for table in reading.TABLES}
    assert len(read) >= len(tables) - 1
    return [f"{subject} {path}" for subject, paths in read.items() for path in outside(tables[subject], paths)]


@pytest.mark.parametrize("broker", ["ibkr", "longbridge", "schwab"])
def test_a_mapper_reads_what_its_table_has(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert strange_reads(broker, monkeypatch) == []


@pytest.mark.parametrize(
    ("names", "value", "caught"),
    [("TOTAL", ("marginEquity",), "marginEquity"), ("SPENDABLE", {True: ("sma",), False: ("sma",)}, "sma")],
)
def test_a_mapper_that_reads_a_field_outside_its_table_is_caught(
    names: str, value: object, caught: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"schwab_app.mapping.{names}", value)
    assert strange_reads("schwab", monkeypatch) == [f"account securitiesAccount.currentBalances.{caught}"]


def test_a_mapper_that_reads_an_attribute_outside_its_table_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from longbridge_app import reading

    holding = reading.READERS["position"]

    def mutant(document: Any) -> object:
        told = reading.as_object(reading.HOLDING, {**document, "cost_price": 1})
        return told.cost_price, holding(document)

    monkeypatch.setitem(reading.READERS, "position", mutant)
    assert strange_reads("longbridge", monkeypatch) == ["position cost_price"]


def test_no_value_of_an_ibkr_account_outside_the_table_changes_what_is_read_of_it() -> None:
    reading = reading_of("ibkr")
    table = next(table for table in reading.TABLES if table.subject == "account")
    for subject, document in documents("ibkr"):
        if subject == "account":
            known = {name: told for name, told in document.items() if name in table.root.below}
            assert len(known) < len(document) or document.keys() <= table.root.below.keys()
            assert reading.READERS[subject](known) == reading.READERS[subject](document)


def test_the_paper_app_reads_every_field_of_its_tables() -> None:
    reading, rng = reading_of("paper"), random.Random(1)
    for table in reading.TABLES:
        document = made(table, rng)
        assert compare(table, document) == ()
        for place, path in places(document):
            if place_at(table, path) is not None and not path.endswith("[]"):
                broken = changed(document, Change(place, path, "null"))
                holder = broken
                for key in place[:-1]:
                    holder = holder[key]
                holder[place[-1]] = object()
                with pytest.raises(BrokerError, match="cannot be read"):
                    reading.READERS[table.subject](broken)


# --- seeded changes -------------------------------------------------------------------------------


def changes(broker: str) -> Iterator[tuple[Table, Any, Change]]:
    """Yield changes by chance, of which each can be one."""
    rng, tables = random.Random(f"7 {broker}"), {table.subject: table for table in reading_of(broker).TABLES}
    while True:
        subject, document = rng.choice(documents(broker))
        place, path = rng.choice(places(document))
        way = rng.choice(("drop", "rename", "retype", "null", "new value"))
        if isinstance(place[-1], int) and way in ("drop", "rename"):
            continue  # one item less is another list, and no other form
        place_ = place_at(tables[subject], path)
        field = None if place_ is None else place_.declared
        if way == "new value" and field is not None and Kind.TEXT in field.kinds and not field.known:
            continue  # any text will do there
        yield tables[subject], document, Change(place, path, way)


def place_at(table: Table, path: str) -> Place | None:
    """Return the place of a path, None where nobody reads."""
    place: Place | None = table.root
    for part in path.replace("[]", ".[]").split("."):
        if place is not None:
            place = place.each if part == "[]" else place.below.get(part, place.below.get("*"))
    return place


@pytest.mark.parametrize("broker", BROKERS)
def test_every_change_of_a_document_is_named_or_in_a_field_that_nobody_reads(broker: str) -> None:
    unnamed, count = list[str](), {"named": 0, "not read": 0, "may be absent": 0}
    for table, document, change in changes(broker):
        if sum(count.values()) + len(unnamed) == CHANGES:
            break
        before, after = compare(table, document), compare(table, changed(document, change))
        told = [each for each in after if each not in before]
        place = place_at(table, change.path)
        if any(each.how is not How.NEW or change.way == "rename" for each in told):
            count["named"] += 1
        elif place is None:
            count["not read"] += 1
        elif may_be_absent(place, change.way):
            count["may be absent"] += 1
        else:
            unnamed.append(f"{table.subject}: {change}: {[each.text for each in told]}")
    assert unnamed == []
    assert count["named"] > CHANGES / 4, count


def may_be_absent(place: Place, way: str) -> bool:
    """Whether the table says that a document without the field, or with null there, is as believed."""
    if way == "null":
        return place.declared is not None and Kind.NULL in place.declared.kinds
    if way not in ("drop", "rename"):
        return False
    under_any_name = place.path.endswith("*")
    return under_any_name or not place.needed or (place.declared is not None and place.declared.when is not None)


# --- money ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broker", "unseen"),
    [
        (
            "schwab",
            {
                # an account whose positions are not told has sold them all, which blocks where they were noted before
                ("securitiesAccount.positions", "drop"),
                ("securitiesAccount.positions", "rename"),
                ("securitiesAccount.positions[].instrument.symbol", "new value"),
            },
        ),
        ("longbridge", set()),
    ],
)
def test_a_change_of_an_account_that_changes_its_figures_blocks(broker: str, unseen: set[tuple[str, str]]) -> None:
    reading = reading_of(broker)
    table = next(table for table in reading.TABLES if table.subject == "account")
    capture = read_capture(Path(__file__).parent / "captures" / broker / "at-the-venue")
    document = [told for subject, told in capture.documents if subject == "account"][-1]
    was, let_through = reading.READERS["account"](document), set[tuple[str, str]]()
    for place, path in places(document):
        for way in WAYS if isinstance(place[-1], str) else ("retype", "null"):
            after = changed(document, Change(place, path, way))
            if any(each.blocks for each in compare(table, after)):
                continue
            with suppress(BrokerError):
                now = reading.READERS["account"](after)
                if (now, now.balance, now.buying_power) != (was, was.balance, was.buying_power):
                    let_through.add((path, way))
    assert let_through == unseen
