"""The Cloud Run emulator as Google's client and the callers of its services find it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import venv
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import google.api_core.exceptions as answers
import pytest
import requests
from google.cloud import run_v2
from venue_sandbox.servers.launch import Server, Unhealthy

from .run_frame import (
    BROKEN,
    FIRST,
    LATEST,
    NAME,
    NOWHERE,
    PARENT,
    POLLING,
    REPOSITORY,
    SECOND,
    SECONDS,
    CloudRun,
    registry,
    secret,
    short,
    tagged,
)

Start = Callable[..., Server]
READY, FAILED = run_v2.Condition.State.CONDITION_SUCCEEDED, run_v2.Condition.State.CONDITION_FAILED
KNATIVE = "/apis/serving.knative.dev/v1/namespaces/house"


@pytest.fixture
def run(start: Start, ports: set[int], tmp_path: Path) -> CloudRun:
    options = ("--builder", f"registry:{registry(tmp_path)}", "--logs", str(tmp_path / "logs"))
    return CloudRun(start("cloud.run", *options), ports)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Whoever takes over the children of a killed server may leave one that has ended unasked for.
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


# --- services and revisions ----------------------------------------------------------------------


def test_a_service_is_created_once_with_a_revision_that_really_runs(run: CloudRun) -> None:
    made = run.create(A="1", EMPTY="")
    assert made == run.get() == next(iter(run.services.list_services(parent=PARENT)))
    assert (made.generation, made.observed_generation, made.reconciling) == (1, 1, False)
    assert made.terminal_condition.state == READY
    assert made.latest_created_revision == made.latest_ready_revision
    assert [(target.type_, target.percent) for target in made.traffic_statuses] == [(LATEST, 100)]
    seen = run.ask(made.uri, "/a?b=%2F", method="POST", data="text", headers={"X-Own": "7"}).json()
    assert (seen["method"], seen["path"], seen["body"], seen["headers"]["x-own"]) == ("POST", "/a?b=%2F", "text", "7")
    own = {name: seen["env"][name] for name in ("A", "EMPTY", "K_SERVICE", "K_REVISION")}
    assert own == {"A": "1", "EMPTY": "", "K_SERVICE": "web", "K_REVISION": short(made.latest_ready_revision)}
    with pytest.raises(answers.Conflict, match="'web' already exists"):
        run.create()


def test_a_mask_writes_what_it_names_and_a_write_without_one_everything(run: CloudRun) -> None:
    before = run.create(A="1")

    def change(service: run_v2.Service) -> None:
        service.description, service.labels = "second", {"team": "blue"}
        service.template.containers[0].env.append({"name": "B", "value": "2"})

    masked = run.write(change, "labels")
    assert (masked.labels, masked.description, masked.template) == ({"team": "blue"}, "", before.template)
    assert (masked.generation, masked.latest_ready_revision) == (2, before.latest_ready_revision)
    whole = run.write(change)
    assert (whole.description, [each.name for each in whole.template.containers[0].env]) == ("second", ["A", "B"])
    assert whole.latest_ready_revision != before.latest_ready_revision
    assert run.served(whole.uri) == short(whole.latest_ready_revision)
    rehearsed = run.services.update_service(
        request={"service": {"name": NAME}, "update_mask": "labels", "validate_only": True}
    )
    assert (rehearsed.result(SECONDS, polling=POLLING).labels, run.get()) == ({}, whole)


def test_a_write_that_was_planned_on_another_version_is_refused_and_changes_nothing(run: CloudRun) -> None:
    stale = run.create()
    run.write(lambda service: service.labels.update(team="blue"))
    before = run.get()
    stale.description = "late"
    with pytest.raises(answers.Conflict, match="but current version is") as refused:
        run.services.update_service(service=stale)
    message = f"Conflict for resource 'web': version '{stale.etag[1:-1]}' was specified but current version is"
    assert refused.value.response.json() == {
        "error": {"code": 409, "message": f"{message} '{before.etag[1:-1]}'.", "status": "ABORTED"}
    }
    with pytest.raises(answers.Conflict):
        run.services.delete_service(request={"name": NAME, "etag": stale.etag})
    assert run.get() == before


def test_of_many_writes_planned_on_one_version_one_takes_place(run: CloudRun) -> None:
    service = run.create()
    orders = [{"etag": service.etag, "labels": {"writer": str(n)}} for n in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda order: run.raw("PATCH", f"/v2/{NAME}?updateMask=labels", order).status_code, orders)
        assert sorted(found) == [200] + [409] * 7
    assert run.get().generation == 2


def test_a_template_that_is_written_back_with_its_old_revision_is_refused(run: CloudRun) -> None:
    run.create()
    service = run.deploy()
    service.template.containers[0].env.append({"name": "B", "value": "2"})
    with pytest.raises(answers.Conflict, match="Revision named 'web-two' with different configuration already exists"):
        run.services.update_service(service=service)
    shifted = run.services.update_service(request={"service": service, "update_mask": "traffic"})
    assert shifted.result(SECONDS, polling=POLLING).template.revision == "web-two"


def test_a_revision_without_traffic_answers_at_its_tag_and_a_tag_without_revision_nothing(run: CloudRun) -> None:
    first = short(run.create().latest_ready_revision)
    service = run.deploy()
    address = tagged(service, "two")
    assert (run.served(service.uri), run.served(address)) == (first, "web-two")
    assert len(run.server.control("GET", "instances")) == 2
    run.shift({"revision": "web-two", "percent": 100})
    assert (run.served(service.uri), run.ask(address).status_code) == ("web-two", 404)
    wait_for(lambda: list(run.server.control("GET", "instances")) == [f"{NAME}/revisions/web-two"])
    moved = run.shift({"revision": "web-two", "percent": 100}, {"revision": first, "tag": "two"})
    assert (tagged(moved, "two"), run.served(address)) == (address, first), "it is started again"


def test_requests_are_shared_by_percent(run: CloudRun) -> None:
    first = short(run.create().latest_ready_revision)
    run.deploy()
    service = run.shift({"revision": first, "percent": 75}, {"revision": "web-two", "percent": 25})
    assert Counter(run.served(service.uri) for _ in range(20)) == {first: 15, "web-two": 5}


def test_revisions_are_listed_newest_first_and_deleted_when_nothing_leads_to_them(run: CloudRun) -> None:
    first = run.create().latest_ready_revision
    service = run.deploy()
    assert [each.name for each in run.revisions.list_revisions(parent=NAME)] == [f"{NAME}/revisions/web-two", first]
    found = run.revisions.get_revision(name=f"{NAME}/revisions/web-two")
    assert (found.containers[0].image, found.service, found.conditions[0].state) == (SECOND, "web", READY)
    for name in (first, found.name):
        with pytest.raises(answers.BadRequest, match="cannot be deleted"):
            run.revisions.delete_revision(name=name)
    run.shift({"revision": "web-two", "percent": 100})
    assert run.revisions.delete_revision(name=first).result(SECONDS, polling=POLLING).name == first
    with pytest.raises(answers.NotFound):
        run.revisions.get_revision(name=first)
    run.services.delete_service(name=NAME).result(SECONDS, polling=POLLING)
    with pytest.raises(answers.NotFound):
        run.get()
    assert run.ask(service.uri).status_code == 404
    wait_for(lambda: run.server.control("GET", "instances") == {})


def test_an_operation_ends_later_and_is_waited_for(start: Start, ports: set[int], tmp_path: Path) -> None:
    options = ("--builder", f"registry:{registry(tmp_path)}", "--operation-delay", "0.6")
    run = CloudRun(start("cloud.run", *options), ports)
    wanted = {"template": {"containers": [{"image": FIRST}]}}
    name = run.services.create_service(parent=PARENT, service=wanted, service_id="web").operation.name
    assert run.raw("GET", f"/v2/{name}").json()["done"] is False
    assert run.raw("POST", f"/v2/{name}:wait", {"timeout": "0.01s"}).json()["done"] is False
    ended = run.raw("POST", f"/v2/{name}:wait", {"timeout": "20s"}).json()
    assert (ended["done"], ended["response"]["name"], ended["metadata"]["@type"][-10:]) == (True, NAME, "v2.Service")
    assert run.raw("GET", f"/v2/{PARENT}/operations").json()["operations"] == [ended]
    assert run.raw("DELETE", f"/v2/{name}").json() == {}
    assert run.raw("GET", f"/v2/{name}").status_code == 404


@pytest.mark.parametrize(
    ("image", "reason", "why"),
    [(BROKEN, "revision_reason", "failed to start and listen"), (NOWHERE, "reason", f"Image '{NOWHERE}' not found")],
)
def test_a_revision_that_cannot_run_leaves_the_traffic_where_it_was(
    run: CloudRun, image: str, reason: str, why: str
) -> None:
    before = run.create()
    with pytest.raises(answers.GoogleAPICallError, match=f"is not ready and cannot serve traffic. .*{why}"):
        run.write(lambda service: setattr(service.template.containers[0], "image", image))
    after = run.get()
    assert (after.terminal_condition.state, after.latest_ready_revision) == (FAILED, before.latest_ready_revision)
    assert getattr(after.terminal_condition, reason) != 0
    assert after.latest_created_revision != after.latest_ready_revision
    assert run.served(after.uri) == short(before.latest_ready_revision)
    with pytest.raises(answers.GoogleAPICallError, match="cannot serve traffic"):
        run.shift({"revision": short(after.latest_created_revision), "percent": 100})
    assert run.served(after.uri) == short(before.latest_ready_revision)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"template": {}}, "template.containers is empty"),
        ({"template": {"containers": [{"image": FIRST}] * 2}}, "More than one container is not served"),
        (
            {"template": {"containers": [{"image": FIRST, "env": [{"name": "PORT", "value": "1"}]}]}},
            "reserved env names",
        ),
        ({"template": {"containers": [{"image": FIRST}], "colour": 1}}, 'Unknown name "colour"'),
        ({"template": {"containers": [{"image": FIRST}], "revision": "x"}}, "begins with fresh-"),
        ({"template": {"containers": [{"image": FIRST}], "volumes": [{"name": "v"}]}}, "volumes is not served"),
        ({"template": {"containers": [{"image": FIRST}]}, "traffic": [{"percent": 99, "type": 1}]}, "add up to 100"),
        ([], "it is a JSON object"),
    ],
)
def test_a_service_that_makes_no_sense_is_refused(run: CloudRun, change: Any, message: str) -> None:
    answer = run.raw("POST", f"/v2/{PARENT}/services?serviceId=fresh", change)
    assert (answer.status_code in (400, 501), message in answer.json()["error"]["message"]) == (True, True), answer.text
    assert run.raw("GET", f"/v2/{PARENT}/services").json() == {"services": []}


def test_an_environment_of_a_rehearsal_is_what_an_image_is(start: Start, ports: set[int], tmp_path: Path) -> None:
    place = tmp_path / REPOSITORY.replace("/", "_") / "4f2c"
    venv.create(place, with_pip=False, symlinks=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "web_app").mkdir()
    (packages / "web_app" / "__main__.py").write_text(Path(__file__).with_name("revision.py").read_text())
    (packages / "web_app-1.0.dist-info").mkdir()
    origin = json.dumps({"url": "file:///build/app", "dir_info": {}})
    (packages / "web_app-1.0.dist-info" / "direct_url.json").write_text(origin)
    (place / "image.json").write_text(json.dumps({"digest": FIRST.partition("@")[2]}))
    run = CloudRun(start("cloud.run", "--builder", f"venv:{tmp_path}"), ports)
    seen = run.ask(run.create().uri).json()["env"]
    assert (seen["COMMIT_SHA"], seen["PATH"].partition(":")[0]) == ("4f2c", str(place / "bin"))
    with pytest.raises(answers.GoogleAPICallError, match="not found"):
        run.create(SECOND, "other")


# --- secrets -------------------------------------------------------------------------------------


def test_secrets_are_read_when_a_revision_starts_and_one_that_cannot_be_read_fails_it(
    start: Start, ports: set[int], tmp_path: Path
) -> None:
    vault = start("cloud.secrets", "--secret", "projects/house/secrets/login=canary-value")
    url = f"http://127.0.0.1:{vault.port}"
    options = ("--builder", f"registry:{registry(tmp_path)}", "--secrets", url, "--logs", str(tmp_path / "logs"))
    run = CloudRun(start("cloud.run", *options), ports)
    full = "projects/house/secrets/login"
    made = run.create(LOGIN=secret("login"), PINNED=secret(full, "1"))
    seen = run.ask(made.uri).json()["env"]
    assert (seen["LOGIN"], seen["PINNED"]) == ("canary-value", "canary-value")
    assert "canary-value" not in run.raw("GET", f"/v2/{NAME}").text
    refusals = [
        ({"kind": "http_error", "status": 403}, "login", f"Permission denied on secret: {full}/versions/latest for"),
        (None, "absent", "Secret projects/house/secrets/absent/versions/latest was not found"),
        ({"kind": "http_error", "status": 500}, "login", f"Secret {full}/versions/latest could not be read"),
    ]
    for n, (fault, name, why) in enumerate(refusals):
        if fault is not None:
            vault.fault(operation="access", **fault)
        with pytest.raises(answers.GoogleAPICallError, match=why) as refused:
            run.create(FIRST, f"web{n}", LOGIN=secret(name))
        assert "spec.template.spec.containers[0].env[0].value_from.secret_key_ref.name: " in str(refused.value)


# --- faults --------------------------------------------------------------------------------------


def test_start_fails_is_a_container_that_does_not_start(run: CloudRun) -> None:
    before = run.create()
    run.server.fault("start_fails", service="web")
    with pytest.raises(answers.GoogleAPICallError, match="failed to start and listen on the port"):
        run.deploy()
    assert run.get().latest_ready_revision == before.latest_ready_revision
    assert short(run.deploy(revision="web-three").latest_ready_revision) == "web-three"


def test_ready_late_keeps_the_service_reconciling_meanwhile(run: CloudRun) -> None:
    before = run.create()
    run.server.fault("ready_late", seconds=0.8)
    service = run.get()
    service.template.containers[0].image = SECOND
    operation = run.services.update_service(service=service)
    during = run.get()
    assert (during.reconciling, during.generation, during.observed_generation) == (True, 2, 1)
    assert run.served(during.uri) == short(before.latest_ready_revision)
    after = operation.result(SECONDS, polling=POLLING)
    assert (after.reconciling, run.served(after.uri)) == (False, short(after.latest_created_revision))


def test_traffic_stays_is_a_success_that_leaves_the_old_revision_serving(run: CloudRun) -> None:
    first = short(run.create().latest_ready_revision)
    run.deploy()
    run.server.fault("traffic_stays")
    shifted = run.shift({"revision": "web-two", "percent": 100})
    assert (shifted.terminal_condition.state, shifted.traffic[0].revision) == (READY, "web-two")
    assert (shifted.traffic_statuses[0].revision, run.served(shifted.uri)) == (first, first)
    again = run.shift({"revision": "web-two", "percent": 100})
    assert (again.traffic_statuses[0].revision, run.served(again.uri)) == ("web-two", "web-two")


def test_operation_hangs_is_a_write_that_took_place_and_never_says_so(run: CloudRun) -> None:
    run.create()
    run.server.fault("operation_hangs", service=NAME)
    service = run.get()
    service.labels = {"team": "blue"}
    name = run.services.update_service(service=service).operation.name
    wait_for(lambda: run.get().observed_generation == 2)
    waited = run.raw("POST", f"/v2/{name}:wait", {"timeout": "0.1s"}).json()
    assert (waited["done"], run.get().labels) == (False, {"team": "blue"})


def test_etag_moves_is_somebody_elses_write_before_ones_own(run: CloudRun) -> None:
    run.create()
    run.server.fault("etag_moves", by="ben@example.com", labels={"team": "red"})
    with pytest.raises(answers.Conflict, match="but current version is"):
        run.write(lambda service: service.labels.update(team="blue"))
    moved = run.get()
    assert (moved.last_modifier, moved.labels) == ("ben@example.com", {"team": "red"})
    wait_for(lambda: run.get().terminal_condition.state == READY)
    assert run.write(lambda service: service.labels.update(team="blue")).labels == {"team": "blue"}


def test_writes_of_one_service_are_carried_out_one_after_the_other(run: CloudRun) -> None:
    run.create()
    run.server.fault("ready_late", seconds=0.8)
    run.server.fault("etag_moves", skip=1)
    service = run.get()
    service.template.containers[0].image = SECOND
    first = run.services.update_service(service=service)
    with pytest.raises(answers.Conflict):
        run.write(lambda service: service.labels.update(team="blue"))
    assert run.get().terminal_condition.state == run_v2.Condition.State.CONDITION_RECONCILING
    run.write(lambda service: service.labels.update(team="green"), "labels")
    after = run.get()
    assert first.done()
    assert (after.generation, after.observed_generation, after.terminal_condition.state) == (4, 4, READY)
    assert run.served(after.uri) == short(after.latest_created_revision)


def test_version_lies_is_another_revision_that_answers(run: CloudRun) -> None:
    first = short(run.create().latest_ready_revision)
    service = run.deploy()
    address = tagged(service, "two")
    run.server.fault("version_lies")
    assert (run.served(address, "/health"), run.served(address, "/version")) == ("web-two", first)
    assert run.served(address, "/version") == "web-two"
    run.shift({"revision": "web-two", "percent": 100})
    run.server.fault("version_lies")
    assert [run.served(service.uri, "/version") for _ in range(2)] == [first, "web-two"]


def test_forbidden_is_refused_in_googles_words_at_an_address_or_by_the_api(run: CloudRun) -> None:
    service = run.create()
    run.server.fault("forbidden")
    refused = run.ask(service.uri, "/version")
    assert (refused.status_code, "does not have permission to get URL <code>/version</code>" in refused.text) == (
        403,
        True,
    )
    assert run.ask(service.uri, "/version").status_code == 200
    run.server.fault("forbidden", service="web", operation="patch")
    with pytest.raises(answers.Forbidden, match=rf"Permission 'run\.services\.update' denied on resource '{NAME}'"):
        run.write(lambda service: service.labels.update(team="blue"))
    assert run.get() == service


@pytest.mark.parametrize("status", [200, 502])
def test_a_page_or_nothing_is_answered_on_demand_instead_of_a_document(run: CloudRun, status: int) -> None:
    service = run.create()
    for path in (f"/v2/{NAME}", f"{KNATIVE}/services/web"):
        run.server.fault("http_error", operation="get", body="html", status=status)
        page = run.raw("GET", path)
        assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert page.text.startswith("<!DOCTYPE html>")
        run.server.fault("http_error", operation="get", body="empty")
        nothing = run.raw("GET", path)
        assert (nothing.status_code, nothing.json()) == (200, {})
    run.server.fault("http_error", operation="patch", body="empty")
    run.raw("PATCH", f"/v2/{NAME}")
    run.server.fault("http_error", operation="address", body="html", status=status)
    assert run.ask(service.uri, "/version").text.startswith("<!DOCTYPE html>")
    assert run.get() == service, "nothing of it had an effect"


def test_requests_fail_on_demand_and_are_counted(run: CloudRun) -> None:
    service = run.create()
    run.server.forget_requests()
    run.server.fault("http_error", operation="get", status=503)
    assert (run.raw("GET", f"/v2/{NAME}").status_code, run.raw("GET", f"/v2/{NAME}").status_code) == (503, 200)
    run.server.fault("drop_after", operation="address")
    with pytest.raises(requests.ConnectionError):
        run.ask(service.uri)
    assert run.server.requests() == {"get": 2, "address": 1}
    for unknown in ({"kind": "quake"}, {"kind": "start_fails", "seconds": 1}, {"kind": "ready_late", "seconds": -1}):
        with pytest.raises(Unhealthy, match="was answered 400"):
            run.server.fault(**unknown)
    run.server.fault("forbidden")
    run.server.clear()
    assert run.ask(service.uri).status_code == 200


# --- processes -----------------------------------------------------------------------------------


def test_a_process_that_died_is_started_again_by_the_next_request(run: CloudRun) -> None:
    service = run.create()
    before = run.ask(service.uri).json()["pid"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: run.server.control("GET", "instances") == {})
    assert run.ask(service.uri).json()["pid"] != before


def test_a_request_under_way_is_finished_by_the_revision_it_went_to(run: CloudRun, tmp_path: Path) -> None:
    service = run.create(PAUSE=str(tmp_path / "go on"))
    first = short(service.latest_ready_revision)
    with ThreadPoolExecutor(1) as thread:
        under_way = thread.submit(run.served, service.uri, "/pause")
        wait_for(lambda: run.server.requests().get("address") == 1)
        run.deploy()
        run.shift({"revision": "web-two", "percent": 100})
        assert (run.served(service.uri), under_way.done()) == ("web-two", False)
        (tmp_path / "go on").touch()
        assert under_way.result(SECONDS) == first
    wait_for(lambda: list(run.server.control("GET", "instances")) == [f"{NAME}/revisions/web-two"])


def test_an_address_whose_revision_does_not_answer_or_start_says_so(run: CloudRun, tmp_path: Path) -> None:
    service = run.create(PAUSE=str(tmp_path / "never"))

    def hurry(service: run_v2.Service) -> None:
        service.template.timeout = timedelta(seconds=0.2)

    service = run.write(hurry)
    assert run.ask(service.uri, "/pause").status_code == 504
    (tmp_path / "registry.json").write_text("[")
    os.kill(next(iter(run.server.control("GET", "instances").values())), signal.SIGKILL)
    wait_for(lambda: run.server.control("GET", "instances") == {})
    assert run.ask(service.uri).status_code == 503
    with pytest.raises(answers.GoogleAPICallError, match="could not be read"):
        run.create(FIRST, "other")


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that is killed")


@pytest.mark.parametrize("end", [Server.stop, pytest.param(Server.kill, marks=LINUX)])
def test_revisions_end_with_the_server(run: CloudRun, end: Callable[[Server], None]) -> None:
    run.create()
    (pid,) = run.server.control("GET", "instances").values()
    end(run.server)
    wait_for(lambda: gone(pid))


# --- version 1 of the API ------------------------------------------------------------------------


def test_both_versions_of_the_api_show_the_same_service(run: CloudRun) -> None:
    run.create(A="1", LOGIN="x")
    before, path = run.deploy(), f"{KNATIVE}/services/web"
    shown = run.raw("GET", path).json()
    assert shown["spec"]["template"]["metadata"]["name"] == "web-two"
    assert [each["status"] for each in shown["status"]["conditions"]] == ["True"] * 3
    assert shown["status"]["traffic"][1] == {"revisionName": "web-two", "tag": "two", "url": tagged(before, "two")}
    assert run.raw("PUT", path, shown).status_code == 200
    unchanged = run.get()
    assert (unchanged.etag, unchanged.template) == (before.etag, before.template), "written back as it was"

    shown["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "2"
    refused = run.raw("PUT", path, shown)
    message = "Revision named 'web-two' with different configuration already exists."
    assert (refused.status_code, refused.json()["error"]["message"]) == (409, message)

    del shown["spec"]["template"]["metadata"]["name"]
    assert run.raw("PUT", path, shown, Authorization="Bearer ana@example.com").status_code == 200
    after = run.get()
    assert (after.last_modifier, after.template.containers[0].env[0].value) == ("ana@example.com", "2")
    stale = run.raw("PUT", path, shown)
    assert (stale.status_code, stale.json()["error"]["status"]) == (409, "ABORTED")

    listed = run.raw("GET", f"{KNATIVE}/revisions?labelSelector=serving.knative.dev/service%20=%20web&limit=2").json()
    assert (len(listed["items"]), listed["metadata"]) == (2, {"continue": "2"})
    assert run.raw("GET", f"{KNATIVE}/revisions?labelSelector=a=b").status_code == 501
    configuration = run.raw("GET", f"{KNATIVE}/configurations/web").json()
    assert configuration["status"]["latestCreatedRevisionName"] == short(after.latest_created_revision)
    assert run.raw("GET", f"{KNATIVE}/services/absent").status_code == 404
    assert run.raw("DELETE", f"{KNATIVE}/services/web?dryRun=all").status_code == 501
    run.server.fault("forbidden", service=NAME, operation="put")
    assert "denied on resource 'namespaces/house/services/web'" in run.raw("PUT", path, shown).text
