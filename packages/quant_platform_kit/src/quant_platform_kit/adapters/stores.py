"""Which store a URL names.

=============================  ====================================================================================
``file:///folder``             a folder of this machine
``sqlite:///file``             a SQLite file of this machine, relative; ``sqlite:////file`` is absolute
``postgresql+psycopg://...``   a table in a PostgreSQL database, as SQLAlchemy writes its address
``gs://bucket/prefix``         objects in Cloud Storage whose names begin with the prefix
=============================  ====================================================================================
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from quant_platform_kit.adapters.store_keys import TIMEOUT_SECONDS
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.ports.versioned_store import VersionedStore

__all__ = ["open_gs", "open_store"]

if TYPE_CHECKING:
    from quant_platform_kit.adapters.gs_store import GsStore


def open_store(url: str, *, timeout_seconds: float = TIMEOUT_SECONDS, endpoint: str | None = None) -> VersionedStore:
    """Open the store that a URL names.

    Parameters
    ----------
    url
        One of the addresses above.
    timeout_seconds
        How long one call may take; in a folder, how long it waits for others.
    endpoint
        For ``gs://`` only: the server to ask instead of Google's, without credentials, such as an emulator's
        ``http://127.0.0.1:9023``.

    Raises
    ------
    InvalidInput
        No store has such a URL, or the extra that it needs is not installed.
    StoreError
        The store cannot be reached.
    """
    parts = urlsplit(url)
    if endpoint is not None and parts.scheme != "gs":
        raise InvalidInput(f"an endpoint, here {endpoint}, is for gs:// stores only; leave it out for {parts.scheme}:")
    if parts.scheme == "file":
        return _open_file(parts, url, timeout_seconds)
    if parts.scheme in ("sqlite", "postgresql+psycopg"):
        return _open_sql(url, timeout_seconds)
    if parts.scheme == "gs":
        return open_gs(url, timeout_seconds=timeout_seconds, endpoint=endpoint)
    raise InvalidInput(
        f"no store has a URL that starts with {parts.scheme or url.partition('/')[0]!r}; "
        "use file:///folder, sqlite:///file, postgresql+psycopg://user@host/database or gs://bucket/prefix"
    )


def _open_file(parts: SplitResult, url: str, timeout_seconds: float) -> VersionedStore:
    from quant_platform_kit.adapters.file_store import FileStore

    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise InvalidInput(f"store URL {url}: write a folder as file:///absolute/path")
    return FileStore(Path(unquote(parts.path)), timeout_seconds=timeout_seconds)


def _open_sql(url: str, timeout_seconds: float) -> VersionedStore:
    try:
        from quant_platform_kit.adapters.sql_store import SqlStore
    except ImportError as error:
        raise _missing("sql", url, error) from error
    return SqlStore(url, timeout_seconds=timeout_seconds)


def open_gs(
    url: str,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
    endpoint: str | None = None,
    content_type: str = "application/octet-stream",
) -> GsStore:
    """Open the store in Cloud Storage that a URL names, with objects of a type; see `open_store` and `GsStore`."""
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment:
        raise InvalidInput(f"store URL {url}: write it as gs://bucket or gs://bucket/prefix")
    try:
        from quant_platform_kit.adapters.gs_store import GsStore
    except ImportError as error:
        raise _missing("gcp", url, error) from error
    name = parts.path.strip("/")
    return GsStore(parts.netloc, name, timeout_seconds=timeout_seconds, endpoint=endpoint, content_type=content_type)


def _missing(extra: str, url: str, error: ImportError) -> InvalidInput:
    scheme = url.partition(":")[0]
    return InvalidInput(f"a {scheme}: store needs {error.name or error}: install quant-platform-kit[{extra}]")
