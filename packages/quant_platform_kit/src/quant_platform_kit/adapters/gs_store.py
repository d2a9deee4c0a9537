"""A `VersionedStore` in a Cloud Storage bucket."""

from __future__ import annotations

import http.client
import random
import re
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast
from urllib.parse import quote
from uuid import uuid4

import google.auth
import requests
import urllib3
from google.api_core.exceptions import (
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
    TooManyRequests,
    from_http_response,  # pyright: ignore[reportUnknownVariableType]
)
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage  # pyright: ignore[reportMissingTypeStubs]
from google.cloud.storage.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    DataCorruption,
    InvalidResponse,
)

from quant_platform_kit.adapters.store_keys import TIMEOUT_SECONDS, check_key, check_prefix, is_key
from quant_platform_kit.domain.errors import Conflict, InvalidInput, StoreError
from quant_platform_kit.ports.versioned_store import Stored

__all__ = ["GsStore"]

T = TypeVar("T")

GOOGLE = "https://storage.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
WRITE_ID = "write-id"
ABSENT = "No such object"
BYTES = "application/octet-stream"
CLOCK = ".clock"
"""The name of an object that cannot exist, because no key starts with a dot."""

MOST_BYTES = 8 << 20
"""What the client sends in one request. More goes in several, and would be removed again when a checksum fails."""

LONGEST_REASON = 300
ANSWERS_IN_ONE_CALL = 3
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 2.0
SHORTEST_TIMEOUT_SECONDS = 0.05

PASSING = frozenset({408, 429, 500, 502, 503, 504})
LOST = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    ConnectionError,
    TransportError,
    DataCorruption,
)
FAILED = (*LOST, GoogleAPIError, GoogleAuthError, InvalidResponse)


@dataclass(slots=True)
class _Write:
    """A write under way: ``expected`` is the generation the object must have, 0 for none.

    ``doubtful`` is set when it was sent and may have been made, though nobody said so.
    """

    key: str
    data: bytes
    expected: int
    own: str = field(default_factory=lambda: uuid4().hex)
    doubtful: bool = False


class _Call:
    """The time of one call of the store: how long it lasts, and so how long one answer may take."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._share = seconds / ANSWERS_IN_ONE_CALL

    @property
    def left(self) -> float:
        return self._deadline - time.monotonic()

    @property
    def timeout(self) -> float:
        return max(min(self.left, self._share), SHORTEST_TIMEOUT_SECONDS)


class GsStore:
    """Objects below a prefix of a bucket, with generations as Cloud Storage counts them.

    A write carries its precondition and a random write id, so it can be sent again without harm. Where the answer is
    lost, or is that the precondition failed, the object is read back: with the own write id on it, the write was made.
    What can pass (a lost connection, a timeout, 429, 5xx) is tried again until the time of the call is over.

    Parameters
    ----------
    bucket
        Its name. The bucket must exist; reading, writing and listing objects are the permissions that are needed.
    prefix
        What the names of all objects begin with, a slash follows; empty for the whole bucket.
    timeout_seconds
        How long one call may take; one answer, such as a page of a listing, may take a third of it.
    endpoint
        The server to ask instead of Google's, without credentials and without proxies; None for Google's, with the
        application default credentials. Nothing but this server, and in Google's case its token service, is contacted.
    content_type
        What the objects are, as a browser reads it.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        endpoint: str | None = None,
        content_type: str = BYTES,
    ) -> None:
        if BUCKET.fullmatch(bucket) is None:
            raise InvalidInput(f"{bucket!r} is no name of a bucket: 3 to 222 lower-case letters, digits and ._-")
        if prefix:
            check_key(prefix)
        self._name = f"gs://{bucket}/{prefix}"
        self._timeout, self._content_type = timeout_seconds, content_type
        self._root = f"{prefix}/" if prefix else ""
        self._session = _session(endpoint, timeout_seconds / ANSWERS_IN_ONE_CALL)
        self._closing = weakref.finalize(self, self._session.close)
        url = (endpoint or GOOGLE).rstrip("/")
        self._clock_url = f"{url}/storage/v1/b/{bucket}/o/{quote(self._root + CLOCK, safe='')}"
        # An endpoint given here goes before those that the environment names for the client.
        credentials: Any = self._session.credentials
        client: Any = storage.Client(None, credentials, self._session, client_options={"api_endpoint": url})
        # Telemetry of the client: threads that ask for the bucket, again at every object that is not there.
        client._bucket_metadata_cache = None
        self._bucket = client.bucket(bucket)

    def close(self) -> None:
        """Close all connections; a later call opens new ones."""
        self._session.close()

    def create(self, key: str, data: bytes) -> int:
        """Write an object that must not exist; see `VersionedStore.create`."""
        return self._write(_Write(key, data, 0))

    def replace(self, key: str, data: bytes, generation: int) -> int:
        """Overwrite an object of a known generation; see `VersionedStore.replace`."""
        if generation < 1:
            check_key(key)
            raise Conflict(f"{key} never has generation {generation}; generations begin with 1")
        return self._write(_Write(key, data, generation))

    def get(self, key: str) -> Stored | None:
        """Return an object; see `VersionedStore.get`."""
        check_key(key)
        return self._ask(f"object {key}", lambda call: self._read(key, call))

    def delete(self, key: str) -> None:
        """Remove an object; see `SnapshotStore.delete`. Takes the permission to delete objects."""
        check_key(key)
        self._ask(f"object {key}", lambda call: self._remove(key, call))

    def now(self) -> datetime:
        """Return the server's time in whole seconds, so up to one second ago."""
        return self._ask("time", self._date)

    def keys(self, prefix: str) -> list[str]:
        """Return every key with a prefix; see `VersionedStore.keys`."""
        check_prefix(prefix)
        return self._ask(f"keys {prefix}*", lambda call: self._list(prefix, call))

    def _ask(self, what: str, question: Callable[[_Call], T]) -> T:
        """Put a question again and again while its failure can pass and there is time."""
        call, pause = _Call(self._timeout), FIRST_PAUSE_SECONDS
        while True:
            try:
                return question(call)
            except FAILED as error:
                wait = pause * random.uniform(0.5, 1.5)
                if not _can_pass(error) or wait > call.left:
                    raise StoreError(f"store {what} of {self._name}: {_reason(error)}") from error
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _write(self, write: _Write) -> int:
        check_key(write.key)
        if len(write.data) > MOST_BYTES:
            raise InvalidInput(
                f"{write.key} has {len(write.data)} bytes; objects of this store have at most {MOST_BYTES}"
            )
        return self._ask(f"object {write.key}", lambda call: self._settle(write, call))

    def _settle(self, write: _Write, call: _Call) -> int:
        """Make a write unless it was made already; return its generation."""
        if write.doubtful and (generation := self._own_generation(write, call)) is not None:
            return generation
        before, write.doubtful = write.doubtful, True
        try:
            return self._upload(write, call)
        except TooManyRequests:
            write.doubtful = before
            raise
        except PreconditionFailed:
            generation = self._own_generation(write, call)
        if generation is None:
            raise Conflict(f"{write.key} was changed and changed back by others while it was written")
        return generation

    def _upload(self, write: _Write, call: _Call) -> int:
        blob = self._blob(write.key)
        blob.metadata = {WRITE_ID: write.own}
        blob.cache_control = "no-store"
        blob.upload_from_string(
            write.data,
            content_type=self._content_type,
            if_generation_match=write.expected,
            checksum="crc32c",
            timeout=call.timeout,
            retry=None,
        )
        return _generation(blob)

    def _own_generation(self, write: _Write, call: _Call) -> int | None:
        """Return the generation of a write that was made, None if it was not and still can be.

        Raises
        ------
        Conflict
            Another write was made.
        """
        blob = self._blob(write.key)
        try:
            blob.reload(timeout=call.timeout, retry=None)
        except NotFound as error:
            _require_absent_object(error)
            found, writer = 0, None
        else:
            found, writer = _generation(blob), _writer(blob)
        if writer == write.own:
            return found
        if found != write.expected:
            names = [f"generation {number}" if number else "no object" for number in (found, write.expected)]
            raise Conflict(f"{write.key} has {names[0]}; expected was {names[1]}")
        return None

    def _read(self, key: str, call: _Call) -> Stored | None:
        blob = self._blob(key)
        try:
            data = blob.download_as_bytes(raw_download=True, checksum="crc32c", timeout=call.timeout, retry=None)
        except NotFound as error:
            _require_absent_object(error)
            return None
        return Stored(data, _generation(blob))

    def _remove(self, key: str, call: _Call) -> None:
        try:
            self._blob(key).delete(timeout=call.timeout, retry=None)
        except NotFound as error:
            _require_absent_object(error)

    def _list(self, prefix: str, call: _Call) -> list[str]:
        blobs = self._bucket.list_blobs(
            prefix=self._root + prefix, fields="items(name),nextPageToken", timeout=call.timeout, retry=None
        )
        keys = (blob.name.removeprefix(self._root) for blob in blobs)
        return sorted(key for key in keys if is_key(key))

    def _date(self, call: _Call) -> datetime:
        response = self._session.get(self._clock_url, params={"fields": "generation"}, timeout=call.timeout)
        if response.status_code != http.client.NOT_FOUND or ABSENT not in response.text:
            raise from_http_response(response)
        date = response.headers.get("Date")
        if date is None:
            raise StoreError(f"{self._clock_url} was answered without the time; use an endpoint that sends Date")
        return parsedate_to_datetime(date).astimezone(UTC)

    def _blob(self, key: str) -> Any:
        return self._bucket.blob(self._root + key)


def _session(endpoint: str | None, seconds: float) -> AuthorizedSession:
    credentials = _credentials() if endpoint is None else AnonymousCredentials()
    session = AuthorizedSession(credentials, refresh_timeout=seconds)
    session.trust_env = endpoint is None
    # Neither Google's server nor an emulator sends anyone elsewhere.
    session.max_redirects = 0
    return session


def _credentials() -> Any:
    find = cast(Callable[..., tuple[Any, Any]], google.auth.default)  # pyright: ignore[reportUnknownMemberType]
    try:
        return find(scopes=[SCOPE])[0]
    except GoogleAuthError as error:
        raise StoreError(f"no credentials for Cloud Storage: {_line(error)}") from error


def _generation(blob: Any) -> int:
    if blob.generation is None:
        raise StoreError(f"{blob.name} was answered without its generation; use an endpoint that sends generations")
    return blob.generation


def _writer(blob: Any) -> str | None:
    return blob.metadata.get(WRITE_ID) if blob.metadata else None


def _require_absent_object(error: NotFound) -> None:
    """Raise the error again unless it says that the object, not its bucket or the service, is not there."""
    if ABSENT not in str(error):
        raise error


def _can_pass(error: Exception) -> bool:
    if isinstance(error, GoogleAPICallError):
        return error.code in PASSING
    return isinstance(error, LOST) or (isinstance(error, GoogleAuthError) and bool(getattr(error, "retryable", False)))


def _reason(error: Exception) -> str:
    """Say in one line what failed: what the service said, where it said something."""
    if not isinstance(error, GoogleAPICallError):
        return _line(error)[:LONGEST_REASON]
    answered = cast(Any, error)
    try:
        said = answered.response.json()["error"]["message"]
    except (AttributeError, ValueError, TypeError, KeyError):
        said = getattr(answered.response, "text", None) or answered.message
    return f"{answered.code} {_line(said)[:LONGEST_REASON]}"


def _line(error: object) -> str:
    return " ".join(str(error).split())
