"""The commands of a release that goes on through services: what they print, what they refuse, and their exit codes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_release.cli.main import main
from quant_release.demo.baseline import AFTER, BEFORE, BUNDLE, SERVICES
from quant_release.inspect.overall import read_overall
from quant_release.testing.services import CANARY, SIBLING

from .site_frame import Site

Run = Callable[..., tuple[int, str, str]]
ONE = {"ibkr-service": "ibkr"}
NAME = "ibkr-service"
NOBODY_ELSE = pytest.mark.parametrize("site", [ONE], indirect=True)


@pytest.fixture
def run(site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a runner of `release` in the small workspace: exit code, standard output, standard error."""
    monkeypatch.chdir(site.made.rehearsal.root)
    monkeypatch.setenv("STORE_URL", site.made.rehearsal.store)
    monkeypatch.setenv("COLUMNS", "300")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["release", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        assert CANARY not in said.out + said.err
        return int(str(stop.value.code)), said.out, said.err

    return call


def document(text: str) -> Any:
    assert text.count("\n") == 1
    return json.loads(text)


def apply(run: Run, *more: str) -> tuple[int, str, str]:
    return run("apply", BUNDLE, "--builder", "docker", "--local", "--who", "ana", *more)


def kinds(run: Run) -> list[str]:
    return [one["kind"] for one in document(run("status", BUNDLE, "--json")[1])["mismatches"]]


@NOBODY_ELSE
def test_a_release_is_planned_made_verified_and_taken_back(site: Site, run: Run) -> None:
    code, out, _ = run("plan", BUNDLE, "--builder", "docker")
    assert code == 0
    assert f"gcloud scheduler jobs pause {NAME} --location europe-west1" in out
    assert f"~STRATEGY_PROFILE='{BEFORE}' -> '{AFTER}'" in out
    assert "gcloud run deploy ibkr-service --image registry.invalid/rehearsal/ibkr@sha256:" in out
    code, out, _ = run("verify", BUNDLE, "--json")
    (row,) = [one for one in document(out)["subjects"] if one["subject"] == f"service {NAME}"]
    assert (code, row["stage"], row["done"]) == (1, "start", False)
    assert "setting ~MAX_WEIGHT='0.25' -> '0.5'" in row["missing"]
    code, out, err = apply(run, "--json")
    assert (code, err.count("done"), document(out)["command"]) == (0, 8, "apply")
    assert document(run("verify", BUNDLE, "--json")[1])["well"]
    assert run("drift", BUNDLE, "--json")[:2] == (0, "[]\n")
    code, out, _ = run("rollback", BUNDLE, "--service", NAME, "--local", "--json")
    assert (code, document(out)["command"]) == (0, "rollback")
    assert site.version(NAME)["profile"] == BEFORE
    code, out, _ = run("history")
    assert (code, f"rollback --service {NAME} (of run" in out) == (0, True)
    listed = document(run("history", "--json")[1])
    assert [(one["command"], one["services"], one["state"]) for one in listed[1:]] == [
        ("apply", [], "finished"),
        ("rollback", [NAME], "finished"),
    ]


@NOBODY_ELSE
def test_status_shows_a_service_and_what_does_not_fit(site: Site, run: Run) -> None:
    assert kinds(run) == ["image"], "no release has built what serves"
    apply(run)
    code, out, _ = run("status", "--json")
    (one,) = document(out)["services"]
    template = site.service(NAME).template
    assert (code, one["name"], one["project"], one["region"]) == (0, NAME, site.made.project, "europe-west1")
    assert one["traffic"] == [{"revision": one["revision"], "percent": 100, "tag": ""}]
    assert (one["image"], one["profile"]) == (template.containers[0].image, AFTER)
    assert one["commit"] == site.made.rehearsal.origin.last_touching("main", "apps/ibkr")
    assert (one["env"]["MAX_WEIGHT"], one["env"]["BROKER_PASSWORD"]) == ("0.5", "***")
    assert one["schedule"] | {"due": ""} == {
        "job": NAME,
        "cron": "0 0 1 1 *",
        "time_zone": "America/New_York",
        "due": "",
        "paused": False,
    }
    assert (one["hold"], one["error"]) == (None, None)
    code, out, _ = run("status", BUNDLE)
    (line,) = [text for text in out.splitlines() if text.startswith("service ")]
    assert f"{NAME}  {one['revision']} 100 %" in line
    assert f"of {one['commit'][:12]}  {AFTER}  0 0 1 1 * America/New_York, due " in line
    site.cloud.jobs.pause_job(name=site.job_name(NAME))
    assert kinds(run) == ["paused"]
    operator = Operator(open_store(site.made.ledger), SystemClock(), "bea")
    set_halt(operator, f"release-{NAME}", "left over", on=True)
    assert kinds(run) == ["hold"]
    assert "held by bea since" in run("status", BUNDLE)[1]
    site.cloud.jobs.delete_job(name=site.job_name(NAME))
    code, out, _ = run("status", "--json")
    assert (code, document(out)["mismatches"][0]["kind"]) == (1, "error")
    assert document(out)["services"][0]["image"] == one["image"], "what was answered is shown"


@NOBODY_ELSE
def test_split_traffic_and_a_revision_that_does_not_serve_are_named(site: Site, run: Run) -> None:
    apply(run)
    first, service = f"{NAME}-00001", site.service(NAME)
    serving = service.traffic_statuses[0].revision
    service.template.revision = ""
    service.traffic = [
        {"type_": 2, "revision": serving, "percent": 60},
        {"type_": 2, "revision": first, "percent": 40},
    ]
    site.cloud.services.update_service(service=service).result(20)
    assert kinds(run) == ["traffic"]
    code, out, _ = run("plan", BUNDLE, "--json")
    plan = document(out)
    assert (code, plan["steps"], len(plan["refusals"])) == (1, [], 1)
    assert plan["refusals"][0].startswith(f"service {NAME} cannot be read: the traffic of {NAME} is split")
    code, out, _ = run("verify", BUNDLE, "--json")
    assert (code, document(out)["subjects"][-1]["stage"]) == (1, None)
    service = site.service(NAME)
    service.template.revision, service.template.containers[0].image = "", site.made.image_before("ibkr")
    service.traffic = [{"type_": 2, "revision": serving, "percent": 100}]
    site.cloud.services.update_service(service=service).result(20)
    assert kinds(run) == ["newest", "image"]


def _template(change: Callable[[Any], None]) -> Callable[[Site], None]:
    """Return what changes the template of the service, the traffic staying where it is."""

    def do(site: Site) -> None:
        service = site.service(NAME)
        service.template.revision = ""
        change(service.template)
        site.cloud.services.update_service(service=service).result(20)

    return do


def _setting(name: str, value: str | None) -> Callable[[Any], None]:
    def change(template: Any) -> None:
        container = template.containers[0]
        kept = [one for one in container.env if one.name != name]
        container.env = [*kept, *([] if value is None else [{"name": name, "value": value}])]

    return change


def _job(**changes: str) -> Callable[[Site], None]:
    def do(site: Site) -> None:
        job = site.job(NAME)
        for name, value in changes.items():
            setattr(job, name, value)
        site.cloud.jobs.update_job(job=job)

    return do


def _token(**changes: str) -> Callable[[Site], None]:
    def do(site: Site) -> None:
        job = site.job(NAME)
        for name, value in changes.items():
            setattr(job.http_target.oidc_token, name, value)
        site.cloud.jobs.update_job(job=job)

    return do


def _traffic(site: Site) -> None:
    service = site.service(NAME)
    service.template.revision = ""
    service.traffic = [{"type_": 2, "revision": f"{NAME}-00001", "percent": 100}]
    site.cloud.services.update_service(service=service).result(20)


def _image(site: Site) -> None:
    before = site.made.image_before("ibkr")
    _template(lambda template: setattr(template.containers[0], "image", before))(site)


def _held(site: Site) -> None:
    set_halt(Operator(open_store(site.made.ledger), SystemClock(), "bea"), f"release-{NAME}", "left over", on=True)


CHANGES: dict[str, tuple[Callable[[Site], None], str, str]] = {
    "setting": (_template(_setting("MAX_WEIGHT", "0.9")), "setting MAX_WEIGHT", "'0.9'"),
    "setting more": (_template(_setting("LOG_FORMAT", "json")), "setting LOG_FORMAT", "'json'"),
    "setting less": (_template(_setting("MAX_WEIGHT", None)), "setting MAX_WEIGHT", "no such setting"),
    "secret": (_template(_setting("BROKER_PASSWORD", f"{CANARY}2")), "setting BROKER_PASSWORD", "a value with"),
    "account": (
        _template(lambda template: setattr(template, "service_account", "x@y.iam.gserviceaccount.com")),
        "service account",
        "x@y.iam.gserviceaccount.com",
    ),
    "image": (_image, "image", "registry.invalid/rehearsal/ibkr@sha256:"),
    "traffic": (_traffic, "traffic", f"{NAME}-00001 100 %"),
    "schedule": (_job(schedule="1 0 1 1 *"), "schedule", "1 0 1 1 *"),
    "zone": (_job(time_zone="Europe/Berlin"), "time zone", "Europe/Berlin"),
    "pause": (lambda site: site.cloud.jobs.pause_job(name=site.job_name(NAME)), "pause", "paused"),
    "caller": (_token(service_account_email="b@c.d"), "job's service account", "b@c.d"),
    "audience": (_token(audience="https://else"), "job's audience", "https://else"),
    "hold": (_held, "hold", "held by a release"),
}


@NOBODY_ELSE
def test_drift_is_a_line_for_one_thing_that_was_changed(site: Site, run: Run) -> None:
    """Each thing is changed and put back in turn: a release of its own for each would take a minute."""
    apply(run)
    assert document(run("drift", BUNDLE, "--json")[1]) == []
    found: dict[str, tuple[int, list[tuple[str, str]]]] = {}
    for case, (change, _, _) in CHANGES.items():
        before, job = site.service(NAME), site.job(NAME)
        change(site)
        code, out, _ = run("drift", BUNDLE, "--json")
        found[case] = code, [(one["subject"], one["found"]) for one in document(out)]
        _put_back(site, before, job)
    for case, (_, about, text) in CHANGES.items():
        code, ((subject, now),) = found[case]
        assert (code, subject) == (1, f"service {NAME}: {about}")
        assert now.startswith(text)


def _put_back(site: Site, before: Any, job: Any) -> None:
    now = site.service(NAME)
    now.template, now.traffic = before.template, before.traffic
    now.template.revision = ""
    site.cloud.services.update_service(service=now).result(20)
    site.cloud.jobs.update_job(job=job)
    if site.job(NAME).state.name == "PAUSED":
        site.cloud.jobs.resume_job(name=job.name)
    set_halt(Operator(open_store(site.made.ledger), SystemClock(), "bea"), f"release-{NAME}", "no", on=False)


@NOBODY_ELSE
def test_a_service_that_is_gone_is_one_line_of_drift(site: Site, run: Run) -> None:
    apply(run)
    site.cloud.services.delete_service(name=site.full_name(NAME)).result(20)
    code, out, _ = run("drift", BUNDLE)
    assert (code, out.count("\n")) == (1, 1)
    assert (
        f"drift  service {NAME}: the release left a service that answers, and there is one that cannot be read" in out
    )


@NOBODY_ELSE
def test_a_person_opens_what_a_release_left_held(site: Site, run: Run) -> None:
    site.cloud.run.fault("version_lies", service=NAME)
    code, _, err = apply(run)
    assert (code, f"release apply {BUNDLE} --resume, or release rollback {BUNDLE} --service {NAME}" in err) == (1, True)
    site.cloud.run.clear()
    assert kinds(run) == ["newest"], "it is held by the release that is open"
    assert run("open", BUNDLE, "--service", "schwab-service", "--reason", "x", "--local")[0] == 1
    code, out, _ = run("open", BUNDLE, "--service", NAME, "--reason", "looked at it", "--local", "--who", "bea")
    assert code == 0
    assert f"{NAME} is served by {NAME}-00001 100 %" in out.splitlines()[0]
    assert "held by ana since" in out
    assert out.splitlines()[-1] == f"opened  {NAME}; the release has ended with it"
    assert (site.held(), site.job(NAME).state.name) == (frozenset(), "ENABLED")
    (_, listed) = document(run("history", "--json")[1])
    assert [one["what"] for one in listed["events"]][-3:] == ["opened", "left", "finished"]
    assert "opened" in run("history", listed["run"])[1]


@NOBODY_ELSE
def test_a_terminal_asks_for_a_live_service_and_takes_its_full_name_alone(
    site: Site, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.rewrite_bundle(f'schedule = "{NAME}"', f'schedule = "{NAME}"\nlive = true')
    code, _, err = apply(run)
    assert (code, f"add --yes {NAME}" in err) == (1, True)
    monkeypatch.setattr("quant_release.cli.confirming.is_terminal", lambda: True)
    site.forget()
    for typed in ("y\n", "yes\n", "ibkr\n", "\n", ""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code, _, err = apply(run)
        assert code == 1
        assert f"{NAME} trades live. apply changes:" in err
        assert f"~STRATEGY_PROFILE='{BEFORE}' -> '{AFTER}'" in err
    assert site.written() == {}
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{NAME}\n"))
    assert apply(run)[0] == 0
    code, _, err = run("rollback", BUNDLE, "--local", "--json")
    assert (code, f"add --yes {NAME}" in err) == (1, True), "with --json nobody is asked"
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{NAME}\n"))
    code, _, err = run("rollback", BUNDLE, "--local")
    assert (code, f"~STRATEGY_PROFILE='{AFTER}' -> '{BEFORE}'" in err) == (0, True)


@NOBODY_ELSE
def test_settings_are_switched_alone(site: Site, run: Run) -> None:
    assert apply(run, "--service", NAME, "--window", "0", "--timeout", "20")[0] == 0
    site.rewrite_bundle('MAX_WEIGHT = "0.5"', 'MAX_WEIGHT = "0.6"')
    code, out, err = run("switch", BUNDLE, "--service", NAME, "--local")
    assert (code, err.count("done"), "every step is done" in out) == (0, 5, True)
    assert site.environment(NAME)["MAX_WEIGHT"] == "0.6"


@pytest.mark.parametrize("site", [{**ONE, "schwab-service": "schwab"}], indirect=True)
def test_a_release_of_one_service_is_resumed_with_that_one(site: Site, run: Run) -> None:
    site.cloud.run.fault("version_lies", service=NAME)
    before = site.environment("schwab-service")
    assert apply(run, "--service", NAME)[0] == 1
    site.cloud.run.clear()
    code, out, err = run("open", BUNDLE, "--service", "schwab-service", "--reason", "x", "--local")
    assert (code, out) == (1, "")
    assert "schwab-service is not held: run " in err
    code, out, _ = apply(run, "--resume", "--json")
    assert (code, document(out)["finished"]) == (0, True)
    assert (site.version(NAME)["profile"], site.environment("schwab-service")) == (AFTER, before)


@pytest.mark.parametrize("site", [{**ONE, "schwab-service": "schwab"}], indirect=True)
def test_nobody_is_asked_about_a_live_service_that_the_open_release_leaves_alone(
    site: Site, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.rewrite_bundle('schedule = "schwab-service"', 'schedule = "schwab-service"\nlive = true')
    site.cloud.run.fault("version_lies", service=NAME)
    assert apply(run, "--service", NAME)[0] == 1
    site.cloud.run.clear()
    monkeypatch.setattr("quant_release.cli.confirming.is_terminal", lambda: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    code, _, err = apply(run, "--resume")
    assert (code, "trades live" in err) == (0, False)


@NOBODY_ELSE
@pytest.mark.parametrize("paused", [False, True])
def test_a_plan_pauses_and_resumes_a_job_unless_it_was_paused_before(site: Site, run: Run, paused: bool) -> None:
    if paused:
        site.cloud.jobs.pause_job(name=site.job_name(NAME))
    assert ("gcloud scheduler jobs " in run("plan", BUNDLE)[1]) is not paused
    apply(run, "--until", "hold")
    assert ("gcloud scheduler jobs resume" in run("plan", BUNDLE)[1]) is not paused


@NOBODY_ELSE
def test_a_plan_of_a_rollback_that_is_open_shows_what_goes_back_and_no_secret(site: Site, run: Run) -> None:
    site.add_secret("password", "another")
    secret = 'secrets = { BROKER_PASSWORD = { secret = "password", version = "1" } }\nflags = {'
    site.rewrite_bundle("flags = {", secret)
    apply(run)
    site.cloud.run.fault("forbidden", operation="patch", times=None)
    assert run("rollback", BUNDLE, "--local")[0] == 1
    site.cloud.run.clear()
    planned = {one["step"]: one for one in document(run("plan", BUNDLE, "--json")[1])["steps"]}
    assert planned["deploy"]["commands"] == [f"(make a revision with image and settings of {NAME}-00001, to the byte)"]
    assert f"~STRATEGY_PROFILE='{AFTER}' -> '{BEFORE}'" in planned["deploy"]["diff"].splitlines()
    assert "~BROKER_PASSWORD=password:1 of Secret Manager -> ***" in planned["deploy"]["diff"].splitlines()


@NOBODY_ELSE
@pytest.mark.parametrize("command", ["apply", "switch", "rollback"])
def test_whoever_interrupts_a_command_is_told_how_to_go_on(
    site: Site, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def interrupted(*_given: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"quant_release.cli.perform.{command}", interrupted)
    code, out, err = run(command, BUNDLE, "--service", NAME, "--local")
    assert (code, out, err) == (1, "", f"release: interrupted; `release {command} {BUNDLE} --resume` goes on\n")


ERRORS: list[tuple[tuple[str, ...], int, str]] = [
    (("apply", BUNDLE, "--service", "gone"), 1, f"--service gone: bundle {BUNDLE} moves none of that name; it moves: "),
    (("apply", BUNDLE, "--yes", "gone"), 1, f"--yes gone: bundle {BUNDLE} moves none of that name; it moves: {NAME}"),
    (("apply", BUNDLE, "--dry-run", "--yes", "gone"), 1, f"--yes gone: bundle {BUNDLE} moves none of that name"),
    (("apply", BUNDLE, "--window", "nan"), 2, "Invalid value for '--window': nan is not between 0 and 1440 minutes"),
    (("apply", BUNDLE, "--timeout", "0"), 2, "Invalid value for '--timeout': 0 is not between 1 and 600 seconds"),
    (("switch", BUNDLE), 2, "Invalid value for '--service': name at least one service of the bundle to switch"),
    (("switch", BUNDLE, "--service", "gone"), 1, f"--service gone: bundle {BUNDLE} moves none of that name"),
    (("switch", BUNDLE, "--service", NAME), 1, "code comes before settings: release apply"),
    (("switch", BUNDLE, "--resume"), 1, "there is nothing to resume: no release is open"),
    (
        ("rollback", BUNDLE),
        1,
        "there is nothing to go back to: no release of the bundle has moved a service of bundle",
    ),
    (("rollback", BUNDLE, "--service", "gone"), 1, f"--service gone: bundle {BUNDLE} moves none of that name"),
    (("rollback", BUNDLE, "--window", "-1"), 2, "Invalid value for '--window': -1 is not between 0 and 1440 minutes"),
    (("open", BUNDLE, "--service", NAME), 2, "Missing option '--reason'"),
    (("open", BUNDLE, "--service", NAME, "--reason", " "), 2, "Invalid value for '--reason': say in 1 to 500"),
    (("open", BUNDLE, "--service", "gone", "--reason", "x"), 1, f"--service gone: bundle {BUNDLE} moves none of that"),
    (
        ("open", BUNDLE, "--service", NAME, "--reason", "x"),
        1,
        f"nothing is held: no release of bundle {BUNDLE} is open",
    ),
]


@NOBODY_ELSE
def test_a_users_error_is_one_line_and_writes_nothing(site: Site, run: Run) -> None:
    for arguments, code, said in ERRORS:
        more = ("--builder", "docker") if arguments[0] == "apply" else ()
        found, out, err = run(*arguments, *more, "--local")
        assert (found, out, err.count("\n")) == (code, "", 1), err
        assert err.startswith("release: ")
        assert said in err
    assert site.written() == {}
    assert site.held() == frozenset()


@NOBODY_ELSE
def test_a_plan_before_the_image_is_built_says_so(site: Site, run: Run, tmp_path: Path) -> None:
    _, out, _ = run("plan", BUNDLE, "--store", f"file://{tmp_path}/empty", "--json")
    steps = [one for one in document(out)["steps"] if one["subject"] == f"service {NAME}"]
    assert [one["step"] for one in steps if one["commands"] == ["(after its image is built)"]] == ["deploy", "switch"]
    assert len(steps) == 8
    code, out, _ = run("verify", BUNDLE, "--store", f"file://{tmp_path}/empty", "--json")
    row = document(out)["subjects"][-1]
    assert (code, row["stage"], row["missing"]) == (1, "start", ["its image is not built from the pins of the bundle"])


@pytest.mark.parametrize("site", [{**SERVICES, **SIBLING}], indirect=True)
def test_four_services_are_asked_at_once(site: Site) -> None:
    """Every call has arrived before the first one is answered."""
    servers = (site.cloud.run, site.cloud.scheduler)
    for server in servers:
        server.fault("slow", seconds=3.0, times=None)
    found: list[Any] = []
    asking = Thread(target=lambda: found.append(read_overall(site.made.options(), BUNDLE)))
    asking.start()
    while asking.is_alive() and any(sum(server.requests().values()) < len(SERVICES) + 1 for server in servers):
        asking.join(0.02)
    assert asking.is_alive(), "no answer was there before the last call"
    asking.join()
    assert [one.error for one in found[0]["services"]] == [None] * 4


@pytest.mark.parametrize("site", [{**SERVICES, **SIBLING}], indirect=True)
def test_a_service_that_does_not_answer_has_an_error_and_the_others_have_none(site: Site) -> None:
    site.cloud.services.delete_service(name=site.full_name("schwab-service")).result(20)
    errors = {one.name: one.error for one in read_overall(site.made.options(), BUNDLE)["services"]}
    assert [name for name, error in errors.items() if error] == ["schwab-service"]
    assert (errors["schwab-service"] or "").startswith("service schwab-service: ")
