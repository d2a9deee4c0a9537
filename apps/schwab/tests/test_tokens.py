"""Where the login's token is, how it is written, and what is told of its age."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from schwab_app.settings import SchwabAccess
from schwab_app.tokens import TokenFile, TokenSecret, caution, ends_at, tokens_of

AT = datetime(2026, 5, 4, 12, tzinfo=UTC)
DOCUMENT: dict[str, Any] = {
    "creation_timestamp": int(AT.timestamp()),
    "token": {"access_token": "access-1", "refresh_token": "refresh-1", "expires_at": 1},
}


class Kept:
    """A secret with its versions."""

    def __init__(self, value: str) -> None:
        self.versions = [value]

    def read(self, name: str) -> str:
        return self.versions[-1]

    def add(self, name: str, value: str) -> None:
        self.versions.append(value)


def test_a_file_is_replaced_whole_and_is_for_its_owner_only(tmp_path: Path) -> None:
    place = tmp_path / "token.json"
    tokens = TokenFile(place)
    tokens.write(DOCUMENT)
    changed = {**DOCUMENT, "token": {**DOCUMENT["token"], "access_token": "access-2"}}
    tokens.write(changed)
    assert tokens.read() == changed
    assert [path.name for path in tmp_path.iterdir()] == ["token.json"]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = TokenFile(tmp_path / "token.json")
    tokens.write(DOCUMENT)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        tokens.write({**DOCUMENT, "creation_timestamp": 5})
    assert tokens.read() == DOCUMENT
    assert [path.name for path in tmp_path.iterdir()] == ["token.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"token": {}}', '{"creation_timestamp": 1, "token": 2}'])
def test_a_file_that_is_no_token_says_how_to_get_one(tmp_path: Path, text: str) -> None:
    place = tmp_path / "token.json"
    place.write_text(text)
    with pytest.raises(InvalidInput, match="quant login schwab"):
        TokenFile(place).read()


def test_no_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="quant login schwab"):
        TokenFile(tmp_path / "absent").read()


def test_a_secret_gets_a_version_and_a_pinned_one_none() -> None:
    kept = Kept(json.dumps(DOCUMENT))
    TokenSecret(kept, "projects/p/secrets/s/versions/3").write(DOCUMENT)
    assert len(kept.versions) == 1
    secret = TokenSecret(kept, "projects/p/secrets/s")
    secret.write({**DOCUMENT, "creation_timestamp": 5})
    assert secret.read()["creation_timestamp"] == 5


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, None), (4.99, None), (5, "ends on 2026-05-11"), (6.99, "ends on 2026-05-11"), (7, "ended on 2026-05-11")],
)
def test_the_age_is_told_from_the_fifth_day(days: float, words: str | None) -> None:
    told = caution(DOCUMENT, AT + timedelta(days=days))
    assert (told is None) if words is None else (told is not None and words in told and "quant login" in told)
    assert ends_at(DOCUMENT) == AT + timedelta(days=7)


@pytest.mark.parametrize(("path", "secret"), [("", ""), ("/token", "projects/p/secrets/s")])
def test_a_login_is_kept_in_one_place(path: str, secret: str) -> None:
    access = SchwabAccess(
        schwab_app_key="k", schwab_app_secret="s", schwab_token_path=path, schwab_token_secret_name=secret
    )
    with pytest.raises(InvalidInput, match="one place"):
        tokens_of(access)
