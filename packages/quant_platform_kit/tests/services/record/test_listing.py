"""Keys that are listed in one step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.adapters.sql_store import SqlStore
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.record.listing import Listing


@pytest.mark.parametrize("open_at", [FileStore, lambda folder: SqlStore(f"sqlite:///{folder}/store.sqlite")])
def test_a_listing_says_what_the_store_has(tmp_path: Path, open_at: Callable[[Path], VersionedStore]) -> None:
    store = open_at(tmp_path)
    for key in ("halts/all/1", "halts/x/1", "cancels/a", "cancels/ab", "other/1"):
        store.create(key, b"")
    listing = Listing(store, ("halts/", "cancels/a"))
    store.create("halts/later/1", b"")
    assert listing.keys("halts/") == ["halts/all/1", "halts/x/1"]
    assert listing.keys("halts/all/") == ["halts/all/1"]
    assert listing.keys("cancels/ab") == ["cancels/ab"]
    with pytest.raises(LookupError, match="other/ were not listed"):
        listing.keys("other/")
