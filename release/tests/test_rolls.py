"""What a bundle may say of workloads that are rolled."""

from __future__ import annotations

from pathlib import Path

import pytest
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import InvalidInput
from quant_release.bundle import Bundle, check_bundle, read_bundle
from quant_release.demo.baseline import BUNDLE
from quant_release.repository.workspace import Workspace, read_workspace
from quant_release.testing.rehearsal import rehearsal_in
from quant_release.testing.rolled import COMPOSE, KUBERNETES, bundle_of


@pytest.fixture(scope="module")
def workspace(built: Path) -> Workspace:
    return read_workspace(rehearsal_in(built).git, "HEAD")


@pytest.mark.parametrize(
    ("rolls", "old", "new", "said"),
    [
        (KUBERNETES, 'namespace = "events"\n', "", "rolls.events: namespace is missing, which kubernetes needs"),
        (KUBERNETES, "by = ", 'project = "a"\nby = ', "rolls.events: project is not of kubernetes; remove it"),
        (COMPOSE, "by = ", 'namespace = "a"\nby = ', "rolls.futures: namespace is not of compose; remove it"),
        (COMPOSE, 'image_env = "RELAY_IMAGE"\n', "", "image_env is missing, which compose needs"),
        (KUBERNETES, "statefulset/archiver", "archiver", "workload 'archiver' is not deployment/NAME or stateful"),
        (KUBERNETES, "statefulset/archiver", "deployment/ingestor", "workload 'deployment/ingestor' is named twice"),
        (COMPOSE, "tq_monitor", "-x", "workload '-x' is not the name of a service of the compose file"),
        (KUBERNETES, '"kubernetes"', '"nomad"', "rolls.events.by is 'nomad'"),
        (KUBERNETES, "workloads = [", "workloads = []\nothers = [", "rolls.events.workloads is \\[\\]"),
        (
            KUBERNETES,
            'platform = "relay"',
            'platform = "ibkr"',
            "'ibkr' is not among the platforms: relay",
        ),
        (COMPOSE, "scripts/compose.yml", "../compose.yml", "compose_file ../compose.yml is no file of the checkout"),
        (COMPOSE, "scripts/compose.yml", "scripts/none.yml", "compose_file scripts/none.yml is no file of the check"),
        (COMPOSE, '"RELAY_IMAGE"', '"OTHER"', "scripts/compose.yml does not name its image by \\${OTHER}"),
        (KUBERNETES + KUBERNETES.replace("rolls.events", "rolls.two"), "zzz", "", "roll two: roll events has a work"),
    ],
)
def test_a_roll_that_cannot_be_meant_is_refused_in_one_line(
    tmp_path: Path, workspace: Workspace, built: Path, rolls: str, old: str, new: str, said: str
) -> None:
    path = tmp_path / f"{BUNDLE}.toml"
    path.write_text(bundle_of(rolls.replace(old, new, 1)))
    with pytest.raises(InvalidInput, match=said) as error:
        check_bundle(read_bundle(path), workspace, built / "work")
    assert "\n" not in str(error.value)


def test_a_service_of_cloud_run_is_not_rolled(tmp_path: Path, workspace: Workspace) -> None:
    path = tmp_path / f"{BUNDLE}.toml"
    path.write_text(bundle_of(KUBERNETES.replace('"relay"', '"ibkr"')).replace('["relay"]', '["ibkr"]'))
    with pytest.raises(InvalidInput, match=r"apps/ibkr is a service of Cloud Run, which is moved below \[services\]"):
        check_bundle(read_bundle(path), workspace, tmp_path)


def test_the_digest_of_a_bundle_without_rolls_is_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / f"{BUNDLE}.toml"
    path.write_text(bundle_of(""))
    bundle = read_bundle(path)
    path.write_text(bundle_of(KUBERNETES))
    with_rolls: Bundle = read_bundle(path)
    assert bundle.digest == sha256(bundle.model_dump_json(exclude={"url", "rolls"}).encode())
    assert with_rolls.digest != bundle.digest
