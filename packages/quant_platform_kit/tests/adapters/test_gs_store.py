"""The Cloud Storage store against scripted answers: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any
from urllib.parse import parse_qs, urlsplit

import google.auth
import pytest
import requests
import urllib3
from google.auth.exceptions import DefaultCredentialsError
from quant_platform_kit.adapters import gs_store
from quant_platform_kit.adapters.gs_store import GsStore
from quant_platform_kit.domain.errors import Conflict, InvalidInput, StoreError
from quant_platform_kit.ports.versioned_store import Stored
from requests.adapters import BaseAdapter

ENDPOINT = "http://127.0.0.1:9"
NO_OBJECT = "No such object: bucket/pre/runs/one"
NO_BUCKET = "The specified bucket does not exist."
CHECKED = b"123456789"
CHECKED_CRC32C = "4waSgw=="
"""0xE3069283, the check value of CRC-32C in the catalogue of parametrised CRC algorithms."""

Answer = Callable[[requests.PreparedRequest], requests.Response]


class Script(BaseAdapter):
    """Answers requests in order, and keeps them."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer with the next of the answers."""
        self.sent.append(request)
        return self.answers.pop(0)(request)

    def close(self) -> None:
        """Nothing is open."""

    @property
    def methods(self) -> list[str | None]:
        """What was asked, in short."""
        return [request.method for request in self.sent]


def answer(status: int, body: bytes | str | Mapping[str, Any] = b"", **headers: str) -> Answer:
    def respond(request: requests.PreparedRequest) -> requests.Response:
        content = json.dumps(body) if isinstance(body, Mapping) else body
        data = content.encode() if isinstance(content, str) else content
        response = requests.Response()
        response.status_code = status
        response.request, response.url = request, str(request.url)
        response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        if isinstance(body, Mapping):
            response.headers["Content-Type"] = "application/json"
        response.raw = urllib3.HTTPResponse(io.BytesIO(data), headers=dict(response.headers), preload_content=False)
        return response

    return respond


def error(status: int, message: str) -> Answer:
    return answer(status, {"error": {"code": status, "message": message, "errors": []}})


def lost(request: requests.PreparedRequest) -> requests.Response:
    raise requests.ConnectionError("Connection reset by peer")


def written(generation: int) -> Answer:
    return answer(200, {"generation": str(generation)})


def own(generation: int, script: Script) -> Answer:
    """Answer with the metadata that the first write of the script carried."""

    def respond(request: requests.PreparedRequest) -> requests.Response:
        metadata = metadata_of(script.sent[0])
        return answer(200, {"generation": str(generation), "metadata": metadata["metadata"]})(request)

    return respond


def others(generation: int) -> Answer:
    return answer(200, {"generation": str(generation), "metadata": {"write-id": "somebody else's"}})


def metadata_of(request: requests.PreparedRequest) -> dict[str, Any]:
    assert isinstance(request.body, bytes)
    message = message_from_bytes(b"Content-Type: " + request.headers["content-type"] + b"\r\n\r\n" + request.body)
    (part, _) = message.get_payload()
    return json.loads(part.get_payload())


def query_of(request: requests.PreparedRequest) -> dict[str, list[str]]:
    return parse_qs(urlsplit(str(request.url)).query)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gs_store, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def play() -> Callable[..., tuple[GsStore, Script]]:
    """Return a maker of stores, each with the script of the answers it gets."""

    def make(*answers: Answer, seconds: float = 5.0) -> tuple[GsStore, Script]:
        store, script = GsStore("bucket", "pre", endpoint=ENDPOINT, timeout_seconds=seconds), Script(*answers)
        store._session.mount("http://", script)
        return store, script

    return make


Play = Callable[..., tuple[GsStore, Script]]


def test_a_create_is_one_request_with_precondition_write_id_and_checksum(play: Play) -> None:
    store, script = play(written(7))
    assert store.create("runs/one", CHECKED) == 7
    (request,) = script.sent
    assert str(request.url).startswith(f"{ENDPOINT}/upload/storage/v1/b/bucket/o?")
    assert query_of(request)["ifGenerationMatch"] == ["0"]
    metadata = metadata_of(request)
    assert metadata["name"] == "pre/runs/one"
    assert metadata["cacheControl"] == "no-store"
    assert metadata["crc32c"] == CHECKED_CRC32C
    assert len(metadata["metadata"]["write-id"]) == 32


def test_a_replace_is_one_request_with_the_generation_as_precondition(play: Play) -> None:
    store, script = play(written(8))
    assert store.replace("runs/one", b"second", 7) == 8
    (request,) = script.sent
    assert query_of(request)["ifGenerationMatch"] == ["7"]


def test_every_write_has_an_id_of_its_own(play: Play) -> None:
    store, script = play(written(7), written(8))
    store.create("runs/one", b"")
    store.create("runs/two", b"")
    first, second = (metadata_of(request)["metadata"]["write-id"] for request in script.sent)
    assert first != second


def test_a_failed_precondition_with_the_own_write_on_the_object_is_success(play: Play) -> None:
    """The first of two sendings arrived late: the second finds what the first wrote."""
    store, script = play()
    script.answers = [lost, error(404, NO_OBJECT), error(412, "conditionNotMet"), own(7, script)]
    assert store.create("runs/one", b"first") == 7
    assert script.methods == ["POST", "GET", "POST", "GET"]
    assert metadata_of(script.sent[0]) == metadata_of(script.sent[2]), "the same write, with the same id"


def test_a_failed_precondition_with_another_write_on_the_object_conflicts(play: Play) -> None:
    store, script = play(error(412, "conditionNotMet"), others(6))
    with pytest.raises(Conflict, match="runs/one has generation 6; expected was no object"):
        store.create("runs/one", b"first")
    assert script.methods == ["POST", "GET"]


def test_a_failed_precondition_on_an_object_that_is_gone_conflicts(play: Play) -> None:
    store, _ = play(error(412, "conditionNotMet"), error(404, NO_OBJECT))
    with pytest.raises(Conflict, match="runs/one has no object; expected was generation 7"):
        store.replace("runs/one", b"second", 7)


def test_a_failed_precondition_that_would_hold_now_still_conflicts(play: Play) -> None:
    store, _ = play(error(412, "conditionNotMet"), error(404, NO_OBJECT))
    with pytest.raises(Conflict, match="runs/one was changed and changed back"):
        store.create("runs/one", b"first")


DOUBTS = {"reset": lost, "unavailable": error(503, "backendError"), "timeout": error(408, "timeout")}


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS)
def test_a_lost_answer_to_a_write_that_was_made_is_success(play: Play, doubt: Answer) -> None:
    store, script = play()
    script.answers = [doubt, own(8, script)]
    assert store.replace("runs/one", b"second", 7) == 8
    assert script.methods == ["POST", "GET"]


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS)
def test_a_write_that_was_not_made_is_sent_again(play: Play, doubt: Answer) -> None:
    store, script = play(doubt, others(7), written(8))
    assert store.replace("runs/one", b"second", 7) == 8
    assert script.methods == ["POST", "GET", "POST"]


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS)
def test_a_lost_answer_while_another_wrote_conflicts(play: Play, doubt: Answer) -> None:
    store, script = play(doubt, others(9))
    with pytest.raises(Conflict, match="runs/one has generation 9; expected was generation 7"):
        store.replace("runs/one", b"second", 7)
    assert script.methods == ["POST", "GET"]


def test_a_lost_read_back_is_tried_again_before_anything_is_sent(play: Play) -> None:
    store, script = play()
    script.answers = [lost, lost, error(500, "internalError"), own(7, script)]
    assert store.create("runs/one", b"first") == 7
    assert script.methods == ["POST", "GET", "GET", "GET"]


def test_too_many_writes_are_sent_again_without_a_read_back(play: Play) -> None:
    store, script = play(error(429, "rateLimitExceeded"), error(429, "rateLimitExceeded"), written(8))
    assert store.replace("runs/one", b"second", 7) == 8
    assert script.methods == ["POST", "POST", "POST"]


def test_a_doubt_outlives_too_many_writes(play: Play) -> None:
    store, script = play()
    script.answers = [lost, error(404, NO_OBJECT), error(429, "rateLimitExceeded"), own(7, script)]
    assert store.create("runs/one", b"first") == 7
    assert script.methods == ["POST", "GET", "POST", "GET"]


def test_what_does_not_pass_is_a_store_error_in_time(play: Play) -> None:
    store, script = play(*[lost] * 10_000, seconds=0.3)
    for call in (
        lambda: store.create("runs/one", b""),
        lambda: store.get("runs/one"),
        lambda: store.keys(""),
        store.now,
    ):
        sent = len(script.sent)
        with pytest.raises(StoreError, match="of gs://bucket/pre: Connection reset by peer") as caught:
            call()
        assert not isinstance(caught.value, Conflict)
        assert len(script.sent) > sent + 1, "it was tried again"


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_what_cannot_pass_is_a_store_error_at_once(play: Play, status: int) -> None:
    for call in (lambda store: store.create("runs/one", b""), lambda store: store.get("runs/one")):
        store, script = play(error(status, f"{NO_BUCKET} Twice."))
        with pytest.raises(StoreError, match=rf"object runs/one of gs://bucket/pre: {status} {NO_BUCKET} Twice.$"):
            call(store)
        assert len(script.sent) == 1


def test_an_object_is_one_request_with_its_generation(play: Play) -> None:
    store, script = play(answer(200, b"first", X_Goog_Generation="7"))
    assert store.get("runs/one") == Stored(b"first", 7)
    assert len(script.sent) == 1
    assert urlsplit(str(script.sent[0].url)).path == "/download/storage/v1/b/bucket/o/pre%2Fruns%2Fone"


def test_a_removal_is_one_request_and_is_sent_again_when_its_answer_is_lost(play: Play) -> None:
    store, script = play(lost, error(503, "backendError"), error(404, NO_OBJECT))
    store.delete("runs/one")
    assert script.methods == ["DELETE", "DELETE", "DELETE"]
    assert urlsplit(str(script.sent[0].url)).path == "/storage/v1/b/bucket/o/pre%2Fruns%2Fone"


def test_what_cannot_be_removed_is_a_store_error(play: Play) -> None:
    for status, said in ((403, "storage.objects.delete denied"), (404, NO_BUCKET)):
        with pytest.raises(StoreError, match=f"object runs/one of gs://bucket/pre: {status} {said}"):
            play(error(status, said))[0].delete("runs/one")


def test_an_absent_object_is_none_only_when_the_service_says_so(play: Play) -> None:
    """A missing bucket, or a page of some proxy, must not look like a store in which nothing was recorded."""
    assert play(answer(404, NO_OBJECT))[0].get("runs/one") is None
    for said in (NO_BUCKET, "<html>Not Found</html>", ""):
        with pytest.raises(StoreError, match="404"):
            play(answer(404, said))[0].get("runs/one")
        with pytest.raises(StoreError, match="404"):
            play(answer(404, said))[0].now()


def test_a_corrupted_object_is_read_again(play: Play) -> None:
    headers = {"X_Goog_Generation": "7", "X_Goog_Hash": f"crc32c={CHECKED_CRC32C}"}
    store, script = play(answer(200, b"12345X789", **headers), answer(200, CHECKED, **headers))
    assert store.get("runs/one") == Stored(CHECKED, 7)
    assert len(script.sent) == 2


def test_an_answer_without_a_generation_is_refused(play: Play) -> None:
    with pytest.raises(StoreError, match="pre/runs/one was answered without its generation"):
        play(answer(200, b"first"))[0].get("runs/one")
    with pytest.raises(StoreError, match="pre/runs/one was answered without its generation"):
        play(answer(200, {}))[0].create("runs/one", b"first")


def test_a_listing_follows_its_pages_and_shows_keys_only(play: Play) -> None:
    names = ["pre/runs/", "pre/runs/2", "pre/runs/.hidden"]
    store, script = play(
        answer(200, {"items": [{"name": name} for name in names], "nextPageToken": "next"}),
        answer(200, {"items": [{"name": "pre/runs/1"}]}),
    )
    assert store.keys("runs/") == ["runs/1", "runs/2"]
    first, second = (query_of(request) for request in script.sent)
    assert first["prefix"] == second["prefix"] == ["pre/runs/"]
    assert second["pageToken"] == ["next"]


def test_a_page_that_is_lost_begins_the_listing_again(play: Play) -> None:
    page = {"items": [{"name": "pre/runs/2"}], "nextPageToken": "next"}
    store, script = play(answer(200, page), lost, answer(200, {"items": [{"name": "pre/runs/1"}]}))
    assert store.keys("") == ["runs/1"]
    assert len(script.sent) == 3


def test_the_time_is_that_of_the_server(play: Play) -> None:
    date = "Fri, 29 Dec 2023 21:00:05 GMT"
    store, script = play(answer(404, "No such object: bucket/pre/.clock", Date=date))
    assert store.now() == datetime(2023, 12, 29, 21, 0, 5, tzinfo=UTC)
    (request,) = script.sent
    assert urlsplit(str(request.url)).path == "/storage/v1/b/bucket/o/pre%2F.clock"


def test_an_answer_without_the_time_is_refused(play: Play) -> None:
    with pytest.raises(StoreError, match="was answered without the time"):
        play(answer(404, "No such object: bucket/pre/.clock"))[0].now()


def test_nothing_but_the_endpoint_is_asked_whatever_the_environment_says(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STORAGE_EMULATOR_HOST", "API_ENDPOINT_OVERRIDE", "HTTP_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setattr(google.auth, "default", lambda **_: pytest.fail("credentials were looked for"))
    store, script = play(
        written(7),
        answer(200, b"first", X_Goog_Generation="7"),
        error(412, "conditionNotMet"),
        others(7),
        answer(200, {}),
        answer(404, "No such object: bucket/pre/.clock", Date="Fri, 29 Dec 2023 21:00:05 GMT"),
    )
    store.create("runs/one", b"first")
    store.get("runs/one")
    with pytest.raises(Conflict):
        store.create("runs/one", b"first")
    store.keys("")
    store.now()
    assert [urlsplit(str(request.url)).netloc for request in script.sent] == ["127.0.0.1:9"] * 6
    assert store._session.trust_env is False


def test_a_redirection_is_not_followed(play: Play) -> None:
    store, script = play(*[answer(302, Location="http://127.0.0.1:8/elsewhere")] * 1000, seconds=0.2)
    with pytest.raises(StoreError, match="Exceeded 0 redirects"):
        store.now()
    assert {urlsplit(str(request.url)).netloc for request in script.sent} == {"127.0.0.1:9"}


def test_without_credentials_the_way_to_them_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: Any) -> None:
        raise DefaultCredentialsError("Your default credentials were not found.\nSet them up.")

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(StoreError, match=r"no credentials for Cloud Storage: Your default .* found\. Set them up\."):
        GsStore("bucket")


@pytest.mark.parametrize("bucket", ["", "ab", "Bucket", "bucket/x", "-bucket", "bucket name"])
def test_a_text_that_is_no_bucket_is_refused(bucket: str) -> None:
    with pytest.raises(InvalidInput, match="is no name of a bucket"):
        GsStore(bucket, endpoint=ENDPOINT)


@pytest.mark.parametrize("prefix", ["/", "a//b", "a b", "../a", "a/"])
def test_a_text_that_is_no_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput, match="key"):
        GsStore("bucket", prefix, endpoint=ENDPOINT)


def test_an_object_too_large_for_one_request_is_refused(play: Play) -> None:
    store, script = play()
    with pytest.raises(InvalidInput, match=f"runs/one has {(8 << 20) + 1} bytes; .* at most {8 << 20}"):
        store.create("runs/one", bytes((8 << 20) + 1))
    assert script.sent == []
