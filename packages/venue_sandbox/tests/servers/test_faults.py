"""Faults hit whom they name, as often as they say, in the order in which they were armed."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from venue_sandbox.servers.control import reset_on_close
from venue_sandbox.servers.faults import Fault, FaultBook, FaultError, FaultKind


def kinds(book: FaultBook, *operations: str) -> list[str | None]:
    taken = [book.take(operation) for operation in operations]
    return [None if fault is None else fault.kind.value for fault in taken]


def test_a_fault_hits_once_unless_it_says_otherwise() -> None:
    book = FaultBook()
    book.add(Fault(FaultKind.DROP_BEFORE))
    assert kinds(book, "get", "get") == ["drop_before", None]


def test_a_fault_hits_its_own_operation_only() -> None:
    book = FaultBook()
    book.add(Fault(FaultKind.DROP_BEFORE, operation="insert"))
    assert kinds(book, "get", "insert", "insert") == [None, "drop_before", None]


def test_a_fault_lets_requests_pass_first_where_it_says_so() -> None:
    book = FaultBook()
    book.add(Fault(FaultKind.DROP_BEFORE, operation="insert", skip=2, times=2))
    assert kinds(book, "insert", "get", "insert", "insert", "insert", "insert") == [
        *(None, None, None),
        *("drop_before", "drop_before", None),
    ]


def test_a_fault_without_a_number_hits_until_it_is_cleared() -> None:
    book = FaultBook()
    book.add(Fault(FaultKind.SLOW, times=None))
    assert kinds(book, *["get"] * 100) == ["slow"] * 100
    book.clear()
    assert kinds(book, "get") == [None]


def test_faults_hit_one_after_the_other() -> None:
    book = FaultBook()
    book.add(Fault(FaultKind.DROP_BEFORE))
    book.add(Fault(FaultKind.SLOW))
    assert kinds(book, "get", "get", "get") == ["drop_before", "slow", None]


def test_a_book_can_compare_operations_in_its_own_way() -> None:
    book = FaultBook(lambda wanted, sent: wanted in sent)
    book.add(Fault(FaultKind.DROP_BEFORE, operation="INSERT"))
    assert kinds(book, "SELECT 1", "P\0INSERT INTO objects") == [None, "drop_before"]


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (None, "a fault is a JSON object"),
        ([], "a fault is a JSON object"),
        ({}, "kind is one of http_error, drop_after, silent, slow, rate_limit, drop_before, not None"),
        ({"kind": "explode"}, "kind is one of .* not 'explode'"),
        ({"kind": "drop_before", "colour": "red", "age": 1}, "a fault has no age, colour"),
        ({"kind": "drop_before", "operation": 7}, "operation is a text, not 7"),
        ({"kind": "drop_before", "times": 0}, "times is a number from 1 on, or null for ever, not 0"),
        ({"kind": "drop_before", "times": True}, "times is a number"),
        ({"kind": "drop_before", "skip": -1}, "skip is a number from 0 on, not -1"),
        ({"kind": "http_error", "status": 200}, "with body error status is from 400 to 599, not 200"),
        ({"kind": "http_error", "body": "html", "status": 199}, "with body html status is from 200 to 599, not 199"),
        ({"kind": "http_error", "body": "empty", "status": 503}, "with body empty status is from 200 to 200, not 503"),
        ({"kind": "http_error", "body": "xml"}, "body is one of error, html, empty, not 'xml'"),
        ({"kind": "http_error", "body": []}, "body is one of error, html, empty, not"),
        ({"kind": "slow", "body": "html"}, "body is of http_error, not of slow"),
        ({"kind": "slow", "seconds": -0.1}, "seconds is a number from 0 on, not -0.1"),
        ({"kind": "slow", "seconds": float("inf")}, "seconds is a number"),
        ({"kind": "slow", "seconds": float("nan")}, "seconds is a number"),
    ],
)
def test_a_document_that_is_no_fault_is_refused_with_the_reason(document: Any, complaint: str) -> None:
    with pytest.raises(FaultError, match=complaint):
        Fault.read(document)


def test_a_document_is_read_whole() -> None:
    read = Fault.read({"kind": "slow", "operation": "get", "times": None, "skip": 3, "seconds": 2, "status": 500})
    assert read == Fault(FaultKind.SLOW, "get", None, 3, 500, 2)


@pytest.mark.parametrize(
    ("document", "status"),
    [({}, 503), ({"body": "html"}, 503), ({"body": "html", "status": 200}, 200), ({"body": "empty"}, 200)],
)
def test_an_error_has_the_status_that_its_body_usually_has(document: dict[str, Any], status: int) -> None:
    fault = Fault.read({"kind": "http_error", **document})
    assert (fault.status, fault.body) == (status, document.get("body", "error"))


def test_a_connection_that_has_ended_is_not_reset() -> None:
    here, there = socket.socketpair()
    here.close()
    there.close()
    transport = SimpleNamespace(get_extra_info=lambda name: here)
    reset_on_close(transport)  # pyright: ignore[reportArgumentType]
