"""Secrets by name: the newest version, or a pinned one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.redaction import redact

SECRET = "projects/p/secrets/login"


class Client:
    """What the library's client was asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.error = error

    def access_secret_version(self, *, request: dict[str, Any], timeout: float, retry: None) -> Any:
        self.asked.append(("read", request))
        if self.error:
            raise self.error
        return SimpleNamespace(payload=SimpleNamespace(data=b"very-secret-value"))

    def add_secret_version(self, *, request: dict[str, Any], timeout: float, retry: None) -> None:
        self.asked.append(("add", request))


def secrets(client: Client) -> GoogleSecrets:
    made = GoogleSecrets()
    made._client = client
    return made


@pytest.mark.parametrize(
    ("name", "version"), [(SECRET, "latest"), (f"{SECRET}/versions/latest", "latest"), (f"{SECRET}/versions/3", "3")]
)
def test_a_name_pins_a_version_or_takes_the_newest(name: str, version: str) -> None:
    client = Client()
    assert secrets(client).read(name) == "very-secret-value"
    assert client.asked == [("read", {"name": f"{SECRET}/versions/{version}"})]
    assert "very-secret-value" not in redact("it is very-secret-value")


def test_a_value_is_added_as_a_version() -> None:
    client = Client()
    secrets(client).add(SECRET, "another-value")
    assert client.asked == [("add", {"parent": SECRET, "payload": {"data": b"another-value"}})]


def test_a_pinned_secret_is_not_written_to() -> None:
    client = Client()
    with pytest.raises(InvalidInput, match="pinned"):
        secrets(client).add(f"{SECRET}/versions/3", "x")
    assert client.asked == []


@pytest.mark.parametrize("name", ["", "login", "projects/p/secrets/", f"{SECRET}/versions/0", f"{SECRET}/versions/x"])
def test_what_names_no_secret_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="names no secret"):
        secrets(Client()).read(name)


def test_a_store_that_cannot_answer_says_which_secret() -> None:
    exceptions = pytest.importorskip("google.api_core.exceptions")
    with pytest.raises(StoreError, match=f"secret {SECRET}: NotFound"):
        secrets(Client(exceptions.NotFound("no such version"))).read(SECRET)
