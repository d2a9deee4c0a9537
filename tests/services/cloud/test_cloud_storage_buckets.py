"""Buckets of the Cloud Storage emulator: what holds on to objects, and what does not stop a lease."""

from __future__ import annotations

from collections.abc import Callable

import google.api_core.exceptions as answers
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import StoreError
from venue_sandbox.servers.launch import Server

Start = Callable[..., Server]


@pytest.fixture
def server(start: Start) -> Server:
    return start("cloud.storage", "--write-interval", "0")


@pytest.fixture
def client(server: Server) -> storage.Client:
    options = {"api_endpoint": f"http://127.0.0.1:{server.port}"}
    return storage.Client("house", AnonymousCredentials(), client_options=options)


def test_with_versions_what_was_replaced_or_deleted_can_still_be_read(client: storage.Client) -> None:
    bucket = client.create_bucket("ledger", location="EU")
    bucket.versioning_enabled = True
    bucket.patch()
    blob = bucket.blob("lease")
    generations: list[int] = []
    for text in ("first", "second"):
        blob.upload_from_string(text)
        generations.append(blob.generation)
    bucket.blob("lease").delete()
    assert [bucket.blob("lease", generation=each).download_as_text() for each in generations] == ["first", "second"]
    assert bucket.get_blob("lease") is None
    assert client.get_bucket("ledger").location == "EU"


def test_a_retention_period_would_stop_leases_and_versions_with_soft_delete_do_not(
    client: storage.Client, server: Server
) -> None:
    """What scripts/gcp/foundation.py and ledger.tf say of the ledger, shown at a store."""
    for name in ("held", "free"):
        bucket = client.create_bucket(name)
        bucket.versioning_enabled = True
        bucket.patch()
    held = client.get_bucket("held")
    held.retention_period = 3600
    held.patch()
    endpoint = f"http://127.0.0.1:{server.port}"
    free = open_store("gs://free/ledger", endpoint=endpoint)
    free.replace("leases/a", b"2", free.create("leases/a", b"1"))
    stopped = open_store("gs://held/ledger", endpoint=endpoint)
    generation = stopped.create("leases/a", b"1")
    with pytest.raises(StoreError, match="retention"):
        stopped.replace("leases/a", b"2", generation)
    with pytest.raises(answers.Forbidden, match="retention policy"):
        held.blob("ledger/leases/a").delete()
    held.retention_period = None
    held.patch()
    stopped.replace("leases/a", b"2", generation)


@pytest.mark.parametrize("seconds", [3600, 91 * 86_400])
def test_what_can_be_had_back_can_be_for_7_to_90_days(client: storage.Client, seconds: int) -> None:
    bucket = client.create_bucket("soft")
    bucket.soft_delete_policy.retention_duration_seconds = seconds
    with pytest.raises(answers.BadRequest, match="from 604800 to 7776000 seconds"):
        bucket.patch()


def test_a_policy_brings_the_etag_of_the_one_that_was_read(client: storage.Client) -> None:
    bucket = client.create_bucket("ledger")
    first, second = bucket.get_iam_policy(), bucket.get_iam_policy()
    first["roles/storage.objectUser"] = {"user:ana@example.com"}
    bucket.set_iam_policy(first)
    with pytest.raises(answers.PreconditionFailed):
        bucket.set_iam_policy(second)
    assert bucket.get_iam_policy()["roles/storage.objectUser"] == {"user:ana@example.com"}
