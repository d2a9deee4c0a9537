"""Where published snapshots are: a folder, as a path or ``file:///folder``, or ``gs://bucket/prefix``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.adapters.store_keys import TIMEOUT_SECONDS
from quant_platform_kit.adapters.stores import open_gs
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.ports.snapshot_store import SnapshotStore

__all__ = ["open_snapshots", "split_address"]


def open_snapshots(
    root: str, *, endpoint: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS
) -> SnapshotStore:
    """Open the store that snapshots are published to.

    Parameters
    ----------
    root
        One of the addresses above.
    endpoint
        The server that ``gs://`` addresses are asked of instead of Google's; the others need none.

    Raises
    ------
    InvalidInput
        No store has such an address, or the extra that it needs is not installed.
    StoreError
        The store cannot be reached.
    """
    if "://" not in root:
        return PlainFolder(Path(root), timeout_seconds=timeout_seconds)
    parts = urlsplit(root)
    if parts.scheme == "gs":
        return open_gs(root, timeout_seconds=timeout_seconds, endpoint=endpoint)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
        raise InvalidInput(f"{root} is no place of snapshots; write a folder, file:///folder or gs://bucket/prefix")
    return PlainFolder(Path(unquote(parts.path)), timeout_seconds=timeout_seconds)


def split_address(address: str) -> tuple[str, str]:
    """Return the folder of an object and its name in it."""
    folder, slash, name = address.rpartition("/")
    return folder or slash or ".", unquote(name) if address.startswith("file://") else name
