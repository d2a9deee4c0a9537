"""kubectl and compose, asked and told: what they say of a workload, and what they are told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from quant_release.rolling.compose import Compose
from quant_release.rolling.kubernetes import Kubernetes
from quant_release.rolling.workloads import Absent, RollerError
from quant_release.rolls import Roll
from quant_release.testing.clusters import Cluster

REPOSITORY = "registry.invalid/relay"
BEFORE, AFTER = (f"{REPOSITORY}@sha256:{64 * one}" for one in "ab")
ROLL: dict[str, Any] = {"platform": "relay", "image": REPOSITORY}
NAME = "statefulset/executor"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(tmp_path)
    made.install("RELAY_IMAGE")
    (tmp_path / "docker").symlink_to("containers")
    made.add(f"events {NAME}", BEFORE)
    made.add("futures monitor", BEFORE)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return made


@pytest.fixture
def kubernetes(cluster: Cluster) -> Kubernetes:
    roll = Roll(**ROLL, by="kubernetes", context="single", namespace="events", workloads=(NAME,))
    return Kubernetes(roll, cluster.folder, 5.0)


@pytest.fixture
def compose(cluster: Cluster) -> Compose:
    told = {"project": "futures", "compose_file": "compose.yml", "image_env": "RELAY_IMAGE", "workloads": ("monitor",)}
    return Compose(Roll.model_validate({**ROLL, **told, "by": "compose", "context": "there"}), cluster.folder, 5.0)


def test_kubectl_sets_an_image_and_waits_for_the_rollout(cluster: Cluster, kubernetes: Kubernetes) -> None:
    assert kubernetes.running(NAME).has(BEFORE)
    kubernetes.give(NAME, AFTER)
    assert not kubernetes.wait(NAME, AFTER, 60)
    assert kubernetes.running(NAME).has(AFTER)
    start = "kubectl --context single --namespace events"
    assert cluster.calls()[2:4] == list(kubernetes.commands(NAME, AFTER, 60))
    assert kubernetes.commands(NAME, AFTER, 60) == (
        f"{start} set image {NAME} service={AFTER}",
        f"{start} rollout status {NAME} --timeout 60s",
    )


def test_a_rollout_that_timed_out_is_final_and_a_cluster_that_is_away_is_not(
    cluster: Cluster, kubernetes: Kubernetes
) -> None:
    cluster.edit(f"events {NAME}", ready=False)
    assert kubernetes.wait(NAME, AFTER, 1)
    cluster.fail(1, "fail")
    assert not kubernetes.wait(NAME, AFTER, 1)
    assert kubernetes.running(NAME).unready == "0 of 1 ready"


def test_a_workload_without_replicas_is_not_ready(cluster: Cluster, kubernetes: Kubernetes) -> None:
    cluster.edit(f"events {NAME}", replicas=0, runs=[])
    running = kubernetes.running(NAME)
    assert (running.unready, running.image, running.text) == ("it has no replica", None, "nothing")


def test_a_container_of_another_name_is_named(cluster: Cluster) -> None:
    roll = Roll(**ROLL, by="kubernetes", namespace="events", container="app", workloads=(NAME,))
    with pytest.raises(RollerError, match="executor has no container app: name the one to set as container"):
        Kubernetes(roll, cluster.folder, 5.0).running(NAME)


def test_compose_pulls_and_replaces_one_service_with_the_image_in_its_variable(
    cluster: Cluster, compose: Compose
) -> None:
    cluster.change(lambda world: world.update(late=1))
    assert compose.running("monitor").has(BEFORE)
    compose.give("monitor", AFTER)
    assert compose.running("monitor").unready == "its container is starting"
    assert compose.running("monitor").has(AFTER)
    start = "docker --context there compose --project-name futures --file compose.yml"
    assert cluster.calls()[2:4] == [f"{start} pull monitor", f"{start} up --detach --no-deps monitor"]
    assert compose.commands("monitor", AFTER, 9)[0] == f"RELAY_IMAGE={AFTER} {start} pull monitor"


def test_a_tag_is_known_by_the_digest_of_its_own_repository(
    cluster: Cluster, compose: Compose, kubernetes: Kubernetes
) -> None:
    tagged = f"{REPOSITORY}:v1"
    cluster.edit("futures monitor", told=tagged, runs=[tagged], node=BEFORE)
    cluster.edit(f"events {NAME}", told=tagged, runs=[tagged], node=BEFORE)
    for running in (compose.running("monitor"), kubernetes.running(NAME)):
        assert (running.image, running.told, running.has(BEFORE)) == (BEFORE, tagged, False)
    for name in ("futures monitor", f"events {NAME}"):
        cluster.edit(name, node="")
    assert compose.running("monitor").text == f"{REPOSITORY}@no digest"


def test_what_is_not_there_is_absent(cluster: Cluster, compose: Compose, kubernetes: Kubernetes) -> None:
    with pytest.raises(Absent, match="other is not there"):
        compose.running("other")
    with pytest.raises(Absent, match="deployment/other is not there"):
        kubernetes.running("deployment/other")
    cluster.edit("futures monitor", runs=[])
    with pytest.raises(Absent, match="monitor is not there: it has no container"):
        compose.running("monitor")
