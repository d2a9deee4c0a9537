"""Snapshots in Cloud Storage: published by the command, read by a service, and what a service makes of failures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.snapshot_places import SnapshotSettings
from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.domain.errors import StoreError
from venue_sandbox.servers.launch import Server

from chaos.snapshot_site import CALENDAR, LAST, PROFILE, STRATEGY, Site, days

Start = Callable[..., Server]


@pytest.fixture
def emulator(start: Start) -> Server:
    """Return an emulator that takes one change of an object a second, as the service does."""
    return start("cloud.storage", "--bucket", "snapshots")


@pytest.fixture
def site(emulator: Server, tmp_path: Path) -> Site:
    (tmp_path / "chaos.py").write_text(STRATEGY)
    return Site(tmp_path, "gs://snapshots/live/x", f"http://127.0.0.1:{emulator.port}")


def snapshots(site: Site, command: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    mine = () if command in ("list", "prune") else ("--strategy", f"{site.folder / 'chaos.py'}:Chaos")
    code = "from snapshot_pipelines.cli.main import main; main()"
    words = [sys.executable, "-c", code, command, *map(str, arguments), *mine]
    environment = {"STORAGE_EMULATOR_HOST": str(site.endpoint), "PATH": ""}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment)


def test_snapshots_are_published_to_a_bucket_and_read_from_it(site: Site, emulator: Server) -> None:
    first, second = days(2)
    roots = [site.make(day) for day in (first, second)]
    done = [snapshots(site, "publish", root, "--to", site.target, "--json") for root in roots]
    assert [one.returncode for one in done] == [0, 0], done[1].stderr
    assert [json.loads(one.stdout)["as_of"] for one in done] == [str(first), str(second)]
    before = emulator.requests()["insert"]
    again = snapshots(site, "publish", roots[1], "--to", site.target)
    assert "nothing to publish" in again.stdout
    assert emulator.requests()["insert"] == before, "nothing was written"
    found = site.loader().read(site.strategy, [first, LAST])
    assert [reading.snapshot and reading.snapshot.as_of for reading in found] == [first, second]
    listed = json.loads(snapshots(site, "list", site.target, "--json").stdout)["snapshots"]
    assert [one["latest"] for one in listed] == [False, True]
    pulled = snapshots(site, "pull", f"{site.target}@{first}", "--out", site.folder / "pulled")
    assert pulled.returncode == 0, pulled.stderr
    pruned = snapshots(site, "prune", site.target, "--keep", "2", "--json")
    assert json.loads(pruned.stdout)["kept"] == 2


def test_a_bucket_that_is_not_there_is_the_stores_failure_and_an_object_is_not(site: Site) -> None:
    def read(target: str) -> object:
        settings = SnapshotSettings("CHAOS", f"{target}/{latest_key(PROFILE)}")
        return FeatureLoader(settings, CALENDAR, endpoint=site.endpoint).read(site.strategy, [LAST])[0].refused

    assert str(read(site.target)).startswith(f"feature snapshot chaos: no manifest at {site.target}/")
    with pytest.raises(StoreError, match=r"cannot be read: .*404 The specified bucket does not exist"):
        read("gs://absent-bucket/live")
