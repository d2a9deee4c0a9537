"""The login's token: read from a file or a secret, written back whole, and its age told."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

from quant_platform_kit.adapters.secrets import GoogleSecrets
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.redaction import hide
from quant_platform_kit.ports.secrets import Secrets

from schwab_app.settings import SchwabAccess

__all__ = ["LOGIN_AGAIN", "TokenFile", "TokenSecret", "Tokens", "caution", "ends_at", "tokens_of"]

LIFETIME, WARN_AFTER = timedelta(days=7), timedelta(days=5)
LOGIN_AGAIN = "run `quant login schwab`"

Document = dict[str, Any]


class Tokens(Protocol):
    """Where the token document of schwab-py is kept."""

    def read(self) -> Document:
        """Return the document; `InvalidInput` or `StoreError` when there is none."""
        ...

    def write(self, document: Document) -> None:
        """Keep a document in place of the one before; `StoreError` when that fails."""
        ...


class TokenFile:
    """A file, replaced in one step: whoever reads it sees the old document or the new one, also after a crash."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Document:
        """Return the document."""
        try:
            return _parsed(self._path.read_text(), f"token file {self._path}")
        except OSError as error:
            raise InvalidInput(f"token file {self._path}: {error.strerror}; {LOGIN_AGAIN}") from error

    def write(self, document: Document) -> None:
        """Write to a file beside it, sync, rename, sync the folder."""
        _hide(document)
        beside = ""
        try:
            handle, beside = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            with os.fdopen(handle, "w") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            Path(beside).replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with suppress(OSError):
                Path(beside).unlink(missing_ok=True)
            raise StoreError(f"token file {self._path} cannot be written: {error.strerror}") from error


class TokenSecret:
    """A secret: its newest version, or a pinned one, which is never written back."""

    def __init__(self, secrets: Secrets, name: str) -> None:
        self._secrets, self._name = secrets, name

    @property
    def _pinned(self) -> bool:
        return "/versions/" in self._name and not self._name.endswith("/versions/latest")

    def read(self) -> Document:
        """Return the document."""
        return _parsed(self._secrets.read(self._name), f"secret {self._name}")

    def write(self, document: Document) -> None:
        """Add a version; a pinned secret stays as it is, and the next process refreshes by itself."""
        _hide(document)
        if not self._pinned:
            self._secrets.add(self._name, json.dumps(document))


def tokens_of(access: SchwabAccess) -> Tokens:
    """Return where settings keep the token; `InvalidInput` unless they name exactly one place."""
    path, secret = access.schwab_token_path, access.schwab_token_secret_name
    if bool(path) is bool(secret):
        raise InvalidInput("set SCHWAB_TOKEN_PATH or SCHWAB_TOKEN_SECRET_NAME, and not both: one place holds the login")
    return TokenFile(Path(path)) if path else TokenSecret(GoogleSecrets(), secret)


def ends_at(document: Document) -> datetime:
    """Return when a login ends, aware UTC."""
    return datetime.fromtimestamp(document["creation_timestamp"], UTC) + LIFETIME


def caution(document: Document, now: datetime) -> str | None:
    """Return what to tell about a login's age, None while it is young."""
    end = ends_at(document)
    if now >= end:
        return f"the Schwab login ended on {end:%Y-%m-%d %H:%M} UTC: {LOGIN_AGAIN}"
    if now >= end - LIFETIME + WARN_AFTER:
        return f"the Schwab login ends on {end:%Y-%m-%d %H:%M} UTC: {LOGIN_AGAIN} before"
    return None


def _parsed(text: str, where: str) -> Document:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    found = cast("Document", read) if isinstance(read, dict) else {}
    whole = isinstance(found.get("creation_timestamp"), int | float) and isinstance(found.get("token"), dict)
    if not whole:
        raise InvalidInput(f"{where} holds no token of schwab-py; {LOGIN_AGAIN}")
    _hide(found)
    return found


def _hide(document: Document) -> None:
    token: Document = document.get("token", {})
    hide([str(token[name]) for name in ("access_token", "refresh_token", "id_token") if token.get(name)])
