"""Secrets over the wire: the emulator as Google's own client finds it, and what the platform keeps in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import google.api_core.exceptions as answers
import google_crc32c
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager
from loguru import logger
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from schwab_app.connection import Connection, Login
from schwab_app.tokens import TokenSecret
from venue_sandbox.servers.launch import Server, Unhealthy

Start = Callable[..., Server]
PROJECT = "projects/house"
NAME = f"{PROJECT}/secrets/login"


@pytest.fixture
def server(start: Start) -> Server:
    return start("cloud.secrets", "--secret", f"{NAME}=first")


@pytest.fixture
def client(server: Server) -> secretmanager.SecretManagerServiceClient:
    return client_of(server)


@pytest.fixture
def secrets(server: Server) -> GoogleSecrets:
    return GoogleSecrets(f"http://127.0.0.1:{server.port}")


def client_of(server: Server) -> secretmanager.SecretManagerServiceClient:
    options = {"api_endpoint": f"http://127.0.0.1:{server.port}"}
    return secretmanager.SecretManagerServiceClient(
        transport="rest", credentials=AnonymousCredentials(), client_options=options
    )


def versions(client: secretmanager.SecretManagerServiceClient, name: str = NAME) -> list[tuple[str, str]]:
    listed = client.list_secret_versions(parent=name)
    return [(version.name.rpartition("/")[2], version.state.name) for version in listed]


# --- the emulator --------------------------------------------------------------------------------


def test_a_secret_is_created_once_and_deleted_with_its_versions(
    client: secretmanager.SecretManagerServiceClient,
) -> None:
    fresh = {"parent": PROJECT, "secret_id": "fresh", "secret": {"replication": {"automatic": {}}}}
    made = client.create_secret(request=fresh)
    assert (made.name, versions(client, made.name)) == (f"{PROJECT}/secrets/fresh", [])
    assert abs(made.create_time - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(answers.Conflict, match="already exists"):
        client.create_secret(request=fresh)
    assert [secret.name for secret in client.list_secrets(parent=PROJECT)] == [made.name, NAME]
    with pytest.raises(answers.NotFound):
        client.access_secret_version(name=f"{made.name}/versions/latest")
    client.delete_secret(name=made.name)
    with pytest.raises(answers.NotFound):
        client.get_secret(name=made.name)


def test_versions_count_up_and_the_value_comes_with_its_checksum(
    client: secretmanager.SecretManagerServiceClient,
) -> None:
    added = client.add_secret_version(parent=NAME, payload={"data": b"second"})
    assert added.name == f"{NAME}/versions/2"
    assert versions(client) == [("2", "ENABLED"), ("1", "ENABLED")]
    for version, value in (("latest", b"second"), ("2", b"second"), ("1", b"first")):
        found = client.access_secret_version(name=f"{NAME}/versions/{version}")
        assert (found.payload.data, found.payload.data_crc32c > 0) == (value, True)
    assert found.name == f"{NAME}/versions/1"


def test_lists_come_in_pages(client: secretmanager.SecretManagerServiceClient) -> None:
    for n in range(4):
        client.add_secret_version(parent=NAME, payload={"data": f"{n}".encode()})
    pager = client.list_secret_versions(request={"parent": NAME, "page_size": 2})
    assert [len(page.versions) for page in pager.pages] == [2, 2, 1]


def test_a_wrong_checksum_and_a_value_of_the_wrong_size_add_nothing(
    client: secretmanager.SecretManagerServiceClient,
) -> None:
    for payload in ({"data": b"x", "data_crc32c": 7}, {"data": b""}, {"data": bytes(1 << 16) + b"1"}):
        with pytest.raises(answers.BadRequest):
            client.add_secret_version(parent=NAME, payload=payload)
    assert versions(client) == [("1", "ENABLED")]


def test_latest_is_the_newest_version_even_while_it_cannot_be_read(
    client: secretmanager.SecretManagerServiceClient,
) -> None:
    client.add_secret_version(parent=NAME, payload={"data": b"second"})
    client.disable_secret_version(name=f"{NAME}/versions/2")
    with pytest.raises(answers.BadRequest, match=r"versions/2\] is in DISABLED state"):
        client.access_secret_version(name=f"{NAME}/versions/latest")
    assert client.access_secret_version(name=f"{NAME}/versions/1").payload.data == b"first"
    client.enable_secret_version(name=f"{NAME}/versions/2")
    assert client.access_secret_version(name=f"{NAME}/versions/latest").payload.data == b"second"


def test_what_is_destroyed_stays_so(client: secretmanager.SecretManagerServiceClient) -> None:
    gone = client.destroy_secret_version(name=f"{NAME}/versions/1")
    assert (gone.state.name, bool(gone.destroy_time)) == ("DESTROYED", True)
    for attempt in (client.access_secret_version, client.enable_secret_version, client.destroy_secret_version):
        with pytest.raises(answers.BadRequest, match="is in DESTROYED state"):
            attempt(name=f"{NAME}/versions/1")


def test_secrets_survive_a_restart_and_the_start_does_not_overwrite_them(start: Start, tmp_path: Any) -> None:
    options = ("--state", str(tmp_path / "vault"), "--secret", f"{NAME}=first")
    server = start("cloud.secrets", *options)
    client_of(server).add_secret_version(parent=NAME, payload={"data": b"second"})
    server.kill()
    again = client_of(start("cloud.secrets", *options))
    assert again.access_secret_version(name=f"{NAME}/versions/latest").payload.data == b"second"
    assert versions(again) == [("2", "ENABLED"), ("1", "ENABLED")]


def test_what_is_not_served_says_so(client: secretmanager.SecretManagerServiceClient) -> None:
    with pytest.raises(answers.MethodNotImplemented):
        client.destroy_secret_version(request={"name": f"{NAME}/versions/1", "etag": '"1"'})


def test_a_policy_is_written_on_the_one_that_was_read_and_holds_for_service_accounts(
    client: secretmanager.SecretManagerServiceClient, server: Server
) -> None:
    read = client.get_iam_policy(request={"resource": NAME})
    me, role = "web@house.iam.gserviceaccount.com", "roles/secretmanager.secretAccessor"
    binding = {"role": role, "members": [f"serviceAccount:{me}"]}
    policy = {"etag": read.etag, "bindings": [binding]}
    written = client.set_iam_policy(request={"resource": NAME, "policy": policy})
    assert [(one.role, list(one.members)) for one in written.bindings] == [(role, [f"serviceAccount:{me}"])]
    with pytest.raises(answers.Conflict, match="concurrent policy changes"):
        client.set_iam_policy(request={"resource": NAME, "policy": policy})

    def access(who: str) -> int:
        url = f"http://127.0.0.1:{server.port}/v1/{NAME}/versions/1:access"
        return requests.get(url, headers={"Authorization": f"Bearer {who}"}, timeout=10).status_code

    assert (access(me), access("ana@example.com"), access(f"other-{me}")) == (200, 200, 403)


def test_a_version_says_whether_its_checksum_was_compared(client: secretmanager.SecretManagerServiceClient) -> None:
    plain = client.add_secret_version(parent=NAME, payload={"data": b"x"})
    crc = google_crc32c.value(b"y")
    checked = client.add_secret_version(parent=NAME, payload={"data": b"y", "data_crc32c": crc})
    assert (plain.client_specified_payload_checksum, checked.client_specified_payload_checksum) == (False, True)


def test_a_secret_to_begin_with_needs_a_whole_name(start: Start) -> None:
    with pytest.raises(Unhealthy, match="ended with status 2"):
        start("cloud.secrets", "--secret", "login=first")


# --- the kit's secrets ---------------------------------------------------------------------------


def test_the_newest_version_or_a_pinned_one_is_read(secrets: GoogleSecrets) -> None:
    secrets.add(NAME, "second")
    assert secrets.read(NAME) == secrets.read(f"{NAME}/versions/latest") == "second"
    assert secrets.read(f"{NAME}/versions/1") == "first"


@pytest.mark.parametrize("name", [f"{PROJECT}/secrets/absent", f"{NAME}/versions/9"])
def test_a_secret_that_is_not_there_is_named(secrets: GoogleSecrets, name: str) -> None:
    with pytest.raises(StoreError, match=f"secret {name}: NotFound"):
        secrets.read(name)


def test_only_a_secret_that_is_there_and_not_pinned_gets_a_version(
    secrets: GoogleSecrets, client: secretmanager.SecretManagerServiceClient
) -> None:
    with pytest.raises(StoreError, match=f"secret {PROJECT}/secrets/absent: NotFound"):
        secrets.add(f"{PROJECT}/secrets/absent", "value")
    with pytest.raises(InvalidInput, match="is pinned to a version"):
        secrets.add(f"{NAME}/versions/1", "value")
    assert versions(client) == [("1", "ENABLED")]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"kind": "http_error", "status": 403}, "Forbidden"),
        ({"kind": "http_error", "status": 503}, "ServiceUnavailable"),
        ({"kind": "rate_limit"}, "TooManyRequests"),
        ({"kind": "drop_before"}, "ConnectionError"),
    ],
)
def test_a_service_that_refuses_or_is_down_is_a_store_error_that_tells_no_value(
    server: Server, secrets: GoogleSecrets, fault: dict[str, Any], why: str
) -> None:
    for operation, ask in (
        ("access", lambda: secrets.read(NAME)),
        ("add", lambda: secrets.add(NAME, "very-secret-value")),
    ):
        server.fault(operation=operation, **fault)
        with pytest.raises(StoreError, match=f"secret {NAME}: {why}") as refused:
            ask()
        assert "very-secret-value" not in str(refused.value)
    assert secrets.read(NAME) == "first"


def test_a_disabled_version_is_not_read(
    secrets: GoogleSecrets, client: secretmanager.SecretManagerServiceClient
) -> None:
    client.disable_secret_version(name=f"{NAME}/versions/1")
    with pytest.raises(StoreError, match="DISABLED"):
        secrets.read(NAME)


def test_a_service_that_never_answers_does_not_hold_a_run(
    server: Server, secrets: GoogleSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quant_platform_kit.adapters.secrets.SECONDS", 0.5)
    server.fault("silent", operation="access")
    began = datetime.now(UTC)
    with pytest.raises(StoreError, match=NAME):
        secrets.read(NAME)
    assert datetime.now(UTC) - began < timedelta(seconds=5)


# --- Schwab's login in a secret ------------------------------------------------------------------


@pytest.fixture
def schwab(schwab_venue: Start) -> Server:
    return schwab_venue()


def keep_login(schwab: Server, secrets: GoogleSecrets) -> dict[str, Any]:
    """Keep a login whose access token is about to end."""
    document = schwab.control("POST", "login")
    document["token"]["expires_at"] = int(datetime.now(UTC).timestamp()) + 30
    secrets.add(NAME, json.dumps(document))
    return document


@contextmanager
def connection(schwab: Server, secrets: GoogleSecrets, name: str = NAME) -> Iterator[Connection]:
    tokens, address = TokenSecret(secrets, name), ("127.0.0.1", schwab.port)
    made = Connection(Login("sandbox-key", "sandbox-secret", tokens, address), 5)
    try:
        yield made
    finally:
        made.close()


def test_a_refreshed_login_is_a_new_version_and_the_old_one_stays(
    server: Server, schwab: Server, secrets: GoogleSecrets, client: secretmanager.SecretManagerServiceClient
) -> None:
    before = keep_login(schwab, secrets)
    with connection(schwab, secrets) as made:
        made.connect()
        assert made.accounts == ("DUSBX1",)
    assert versions(client) == [("3", "ENABLED"), ("2", "ENABLED"), ("1", "ENABLED")]
    after = json.loads(secrets.read(NAME))
    assert after["creation_timestamp"] == before["creation_timestamp"], "a refresh does not make a login younger"
    assert after["token"]["access_token"] != before["token"]["access_token"]
    assert json.loads(secrets.read(f"{NAME}/versions/2")) == before
    server.forget_requests()
    with connection(schwab, secrets) as made:
        made.connect()
    assert server.requests() == {"access": 1}, "a process after it takes the new version, and has nothing to refresh"


def test_a_pinned_login_is_refreshed_in_memory_and_never_written(
    schwab: Server, secrets: GoogleSecrets, client: secretmanager.SecretManagerServiceClient
) -> None:
    keep_login(schwab, secrets)
    for _ in range(2):
        with connection(schwab, secrets, f"{NAME}/versions/2") as made:
            made.connect()
            assert made.accounts == ("DUSBX1",)
    assert versions(client) == [("2", "ENABLED"), ("1", "ENABLED")]


@pytest.mark.parametrize(
    "fault", [{"kind": "http_error", "status": 403}, {"kind": "drop_before"}, {"kind": "drop_after"}]
)
def test_a_login_that_cannot_be_written_back_trades_on_and_is_whole_for_the_next_process(
    server: Server, schwab: Server, secrets: GoogleSecrets, fault: dict[str, Any]
) -> None:
    keep_login(schwab, secrets)
    server.fault(operation="add", **fault)
    told: list[str] = []
    handler = logger.add(told.append, level="ERROR", format="{message}")
    try:
        with connection(schwab, secrets) as made:
            made.connect()
            assert made.accounts == ("DUSBX1",)
    finally:
        logger.remove(handler)
    (line,) = told
    assert "the refreshed Schwab token was not written back" in line
    assert NAME in line
    assert "token" in json.loads(secrets.read(NAME))
    with connection(schwab, secrets) as made:
        made.connect()
        assert made.accounts == ("DUSBX1",)
