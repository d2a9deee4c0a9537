"""The Cloud Storage emulator as Google's own client finds it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path

import google.api_core.exceptions as answers
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from venue_sandbox.servers.launch import Server, Unhealthy

Start = Callable[..., Server]

BIG = bytes(range(256)) * 4096
CHUNK = 256 * 1024


@pytest.fixture
def server(start: Start) -> Server:
    return start("cloud.storage", "--bucket", "bucket", "--write-interval", "0")


@pytest.fixture
def client(server: Server) -> storage.Client:
    return client_of(server)


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    return client.bucket("bucket")


def client_of(server: Server) -> storage.Client:
    options = {"api_endpoint": f"http://127.0.0.1:{server.port}"}
    return storage.Client("project", AnonymousCredentials(), client_options=options)


# --- buckets and objects -------------------------------------------------------------------------


def test_a_bucket_is_created_once(client: storage.Client) -> None:
    assert client.lookup_bucket("fresh") is None
    client.create_bucket("fresh")
    assert client.get_bucket("fresh").name == "fresh"
    with pytest.raises(answers.Conflict):
        client.create_bucket("fresh")


def test_an_object_keeps_what_it_was_written_with(bucket: storage.Bucket) -> None:
    blob = bucket.blob("runs/été/one %2F two+three")
    blob.metadata, blob.cache_control = {"writer": "é"}, "no-store"
    blob.upload_from_string(b"content", content_type="text/csv")
    again = bucket.get_blob(blob.name)
    assert (again.metadata, again.cache_control, again.content_type) == ({"writer": "é"}, "no-store", "text/csv")
    assert (again.size, again.generation, again.metageneration) == (7, blob.generation, 1)
    assert again.md5_hash == base64.b64encode(hashlib.md5(b"content", usedforsecurity=False).digest()).decode()
    assert again.download_as_bytes() == b"content"
    assert again.time_created.utcoffset() is not None


def test_a_part_of_an_object_is_read_by_its_range(bucket: storage.Bucket) -> None:
    bucket.blob("object").upload_from_string(b"0123456789")
    blob = bucket.blob("object")
    assert blob.download_as_bytes(start=2, end=4) == b"234"
    assert blob.download_as_bytes(start=7) == b"789"
    with pytest.raises(answers.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_what_is_not_there_is_said_as_the_service_says_it(client: storage.Client, bucket: storage.Bucket) -> None:
    for read in ("reload", "download_as_bytes", "delete"):
        with pytest.raises(answers.NotFound, match="No such object: bucket/absent"):
            getattr(bucket.blob("absent"), read)()
        with pytest.raises(answers.NotFound, match=r"The specified bucket does not exist\."):
            getattr(client.bucket("absent").blob("object"), read)()
    with pytest.raises(answers.NotFound, match=r"The specified bucket does not exist\."):
        client.bucket("absent").blob("object").upload_from_string(b"")


def test_an_error_has_the_shape_of_the_api(server: Server, bucket: storage.Bucket) -> None:
    url = f"http://127.0.0.1:{server.port}/storage/v1/b/bucket/o/absent"
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "code": 404,
            "message": "No such object: bucket/absent",
            "errors": [{"message": "No such object: bucket/absent", "domain": "global", "reason": "notFound"}],
        }
    }
    assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()) < 5
    answer = requests.post(url, timeout=10)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (405, "methodNotAllowed")


# --- generations and preconditions ---------------------------------------------------------------


def test_generations_ascend_also_after_a_delete(bucket: storage.Bucket) -> None:
    generations = []
    for _ in range(3):
        blob = bucket.blob("object")
        blob.upload_from_string(b"", if_generation_match=0)
        generations.append(blob.generation)
        blob.delete(if_generation_match=blob.generation)
    assert generations == sorted(set(generations))


@pytest.mark.parametrize("size", [10, 2 * CHUNK], ids=["multipart", "resumable"])
def test_a_write_whose_precondition_fails_changes_nothing(bucket: storage.Bucket, size: int) -> None:
    first = bucket.blob("object")
    first.upload_from_string(b"first", if_generation_match=0)
    for condition in (
        {"if_generation_match": 0},
        {"if_generation_match": first.generation + 1},
        {"if_generation_not_match": first.generation},
        {"if_metageneration_match": 2},
        {"if_metageneration_not_match": 1},
    ):
        blob = bucket.blob("object", chunk_size=CHUNK)
        with pytest.raises(answers.PreconditionFailed):
            write(blob, bytes(size), **condition)
    with pytest.raises(answers.PreconditionFailed):
        write(bucket.blob("absent", chunk_size=CHUNK), bytes(size), if_generation_match=first.generation)
    assert bucket.get_blob("object").generation == first.generation
    assert bucket.get_blob("absent") is None


@pytest.mark.parametrize("size", [10, 2 * CHUNK], ids=["multipart", "resumable"])
def test_a_write_whose_precondition_holds_is_made(bucket: storage.Bucket, size: int) -> None:
    blob = bucket.blob("object", chunk_size=CHUNK)
    write(blob, bytes(size), if_generation_match=0)
    write(blob, bytes(size), if_generation_match=blob.generation, if_metageneration_match=1)
    write(blob, bytes(size), if_generation_not_match=0)
    assert bucket.get_blob("object").generation == blob.generation


def write(blob: storage.Blob, data: bytes, **conditions: int) -> None:
    """Write at once, or in chunks where the data are more than one."""
    size = len(data) if len(data) <= CHUNK else None
    blob.upload_from_file(io.BytesIO(data), size=size, **conditions)


def test_a_read_whose_precondition_fails_gets_no_content(bucket: storage.Bucket) -> None:
    blob = bucket.blob("object")
    blob.upload_from_string(b"content")
    stale = bucket.blob("object")
    for read in (stale.reload, stale.download_as_bytes):
        with pytest.raises(answers.PreconditionFailed):
            read(if_generation_match=blob.generation + 1)
        with pytest.raises(answers.PreconditionFailed):
            read(if_metageneration_match=2)
        with pytest.raises(answers.NotModified):
            read(if_generation_not_match=blob.generation)
        read(if_generation_match=blob.generation)
    with pytest.raises(answers.NotFound):
        bucket.blob("object", generation=blob.generation + 1).reload()


def test_a_delete_whose_precondition_fails_deletes_nothing(bucket: storage.Bucket) -> None:
    blob = bucket.blob("object")
    blob.upload_from_string(b"content")
    with pytest.raises(answers.PreconditionFailed):
        blob.delete(if_generation_match=blob.generation + 1)
    assert blob.exists()
    blob.delete(if_generation_match=blob.generation)
    assert not blob.exists()


# --- uploads -------------------------------------------------------------------------------------


def test_an_object_is_written_in_chunks(server: Server, bucket: storage.Bucket) -> None:
    blob = bucket.blob("object", chunk_size=CHUNK)
    write(blob, BIG + b"rest", if_generation_match=0)
    assert bucket.blob("object").download_as_bytes(checksum="crc32c") == BIG + b"rest"
    assert server.requests()["resume"] == 5
    assert server.requests()["insert"] == 1


def test_an_interrupted_upload_continues_where_the_service_stands(server: Server, bucket: storage.Bucket) -> None:
    url = bucket.blob("object").create_resumable_upload_session(content_type="text/plain", size=len(BIG))

    def put(data: bytes, content_range: str) -> requests.Response:
        return requests.put(url, data=data, headers={"Content-Range": content_range}, timeout=10)

    total = len(BIG)
    assert put(b"", f"bytes */{total}").headers.get("Range") is None
    first = put(BIG[:CHUNK], f"bytes 0-{CHUNK - 1}/{total}")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    again = put(BIG[:CHUNK], f"bytes 0-{CHUNK - 1}/{total}")
    assert again.headers["Range"] == first.headers["Range"], "a repeated chunk is not taken twice"
    gap = put(BIG[2 * CHUNK : 3 * CHUNK], f"bytes {2 * CHUNK}-{3 * CHUNK - 1}/{total}")
    assert gap.headers["Range"] == first.headers["Range"], "a chunk behind a gap is not taken"
    assert put(b"x", f"bytes {CHUNK}-{CHUNK}/{total}").status_code == 400, "a chunk of an odd size"
    assert put(b"", f"bytes */{total}").headers["Range"] == first.headers["Range"]
    last = put(BIG[CHUNK:], f"bytes {CHUNK}-{total - 1}/{total}")
    assert (last.status_code, last.json()["size"], last.json()["contentType"]) == (200, str(total), "text/plain")
    assert put(b"", f"bytes */{total}").status_code == 404, "a finished upload is over"
    assert bucket.blob("object").download_as_bytes() == BIG


def test_a_plain_upload_takes_its_name_from_the_query(server: Server, bucket: storage.Bucket) -> None:
    url = f"http://127.0.0.1:{server.port}/upload/storage/v1/b/bucket/o"
    sent = {"uploadType": "media", "name": "a/b"}
    answer = requests.post(url, params=sent, data=b"content", headers={"Content-Type": "text/plain"}, timeout=10)
    assert answer.json()["contentType"] == "text/plain"
    assert bucket.blob("a/b").download_as_bytes() == b"content"


def test_an_upload_with_a_wrong_checksum_is_refused(server: Server, bucket: storage.Bucket) -> None:
    url = f"http://127.0.0.1:{server.port}/upload/storage/v1/b/bucket/o"
    for headers in ({"X-Goog-Hash": "crc32c=AAAAAA=="}, {"X-Goog-Hash": "md5=AAAA"}, {"Content-MD5": "AAAA"}):
        sent = {"uploadType": "media", "name": "object"}
        answer = requests.post(url, params=sent, data=b"content", headers=headers, timeout=10)
        assert answer.status_code == 400
        assert "doesn't match calculated" in answer.json()["error"]["message"]
    assert bucket.get_blob("object") is None


def test_a_client_notices_content_that_its_checksum_does_not_fit(
    server: Server, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client compares what the headers say, so that they must be true."""
    bucket.blob("object").upload_from_string(b"content")
    real = requests.Session.request

    def tampered(self: requests.Session, *given: object, **named: object) -> requests.Response:
        response = real(self, *given, **named)
        if "X-Goog-Hash" in response.headers:
            response.headers["X-Goog-Hash"] = "crc32c=AAAAAA=="
        return response

    monkeypatch.setattr(requests.Session, "request", tampered)
    with pytest.raises(DataCorruption):
        bucket.blob("object").download_as_bytes(checksum="crc32c")


# --- listings ------------------------------------------------------------------------------------


def test_a_listing_has_prefixes_pages_and_bounds(client: storage.Client, bucket: storage.Bucket) -> None:
    names = ["a", "a/1", "a/2", "a/b/1", "a0", "b/1", "c"]
    for name in names:
        bucket.blob(name).upload_from_string(b"")

    def listed(**query: object) -> list[str]:
        return [blob.name for blob in client.list_blobs("bucket", **query)]

    assert listed() == names
    assert listed(prefix="a/") == ["a/1", "a/2", "a/b/1"]
    assert listed(page_size=2) == names
    assert listed(max_results=3) == names[:3]
    assert listed(start_offset="a/2", end_offset="b") == ["a/2", "a/b/1", "a0"]
    folders = client.list_blobs("bucket", prefix="a/", delimiter="/", page_size=1)
    assert [blob.name for blob in folders] == ["a/1", "a/2"]
    assert folders.prefixes == {"a/b/"}
    chosen = next(iter(client.list_blobs("bucket", fields="items(name,size),nextPageToken")))
    assert (chosen.name, chosen.size, chosen.generation) == ("a", 0, None)


# --- limits, faults and the process --------------------------------------------------------------


def test_an_object_takes_one_write_a_second(start: Start) -> None:
    bucket = client_of(start("cloud.storage", "--bucket", "bucket")).bucket("bucket")
    bucket.blob("object").upload_from_string(b"", retry=None)
    with pytest.raises(answers.TooManyRequests, match="exceeded the rate limit for object mutation"):
        bucket.blob("object").upload_from_string(b"", retry=None)
    with pytest.raises(answers.TooManyRequests):
        bucket.blob("object").delete(retry=None)
    with pytest.raises(answers.PreconditionFailed):
        bucket.blob("object").upload_from_string(b"", if_generation_match=0, retry=None)
    bucket.blob("another").upload_from_string(b"", retry=None)
    time.sleep(1.1)
    bucket.blob("object").upload_from_string(b"", retry=None)


def test_faults_strike_the_operation_they_name_as_often_as_they_say(server: Server, bucket: storage.Bucket) -> None:
    blob = bucket.blob("object")
    server.fault("http_error", operation="insert", status=502, skip=1, times=2)
    blob.upload_from_string(b"1", retry=None)
    for _ in range(2):
        with pytest.raises(answers.BadGateway):
            blob.upload_from_string(b"2", retry=None)
    assert blob.download_as_bytes() == b"1"
    blob.upload_from_string(b"3", retry=None)
    server.fault("drop_after", operation="insert")
    with pytest.raises(requests.ConnectionError):
        blob.upload_from_string(b"4", retry=None)
    assert bucket.blob("object").download_as_bytes() == b"4"
    server.fault("drop_before", operation="*", times=None)
    with pytest.raises(requests.ConnectionError):
        bucket.blob("object").reload(retry=None)
    server.clear()
    bucket.blob("object").reload(retry=None)
    server.fault("rate_limit", operation="get")
    with pytest.raises(answers.TooManyRequests):
        bucket.blob("object").reload(retry=None)


def test_a_fault_that_makes_no_sense_is_refused(server: Server) -> None:
    with pytest.raises(Unhealthy, match="400: kind is one of http_error, drop_after"):
        server.fault("explode")
    with pytest.raises(Unhealthy, match="400: times is a number from 1 on"):
        server.fault("slow", times=0)
    with pytest.raises(Unhealthy, match="400: a fault has no colour"):
        server.fault("slow", colour="red")


def test_everything_survives_a_crash_where_a_folder_is_given(start: Start, tmp_path: Path) -> None:
    options = ("--bucket", "bucket", "--write-interval", "0", "--state", str(tmp_path / "state"))
    server = start("cloud.storage", *options)
    bucket = client_of(server).bucket("bucket")
    blob = bucket.blob("object")
    blob.upload_from_string(BIG)
    upload = bucket.blob("upload").create_resumable_upload_session(size=len(BIG))
    requests.put(upload, data=BIG[:CHUNK], headers={"Content-Range": f"bytes 0-{CHUNK - 1}/{len(BIG)}"}, timeout=10)
    server.kill()
    server = start("cloud.storage", *options, "--port", str(server.port))
    bucket = client_of(server).bucket("bucket")
    assert bucket.get_blob("object").generation == blob.generation
    assert bucket.blob("object").download_as_bytes() == BIG
    last = {"Content-Range": f"bytes {CHUNK}-{len(BIG) - 1}/{len(BIG)}"}
    assert requests.put(upload, data=BIG[CHUNK:], headers=last, timeout=10).status_code == 200
    with pytest.raises(answers.PreconditionFailed):
        bucket.blob("object").upload_from_string(b"", if_generation_match=0)
    newer = bucket.blob("object")
    newer.upload_from_string(b"", if_generation_match=blob.generation)
    assert newer.generation > blob.generation


def test_it_ends_within_two_seconds_of_sigterm_while_a_request_hangs(server: Server, bucket: storage.Bucket) -> None:
    server.fault("slow", operation="get", seconds=60)

    def hang() -> None:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{server.port}/storage/v1/b/bucket/o/object", timeout=30)

    hanging = threading.Thread(target=hang)
    hanging.start()
    while not server.requests().get("get"):
        time.sleep(0.01)
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(10) == 0
    assert time.monotonic() - begin < 2
    hanging.join()
    server.stop()


def test_it_listens_on_loopback_only(server: Server) -> None:
    """Every address of 127.0.0.0/8 is this machine; a server on all addresses would answer on each."""
    assert requests.get(f"http://127.0.0.1:{server.port}/_control/requests", timeout=10).ok
    if sys.platform == "linux":
        listening = Path(f"/proc/{server.process.pid}/net/tcp").read_text(encoding="ascii")
        local = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
        assert f" {local}:{server.port:04X} 00000000:0000 0A " in listening
        assert f" 00000000:{server.port:04X} " not in listening


def test_it_says_its_port_in_one_json_line_and_ends_with_its_parent(ports: set[int]) -> None:
    command = [sys.executable, "-m", "venue_sandbox.cloud.storage", "--stop-at-eof"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    said = json.loads(process.stdout.readline())
    assert list(said) == ["port"]
    ports.add(said["port"])
    assert requests.get(f"http://127.0.0.1:{said['port']}/_control/requests", timeout=10).json() == {}
    process.stdin.close()
    assert process.wait(5) == 0
    assert process.stdout.read() == ""
    process.stdout.close()


def test_a_port_that_is_taken_is_said_and_nothing_is_started(server: Server) -> None:
    with pytest.raises(Unhealthy, match="ended with status 1 before it listened"):
        Server("venue_sandbox.cloud.storage", "--port", str(server.port))


def test_the_guard_lets_nothing_else_be_connected(server: Server) -> None:
    for address in (("192.0.2.1", 80), ("127.0.0.1", 1), ("localhost", server.port)):
        with socket.socket() as other, pytest.raises(pytest.fail.Exception, match="not opened for this run"):
            other.connect(address)
