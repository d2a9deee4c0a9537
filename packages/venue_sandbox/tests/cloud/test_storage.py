"""The parts of the Cloud Storage emulator that need no network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from venue_sandbox.cloud.storage.errors import ApiError
from venue_sandbox.cloud.storage.fields import select
from venue_sandbox.cloud.storage.listing import Listing
from venue_sandbox.cloud.storage.preconditions import Preconditions, Version
from venue_sandbox.cloud.storage.state import State, Upload
from venue_sandbox.cloud.storage.uploads import ContentRange, byte_range, read_multipart

ABSENT, PRESENT = Version(), Version(7, 1)
NAMES = ["a", "a/1", "a/2", "a/b/1", "a/b/2", "a0", "b/1", "c"]


def refused(preconditions: Preconditions, present: Version, *, writing: bool) -> int | None:
    check = preconditions.check_write if writing else preconditions.check_read
    try:
        check(present)
    except ApiError as error:
        return error.status
    return None


@pytest.mark.parametrize(
    ("query", "absent", "present"),
    [
        ({}, None, None),
        ({"ifGenerationMatch": "0"}, None, 412),
        ({"ifGenerationMatch": "7"}, 412, None),
        ({"ifGenerationMatch": "8"}, 412, 412),
        ({"ifGenerationNotMatch": "0"}, 412, None),
        ({"ifGenerationNotMatch": "7"}, None, 412),
        ({"ifMetagenerationMatch": "1"}, 412, None),
        ({"ifMetagenerationMatch": "2"}, 412, 412),
        ({"ifMetagenerationNotMatch": "1"}, None, 412),
        ({"ifMetaGenerationNotMatch": "1"}, None, 412),
        ({"ifGenerationMatch": "7", "ifMetagenerationMatch": "1"}, 412, None),
        ({"ifGenerationMatch": "7", "ifMetagenerationMatch": "2"}, 412, 412),
    ],
)
def test_a_write_is_refused_unless_all_preconditions_hold(
    query: dict[str, str], absent: int | None, present: int | None
) -> None:
    read = Preconditions.read(query)
    assert refused(read, ABSENT, writing=True) == absent
    assert refused(read, PRESENT, writing=True) == present


def test_a_read_of_what_the_client_has_is_not_modified() -> None:
    assert refused(Preconditions.read({"ifGenerationNotMatch": "7"}), PRESENT, writing=False) == 304
    assert refused(Preconditions.read({"ifMetagenerationNotMatch": "1"}), PRESENT, writing=False) == 304
    assert refused(Preconditions.read({"ifGenerationMatch": "8"}), PRESENT, writing=False) == 412


@pytest.mark.parametrize("value", ["", "-1", "x", "1.5"])
def test_a_precondition_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ApiError, match="Invalid value for ifGenerationMatch"):
        Preconditions.read({"ifGenerationMatch": value})


def pages(query: dict[str, str]) -> list[tuple[list[str], list[str]]]:
    """Return all pages of a listing: names and prefixes."""
    seen: list[tuple[list[str], list[str]]] = []
    token: str | None = ""
    while token is not None:
        page = Listing.read({**query, **({"pageToken": token} if token else {})}).page(NAMES)
        seen.append((list(page.names), list(page.prefixes)))
        token = page.token
    return seen


def test_a_listing_shows_every_name_once_over_all_pages() -> None:
    assert pages({}) == [(NAMES, [])]
    assert pages({"maxResults": "3"}) == [(NAMES[:3], []), (NAMES[3:6], []), (NAMES[6:], [])]
    assert pages({"maxResults": "8"}) == [(NAMES, [])], "no empty page follows a full one"


def test_a_listing_with_a_delimiter_shows_every_folder_once_over_all_pages() -> None:
    assert pages({"delimiter": "/"}) == [(["a", "a0", "c"], ["a/", "b/"])]
    assert pages({"delimiter": "/", "maxResults": "1"}) == [
        *((["a"], []), ([], ["a/"]), (["a0"], [])),
        *(([], ["b/"]), (["c"], [])),
    ]
    assert pages({"delimiter": "/", "prefix": "a/", "maxResults": "2"}) == [(["a/1", "a/2"], []), ([], ["a/b/"])]


def test_a_listing_keeps_to_its_bounds() -> None:
    assert pages({"startOffset": "a/2", "endOffset": "b/1"}) == [(["a/2", "a/b/1", "a/b/2", "a0"], [])]


@pytest.mark.parametrize("query", [{"maxResults": "0"}, {"maxResults": "x"}, {"pageToken": "%"}])
def test_a_listing_that_cannot_be_read_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ApiError, match=r"Invalid value for (maxResults|pageToken)"):
        Listing.read(query)


DOCUMENT: dict[str, Any] = {
    "items": [{"name": "a", "size": "1", "owner": {"id": "x"}}],
    "nextPageToken": "t",
    "kind": "k",
}


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        (None, DOCUMENT),
        ("*", DOCUMENT),
        ("kind,nextPageToken", {"kind": "k", "nextPageToken": "t"}),
        ("items(name),nextPageToken", {"items": [{"name": "a"}], "nextPageToken": "t"}),
        ("items(name,owner(id))", {"items": [{"name": "a", "owner": {"id": "x"}}]}),
        ("absent,items(absent)", {"items": [{}]}),
    ],
)
def test_fields_leave_what_they_name(fields: str | None, selected: dict[str, Any]) -> None:
    assert select(DOCUMENT, fields) == selected


@pytest.mark.parametrize("fields", [",", "items(", "items(name", "items)", "items()", "a,,b", "a)b"])
def test_fields_that_cannot_be_read_are_refused(fields: str) -> None:
    with pytest.raises(ApiError, match="Invalid field selection"):
        select(DOCUMENT, fields)


def multipart(content: bytes) -> bytes:
    resource = json.dumps({"name": "object"}).encode()
    parts = [b"content-type: application/json\r\n\r\n" + resource, b"Content-Type: text/csv\r\n\r\n" + content]
    return b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--"


@pytest.mark.parametrize("content", [b"", b"a\r\n\r\nb", b"\r\n", b"--edg", bytes(range(256))])
def test_any_content_is_read_from_a_multipart_body(content: bytes) -> None:
    resource, part = read_multipart('multipart/related; boundary="edge"', multipart(content))
    assert (resource, part.content_type, part.data) == ({"name": "object"}, "text/csv", content)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", multipart(b"")),
        ("multipart/related", multipart(b"")),
        ("multipart/related; boundary=other", multipart(b"")),
        ("multipart/related; boundary=edge", multipart(b"")[:-8]),
        ("multipart/related; boundary=edge", b"--edge\r\nno headers\r\n--edge\r\nno headers\r\n--edge--"),
        ("multipart/related; boundary=edge", multipart(b"").replace(b'"name"', b"name")),
    ],
)
def test_a_body_that_is_not_multipart_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        read_multipart(content_type, body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("header", "length", "start", "total"),
    [
        (None, 5, 0, 5),
        ("bytes 0-4/10", 5, 0, 10),
        ("bytes 5-9/*", 5, 5, None),
        ("bytes */10", 0, None, 10),
        ("bytes */*", 0, None, None),
    ],
)
def test_a_content_range_is_read(header: str | None, length: int, start: int | None, total: int | None) -> None:
    assert ContentRange.read(header, length) == ContentRange(start, total)


@pytest.mark.parametrize("header", ["bytes 0-4", "bytes 4-0/5", "items 0-4/5", "bytes 0-5/10"])
def test_a_content_range_that_does_not_fit_is_refused(header: str) -> None:
    with pytest.raises(ApiError):
        ContentRange.read(header, 5)


def test_a_range_is_a_part_of_the_content() -> None:
    assert byte_range(None, 10) is byte_range("bytes=-", 10) is byte_range("items=1-2", 10) is None
    assert byte_range("bytes=2-4", 10) == slice(2, 5)
    assert byte_range("bytes=2-", 10) == slice(2, 10)
    assert byte_range("bytes=2-99", 10) == slice(2, 10)
    assert byte_range("bytes=-3", 10) == slice(7, 10)
    with pytest.raises(IndexError):
        byte_range("bytes=10-", 10)


def test_an_object_changes_once_in_the_interval() -> None:
    state = State(None, 60)
    state.buckets.create("bucket", "house", {})
    first = state.put(Upload("bucket", "object", {}), Preconditions())
    for change in (
        lambda: state.put(Upload("bucket", "object", {}), Preconditions()),
        lambda: state.delete(first, Preconditions()),
    ):
        with pytest.raises(ApiError) as caught:
            change()
        assert caught.value.status == 429
    with pytest.raises(ApiError) as caught:
        state.put(Upload("bucket", "object", {}), Preconditions(generation_match=0))
    assert caught.value.status == 412, "what is stale is said before what is too fast"
    state.put(Upload("bucket", "another", {}), Preconditions())
    state.close()
