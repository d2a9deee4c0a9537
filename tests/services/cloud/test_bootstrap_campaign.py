"""A small part of ``python -m chaos.hetzner``; chaos/RESULTS.md has the whole of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from chaos.hetzner.campaign import Case, length, tried
from chaos.hetzner.site import Site, checkout, secrets_file


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkout(tmp_path_factory.mktemp("pristine"))


@pytest.fixture(scope="module")
def measured(pristine: Path) -> tuple[int, int]:
    return length(pristine)


@pytest.mark.parametrize("kind", ["kill-after", "kill-inside", "wrong"])
def test_a_bootstrap_that_meets_a_fault_ends_with_one_of_everything(
    kind: str, pristine: Path, measured: tuple[int, int], tmp_path: Path
) -> None:
    calls, applied = measured
    inside = "server" if kind == "kill-inside" else ""
    verdict = tried(Case(kind, applied if inside else calls // 2, inside), pristine, tmp_path)
    assert verdict.faults == ()


def test_a_server_that_was_made_and_not_written_down_is_found_not_made_again(
    pristine: Path, measured: tuple[int, int], tmp_path: Path
) -> None:
    site = Site(tmp_path, pristine)
    site.meet(measured[1], "kill-inside")
    assert site.run(INSIDE="server").status < 0
    assert site.world["cloud"]["server"], "it was made"
    assert site.run().status == 0
    assert "import hcloud_server.node" in site.world["writes"]
    assert site.world["writes"].count("create server") == 1


def test_a_runner_that_deploys_is_not_taken_back_by_a_bootstrap(pristine: Path, tmp_path: Path) -> None:
    site = Site(tmp_path, pristine)
    assert site.run().status == 0
    world, newer = site.world, f"sha256:{64 * '9'}"
    world["objects"]["services"] = world["registry"]["newer"] = newer
    (site.world_folder / "world.json").write_text(json.dumps(world))
    site.write_secrets(secrets_file(EVENT_TRADING_NEAR_TOKEN="another"))
    assert site.run().status == 0
    assert site.world["objects"]["services"] == newer
    assert site.world["writes"][len(world["writes"]) :] == ["apply secret/event-trading/event-trading-token"]
