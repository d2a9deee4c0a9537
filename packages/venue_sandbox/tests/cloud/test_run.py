"""The parts of the Cloud Run emulator that need no network and no process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from venue_sandbox.cloud.rest import ApiError
from venue_sandbox.cloud.run.__main__ import main
from venue_sandbox.cloud.run.builders import Registry, Venvs, builder_named
from venue_sandbox.cloud.run.environment import version_name
from venue_sandbox.cloud.run.faults import RunFault, RunFaults, RunKind
from venue_sandbox.cloud.run.fields import LATEST, NAMED, masked, normal, paths
from venue_sandbox.cloud.run.knative.reading import read
from venue_sandbox.cloud.run.requests import page
from venue_sandbox.cloud.run.specs import check_names, check_template, filled
from venue_sandbox.cloud.run.traffic import Split, Target, check, resolved
from venue_sandbox.servers.faults import FaultError

IMAGE = "registry/app@sha256:0a"
WEB = "projects/p/locations/l/services/web"


def target(revision: str = "", percent: int = 0, tag: str = "") -> dict[str, Any]:
    kind = {"type": NAMED, "revision": revision} if revision else {"type": LATEST}
    return {**kind, "percent": percent, "tag": tag}


def template(*env: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return filled({"template": {"containers": [{"image": IMAGE, "env": list(env)}], **changes}}, "p")["template"]


# --- fields --------------------------------------------------------------------------------------


def test_the_same_service_reads_the_same_however_it_is_written() -> None:
    one = {
        "launch_stage": 4,
        "labels": {},
        "description": "",
        "traffic": [{"type": 1, "percent": 100, "revision": ""}],
        "template": {"max_instance_request_concurrency": 0, "containers": [{"env": [{"name": "A", "value": ""}]}]},
    }
    other = {
        "launchStage": "GA",
        "etag": '"1"',
        "generation": "7",
        "traffic": [{"type": LATEST, "percent": "100", "tag": None}],
        "template": {"containers": [{"env": [{"value": "", "name": "A"}]}]},
    }
    assert normal(one) == normal(other)
    assert normal(other)["template"]["containers"][0]["env"] == [{"name": "A", "value": ""}]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "service is [], but it is a JSON object"),
        ({"colour": 1}, "Unknown name \"colour\" at 'service'"),
        ({"template": {"containers": [{"port": 1}]}}, "Unknown name \"port\" at 'service.template.containers[0]'"),
        ({"template": []}, "service.template is [], but it is a JSON object"),
        ({"traffic": {}}, "service.traffic is {}, but it is a list"),
        ({"traffic": [{"type": 3}]}, "service.traffic[0].type is 3, but it is one of"),
        ({"traffic": [{"percent": 1.5}]}, "service.traffic[0].percent is 1.5, but it is a whole number"),
        ({"labels": {"a": 1}}, "service.labels.a is 1, but it is a text"),
        ({"description": 7}, "service.description is 7, but it is a text"),
        ({"invokerIamDisabled": "yes"}, "service.invokerIamDisabled is 'yes', but it is true or false"),
        ({"template": {"volumes": [{"name": "v"}]}}, "service.template.volumes is not served"),
    ],
)
def test_a_document_that_is_no_service_is_refused_with_what_is_wrong(document: Any, message: str) -> None:
    with pytest.raises(ApiError) as refused:
        normal(document)
    assert message in refused.value.message


def test_a_mask_takes_what_it_names_and_resets_what_is_left_out() -> None:
    before = {"labels": {"a": "1"}, "template": {"timeout": "5s", "revision": "web-1"}, "description": "x"}
    after = {"labels": {"b": "2"}, "template": {"timeout": "9s"}}
    assert masked(before, after, paths("labels")) == {**before, "labels": {"b": "2"}}
    nested = masked(before, after, paths("template.revision, template.timeout,etag"))
    assert nested == {**before, "template": {"timeout": "9s"}}
    assert masked(before, after, paths("description"))["template"] == before["template"]
    assert masked(before, after, paths("*")) == masked(before, after, paths(None)) == after
    for mask in ("colour", "template.colour", "template.containers.image", "labels.a"):
        with pytest.raises(ApiError, match="updateMask is"):
            paths(mask)


# --- what a service must be ----------------------------------------------------------------------


def test_a_service_is_given_what_its_owner_left_out() -> None:
    made = filled({"template": {"containers": [{"image": IMAGE}], "timeout": "9s"}}, "p")
    assert made["traffic"] == [{"type": LATEST, "percent": 100}]
    assert (made["template"]["timeout"], made["template"]["serviceAccount"]) == (
        "9s",
        "p-compute@developer.gserviceaccount.com",
    )
    assert filled(made, "p") == made


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ([{"name": "K_SERVICE", "value": "x"}], "reserved env names were provided: K_SERVICE"),
        ([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}], "each name is there once"),
        ([{"name": "A=", "value": "1"}], "it has no space and no ="),
        ([{"name": "A", "value": "a\0b"}], "it has no zero byte"),
        ([{"value": "1"}], r"env\[0\].name is ''"),
        ([{"name": "A", "value": "", "valueSource": {"secretKeyRef": {"secret": "s"}}}], "a value or a secret"),
        ([{"name": "A", "valueSource": {"secretKeyRef": {"version": "1"}}}], "it names a secret"),
    ],
)
def test_variables_that_make_no_sense_are_refused(env: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        check_template(template(*env))


def test_names_times_and_containers_have_their_limits() -> None:
    check_names("web", "web-1")
    check_template(template())
    for identity, revision in (("Web", None), ("w" * 50, None), ("web", "other-1"), ("web", "web-" + "x" * 60)):
        with pytest.raises(ApiError):
            check_names(identity, revision)
    for changes in ({"timeout": "0s"}, {"timeout": "3601s"}, {"timeout": "soon"}, {"containers": [{}]}):
        with pytest.raises(ApiError):
            check_template(template(**changes))


def test_a_secret_is_of_the_services_own_project_unless_it_says_otherwise() -> None:
    assert version_name({"secret": "s"}, "p") == "projects/p/secrets/s/versions/latest"
    assert version_name({"secret": "projects/q/secrets/s", "version": "7"}, "p") == "projects/q/secrets/s/versions/7"


# --- traffic -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        ([target("web-1", 99)], "add up to 100"),
        ([target("web-1", 101), target("web-2", -1)], "add up to 100"),
        ([target("web-3", 100)], "there is no such revision"),
        ([target("web-1", 100), target("web-2", tag="a"), target("web-1", tag="a")], "one target has it at most"),
        ([target("web-1", 100), target("web-2", tag="A")], "a tag has small letters"),
        ([{**target("web-1", 100), "type": LATEST}], "names none"),
    ],
)
def test_traffic_that_makes_no_sense_is_refused(traffic: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        check(traffic, {"web-1", "web-2"})


def test_targets_follow_the_latest_revision_or_the_one_they_name() -> None:
    found = resolved([target(percent=90), target("web-1", 10, "old")], "web-2")
    assert found == [Target(True, "web-2", 90, ""), Target(False, "web-1", 10, "old")]
    assert found[0].document(None) == {"type": LATEST, "percent": 90}
    shown = {"type": NAMED, "revision": "web-1", "percent": 10, "tag": "old", "uri": "http://here"}
    assert found[1].document("http://here") == shown


def test_of_any_hundred_requests_each_target_gets_its_percent() -> None:
    split, targets = Split(), [Target(False, "a", 70, ""), Target(False, "b", 25, ""), Target(True, "b", 5, "t")]
    served = [split.next(targets) for _ in range(250)]
    assert [served[begin : begin + 100].count("a") for begin in (0, 37, 150)] == [70, 70, 70]
    assert Split().next([Target(False, "a", 0, "t")]) is None


# --- images --------------------------------------------------------------------------------------


def test_an_image_is_found_by_its_digest_only(tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    file.write_text(json.dumps({"sha256:0a": ["python", "-m", "app"]}))
    registry = Registry(file)
    found = registry.find(IMAGE)
    assert found is not None
    assert found.words == ["python", "-m", "app"]
    assert [registry.find(image) for image in ("registry/app@sha256:0b", "registry/app:latest", "")] == [None] * 3


@pytest.mark.parametrize("words", ["python", [], [1], {}])
def test_an_entry_of_the_registry_that_is_no_command_is_told(tmp_path: Path, words: Any) -> None:
    (tmp_path / "registry.json").write_text(json.dumps({"sha256:0a": words}))
    with pytest.raises(ValueError, match="the words of sha256:0a are"):
        Registry(tmp_path / "registry.json").find(IMAGE)


def test_an_environment_is_found_in_its_repository_by_the_digest_of_its_image(tmp_path: Path) -> None:
    place = tmp_path / "registry_app" / "4f2c"
    (place / "lib/python3.11/site-packages/web_app-1.0.dist-info").mkdir(parents=True)
    (place / "image.json").write_text(json.dumps({"digest": "sha256:0a"}))
    venvs = Venvs(tmp_path)
    assert venvs.find(IMAGE) is None, "nothing in it was installed from a folder"
    origin = place / "lib/python3.11/site-packages/web_app-1.0.dist-info/direct_url.json"
    origin.write_text(json.dumps({"url": "file:///app", "dir_info": {}}))
    found = venvs.find(IMAGE)
    assert found is not None
    assert (list(found.words), found.env["COMMIT_SHA"]) == ([str(place / "bin/python"), "-m", "web_app"], "4f2c")
    assert venvs.find("registry/other@sha256:0a") is None


@pytest.mark.parametrize("name", ["venv:/nowhere", "registry:/nowhere", "docker", "venv:"])
def test_a_builder_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not venv:FOLDER of a folder that is there"):
        builder_named(name)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--builder", "docker"], "docker is not venv:FOLDER"),
        (["--start-timeout", "soon"], "soon is not a number from 0 on"),
        (["--operation-delay", "-1"], "-1 is not a number from 0 on"),
        (["--secrets", "https://secretmanager.googleapis.com"], "is not http://127.0.0.1:PORT"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(
    words: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["run", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, message in capsys.readouterr().err) == (2, True)


# --- faults and lists ----------------------------------------------------------------------------


def test_a_fault_hits_its_service_and_operation_as_often_as_it_says() -> None:
    faults = RunFaults()
    faults.add(RunFault.read({"kind": "forbidden", "service": "web", "operation": "patch", "skip": 1, "times": None}))
    kind = RunKind.FORBIDDEN
    asked = [(WEB, "get"), ("projects/p/locations/l/services/other", "patch"), (WEB, "patch"), (WEB, "patch")]
    assert [faults.take(kind, name, operation) is not None for name, operation in asked] == [False, False, False, True]
    assert faults.take(kind, "web", "patch") is not None
    assert faults.take(RunKind.START_FAILS, WEB) is None
    faults.clear()
    assert faults.take(kind, WEB, "patch") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "start_fails", "operation": "patch"},
        {"kind": "start_fails", "times": 0},
        {"kind": "start_fails", "skip": -1},
        {"kind": "start_fails", "service": 7},
        {"kind": "ready_late", "seconds": "soon"},
        {"kind": "etag_moves", "labels": ["a"]},
        {"kind": "etag_moves", "labels": {"a": 1}},
        {"kind": "forbidden", "operation": "quake"},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        RunFault.read(fields)


def test_a_list_comes_in_pages_and_ends() -> None:
    entries: list[dict[str, object]] = [{"n": n} for n in range(5)]
    first, token = page(entries, "2", "")
    second, following = page(entries, "3", token)
    assert (first + second, following) == (entries, "")
    with pytest.raises(ApiError, match="pageToken is 'x'"):
        page(entries, "0", "x")


# --- version 1 -----------------------------------------------------------------------------------


def knative(**changes: Any) -> dict[str, Any]:
    container = {"image": IMAGE, "resources": {"limits": {"cpu": "1"}}, **changes.pop("container", {})}
    metadata = {"annotations": changes.pop("annotations", {})}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "web", **changes.pop("metadata", {})},
        "spec": {"template": {"metadata": metadata, "spec": {"containers": [container]}}, **changes},
    }


def test_annotations_of_version_1_are_fields_of_version_2() -> None:
    made = read(
        knative(
            metadata={"annotations": {"run.googleapis.com/ingress": "internal", "own": "1", "x.knative.dev/y": "z"}},
            annotations={"autoscaling.knative.dev/maxScale": "3", "run.googleapis.com/startup-cpu-boost": "true"},
            traffic=[{"latestRevision": True, "percent": 100}],
        )
    )
    assert (made["ingress"], made["annotations"]) == ("INGRESS_TRAFFIC_INTERNAL_ONLY", {"own": "1"})
    assert made["template"]["scaling"] == {"maxInstanceCount": 3}
    assert made["template"]["containers"][0]["resources"]["startupCpuBoost"] is True
    assert made["traffic"] == [{"type": LATEST, "percent": 100}]
    assert made["knative"] == {"x.knative.dev/y": "z"}


def test_a_secret_of_another_project_has_another_name_in_version_1() -> None:
    reference = {"name": "D", "valueFrom": {"secretKeyRef": {"name": "alias", "key": "3"}}}
    annotations = {"run.googleapis.com/secrets": "alias:projects/9/secrets/other"}
    made = read(knative(container={"env": [reference]}, annotations=annotations))
    variable = {"name": "D", "valueSource": {"secretKeyRef": {"secret": "projects/9/secrets/other", "version": "3"}}}
    assert made["template"]["containers"][0]["env"] == [variable]


@pytest.mark.parametrize(
    "document",
    [
        {**knative(), "colour": 1},
        knative(colour=1),
        knative(traffic={}),
        knative(metadata={"annotations": {"run.googleapis.com/custom-audiences": "["}}),
        knative(annotations={"run.googleapis.com/secrets": "alias"}),
        {"metadata": []},
    ],
)
def test_a_document_that_is_no_service_of_version_1_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ApiError):
        read(document)
