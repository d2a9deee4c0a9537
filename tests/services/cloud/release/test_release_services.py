"""A release that goes on through its services: in order, refused where something is wrong, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError, Refused
from quant_platform_kit.services.observe.at_rest import Unrest, UnrestKind
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.record.leases import Lease, LeaseTerms, lease_key
from quant_release.cloud.addresses import Addresses
from quant_release.cloud.calls import CloudError
from quant_release.cloud.holds import ServiceLedger
from quant_release.demo.baseline import AFTER, BEFORE, BUNDLE, KIT, SERVICES
from quant_release.demo.cloud import Cloud
from quant_release.inspect.drift import drifts
from quant_release.inspect.preview import preview
from quant_release.run.apply import Watching, abandon, apply, open_service, switch
from quant_release.run.journal import Journal
from quant_release.run.opening import read_release
from quant_release.run.rollback import rollback
from quant_release.steps.machine import Boundary, Subject
from quant_release.steps.table import Row
from quant_release.testing.services import CANARY, SIBLING, register_images

from .site_frame import Site

STEPS = ("hold", "drain", "deploy", "confirm", "shift", "switch", "probe", "open")
ONE = {"ibkr-service": "ibkr"}


def test_a_release_goes_on_through_its_services_one_after_the_other(site: Site) -> None:
    before = {name: site.environment(name) for name in SERVICES}
    site.apply()
    assert site.taken == [(step, name) for name in SERVICES for step in STEPS]
    for name, app in SERVICES.items():
        said, after = site.version(name), site.environment(name)
        assert (said["profile"], said["service"], said["image"]) == (AFTER, name, after["IMAGE"])
        assert said["commit"] == site.made.rehearsal.origin.last_touching("main", f"apps/{app}")
        changed = {"IMAGE": after["IMAGE"], "STRATEGY_PROFILE": AFTER, "MAX_WEIGHT": "0.5"}
        assert after == before[name] | changed
        assert [(one.revision, one.percent) for one in site.service(name).traffic_statuses] == [(said["revision"], 100)]
        assert site.job(name).state.name == "ENABLED"
    assert site.held() == frozenset()
    site.forget()
    site.apply()
    assert site.written() == {}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_nothing_that_somebody_has_halted_or_paused_is_opened(site: Site) -> None:
    operator = Operator(open_store(site.made.ledger), SystemClock(), "bea")
    set_halt(operator, "service-ibkr-service", "looking", on=True)
    site.cloud.jobs.pause_job(name=site.job_name("ibkr-service"))
    site.apply()
    assert site.held() == {"service-ibkr-service"}
    assert site.job("ibkr-service").state.name == "PAUSED"


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_service_without_accounts_is_called_and_probed_at_its_own_trigger(site: Site) -> None:
    rehearsal, manifest = site.made.rehearsal, "apps/ibkr/pyproject.toml"
    rehearsal.git.run("rm", "--quiet", "apps/ibkr/platform.toml")
    project = (rehearsal.root / manifest).read_text()
    rehearsal.commit(
        manifest, project.replace("[tool.release]", '[tool.release]\ntrigger = ["/other", "/backtest"]'), "No platform"
    )
    site.rewrite_bundle(f'profile = "{AFTER}"\n', 'trigger = "/backtest"\n')
    assert "job ibkr-service calls http" in site.refused()
    job = site.job("ibkr-service")
    job.http_target.uri = job.http_target.uri.replace("/run", "/backtest")
    site.cloud.jobs.update_job(job=job)
    assert "of ibkr-service failed: " in site.refused()  # its image is built by now, and nobody has said what it is
    register_images(rehearsal, site.made.registry)
    site.apply(resume=True)
    assert site.taken == [(step, "ibkr-service") for step in STEPS]
    assert site.version("ibkr-service")["commit"] == rehearsal.origin.last_touching("main", "apps/ibkr")
    assert (site.job("ibkr-service").state.name, site.held()) == ("ENABLED", frozenset())


def _other_zone(site: Site) -> None:
    job = site.job("ibkr-service")
    job.time_zone = "Europe/Berlin"
    site.cloud.jobs.update_job(job=job)


def _due(site: Site) -> None:
    job = site.job("ibkr-service")
    job.schedule = f"{(datetime.now(UTC) + timedelta(minutes=7)).minute} * * * *"
    site.cloud.jobs.update_job(job=job)


def _renamed(site: Site) -> None:
    site.rewrite_bundle("[services.ibkr-service]", "[services.ibkr-renamed]")


def _lives(site: Site) -> None:
    site.rewrite_bundle('MAX_WEIGHT = "0.5"', 'LIVE_TRADING = "true", IBKR_DRY_RUN_ONLY = "false"')


def _is_live(site: Site) -> None:
    site.rewrite_bundle('schedule = "ibkr-service"', 'schedule = "ibkr-service"\nlive = true')


ILLEGAL: dict[str, tuple[Callable[[Site], None], str]] = {
    "another zone": (_other_zone, "job ibkr-service is in time zone Europe/Berlin"),
    "due soon": (_due, "no service is held within 30 min before"),
    "renamed": (_renamed, "ibkr-renamed is not deployed in europe-west1"),
    "live unsaid": (_lives, "would trade live, and the bundle does not say so: live = true"),
    "live unconfirmed": (_is_live, "trades live and was not confirmed: add --yes ibkr-service"),
}


@pytest.mark.parametrize("site", [ONE], indirect=True)
@pytest.mark.parametrize("case", ILLEGAL)
def test_what_is_illegal_is_refused_before_anything_is_written(site: Site, case: str) -> None:
    prepare, text = ILLEGAL[case]
    prepare(site)
    site.forget()
    assert text in site.refused(confirmed=frozenset())
    assert site.written() == {}
    assert site.held() == frozenset()


@pytest.mark.parametrize("site", [ONE], indirect=True)
@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("[services.ibkr-service]", "[services.ibkr-gone]", "ibkr-gone is not deployed in europe-west1 of {project}"),
        ('schedule = "ibkr-service"', 'schedule = "gone"', "schedule names a job in europe-west1 of {project}"),
    ],
)
def test_what_is_not_there_is_said_once_by_plan_and_apply(site: Site, old: str, new: str, text: str) -> None:
    site.rewrite_bundle(old, new)
    release = read_release(site.made.options(), BUNDLE)
    (planned,) = preview(release.executor, release.subjects).refusals
    assert planned == site.refused()
    assert text.format(project=site.made.project) in planned
    assert (planned.count("hold of"), planned.count("http")) == (1, 0)
    assert site.written() == {}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_settings_wait_for_the_code(site: Site) -> None:
    with pytest.raises(Refused, match="code comes before settings: release apply"):
        switch(site.made.options("ibkr-service"), BUNDLE)
    assert site.written() == {}
    site.apply()
    site.rewrite_bundle('MAX_WEIGHT = "0.5"', 'MAX_WEIGHT = "0.6"')
    site.taken.clear()
    switch(site.made.options("ibkr-service"), BUNDLE, watching=site.watching())
    assert [step for step, _ in site.taken] == ["hold", "drain", "switch", "probe", "open"]
    assert site.environment("ibkr-service")["MAX_WEIGHT"] == "0.6"


@pytest.mark.parametrize("site", [{**SERVICES, **SIBLING}], indirect=True)
def test_a_service_goes_back_while_its_sibling_stays(site: Site) -> None:
    before, image = site.environment("longbridge-sg"), site.service("longbridge-sg").template.containers[0].image
    site.apply()
    after = site.environment("longbridge-hk")
    rollback(site.made.options("longbridge-sg"), BUNDLE, watching=site.watching())
    assert site.environment("longbridge-sg") == before
    assert site.service("longbridge-sg").template.containers[0].image == image
    assert site.version("longbridge-sg")["profile"] == BEFORE
    assert site.environment("longbridge-hk") == after
    assert site.held() == frozenset()
    assert {site.job(name).state.name for name in ("longbridge-sg", "longbridge-hk")} == {"ENABLED"}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_no_secret_is_in_what_is_kept_or_said(site: Site) -> None:
    site.apply()
    rollback(site.made.options(), BUNDLE)
    folder = site.made.rehearsal.root.parent
    found = [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert found == []
    assert site.environment("ibkr-service")["BROKER_PASSWORD"] == CANARY


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_an_open_run_is_not_cut_off(site: Site) -> None:
    terms = LeaseTerms(timedelta(seconds=60), timedelta(0))
    store = open_store(site.made.ledger)
    lease = Lease.take(store, lease_key("ACCOUNT-ibkr-service"), "worker-7", terms, SystemClock())
    lease.open_run("2026-01-05.slot.paper.abc")
    text = site.refused()
    assert "hold of service ibkr-service: " in text
    assert "run 2026-01-05.slot.paper.abc" in text
    assert site.written() == {}
    lease.close_run(release=True)
    site.apply()


@pytest.mark.parametrize("site", [ONE], indirect=True)
@pytest.mark.parametrize("kind", [UnrestKind.UNKNOWN_ORDER, UnrestKind.WORKING_ORDER])
def test_an_order_that_has_not_ended_is_not_left_alone(
    site: Site, kind: UnrestKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Unrest(kind, "ACCOUNT-ibkr-service", "run-1", "q123", "order q123 of run-1 has not ended")
    monkeypatch.setattr("quant_release.cloud.holds.unrest", lambda *_: [found])
    assert "hold of service ibkr-service: order q123 of run-1 has not ended" in site.refused()
    assert site.written() == {}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_an_order_that_appears_after_the_halt_stops_the_release_and_is_not_cancelled(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Unrest(UnrestKind.WORKING_ORDER, "ACCOUNT-ibkr-service", "run-1", "q123", "order q123 is working")
    monkeypatch.setattr("quant_release.cloud.holds.unrest", lambda *_: [found] if site.held() else [])
    text = site.refused()
    assert text.startswith(
        "drain of service ibkr-service: order q123 is working; live now: revision ibkr-service-00001"
    )
    assert f"type: release apply {BUNDLE} --resume, or release rollback {BUNDLE} --service ibkr-service" in text
    assert site.held() == {"release-ibkr-service"}
    monkeypatch.undo()


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_an_image_of_other_pins_is_not_deployed(site: Site) -> None:
    store = site.made.rehearsal.store
    (image,) = (one for one in Journal(open_store(store), "ana").images() if one.app == "ibkr")
    for path in Path(store.removeprefix("file://")).rglob("release/images/*"):
        if b'"app":"ibkr"' in path.read_bytes():
            path.unlink()
    Journal(open_store(store), "ana").record_image(replace(image, pins=("quant-platform-kit @ elsewhere",)))
    assert "was built from other pins than those of the bundle" in site.refused()
    assert site.written() == {}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_profile_that_the_code_does_not_know_any_more_is_not_stranded(site: Site) -> None:
    service = site.service("ibkr-service")
    service.template.revision = "ibkr-service-00002"
    for one in service.template.containers[0].env:
        if one.name == "STRATEGY_PROFILE":
            one.value = "forgotten_profile"
    site.know_profile("forgotten_profile")
    service.traffic[0].revision = "ibkr-service-00002"
    site.cloud.services.update_service(service=service).result(20)
    site.forget()
    assert "it runs profile forgotten_profile, which the code of this bundle does not know" in site.refused()
    assert site.written() == {}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_write_on_what_somebody_else_has_changed_stops_and_says_who(site: Site) -> None:
    site.cloud.run.fault("etag_moves", service="ibkr-service", by="bea@example.com")
    text = site.refused()
    assert "deploy of service ibkr-service: ibkr-service was changed by bea@example.com at " in text
    assert site.held() == {"release-ibkr-service"}
    site.forget()
    assert "was changed by bea@example.com" in site.refused(resume=True)
    assert site.written() == {}
    rollback(site.made.options(), BUNDLE)
    assert site.held() == frozenset()


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_there_is_nothing_to_go_back_to_before_a_release(site: Site) -> None:
    with pytest.raises(Refused, match="there is nothing to go back to: no release of the bundle has moved a service"):
        rollback(site.made.options(), BUNDLE)
    assert site.written() == {}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_second_operator_is_told_who_is_at_work_since_when(site: Site) -> None:
    store = open_store(site.made.rehearsal.store)
    terms = LeaseTerms(timedelta(minutes=10), timedelta(0))
    Lease.take(
        store, "release/lease", "bea in host:/checkout (ab12) since 2026-01-05 10:00:00 UTC", terms, SystemClock()
    )
    assert "bea in host:/checkout (ab12) since 2026-01-05 10:00:00 UTC is at work on a release" in site.refused()
    assert site.written() == {}


ANSWERS: dict[str, tuple[dict[str, Any], str]] = {
    "html": ({"status": 200, "body": "html"}, "is answered with something that is no such document"),
    "empty": ({"body": "empty"}, "is answered with something that is no such document: its name is ''"),
    "500": ({"status": 500}, "is answered 500 Internal Server Error"),
}


@pytest.mark.parametrize("site", [ONE], indirect=True)
@pytest.mark.parametrize("case", ANSWERS)
def test_a_server_that_answers_nonsense_is_told_in_a_line(site: Site, case: str) -> None:
    fields, text = ANSWERS[case]
    site.cloud.run.fault("http_error", operation="get", times=10, **fields)
    assert text in site.refused()
    assert site.written() == {}
    site.forget()
    site.apply()


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_an_operation_that_never_ends_is_not_waited_for_for_ever(site: Site) -> None:
    site.cloud.run.fault("operation_hangs", service="ibkr-service")
    text = site.refused(timeout=1.0)
    assert "deploy of service ibkr-service: revision ibkr-service-" in text
    assert (
        "the operation has not ended after 1 s; it may still take effect; live now: revision ibkr-service-00001" in text
    )
    assert f"image {site.made.image_before('ibkr')}; held" in text, "what serves, not what was written last"
    generation = site.service("ibkr-service").generation
    site.apply(resume=True)
    assert site.service("ibkr-service").generation == generation + 3, "traffic, settings, traffic"


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_value_turns_into_a_secret_and_back_and_what_rotates_stays_so(site: Site) -> None:
    for value in ("first", "second"):
        site.add_secret("password", value)
    site.rewrite_bundle(
        "flags = {",
        'secrets = { BROKER_PASSWORD = { secret = "password", version = "1" }, '
        'API_KEY = { secret = "password", version = "rotating" } }\nflags = {',
    )
    before = site.environment("ibkr-service")
    site.apply()
    after = site.environment("ibkr-service")
    assert (after["BROKER_PASSWORD"], after["API_KEY"]) == ("password:1", "password:latest")
    site.rewrite_bundle('version = "1"', 'version = "2"')
    switch(site.made.options("ibkr-service"), BUNDLE)
    assert site.environment("ibkr-service")["BROKER_PASSWORD"] == "password:2"
    rollback(site.made.options(), BUNDLE)
    assert site.environment("ibkr-service") == after
    site.rewrite_bundle('version = "2"', 'version = "1"')
    rollback(site.made.options(), BUNDLE)
    assert site.environment("ibkr-service") == before


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_person_opens_a_service_after_looking_and_the_release_ends_with_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise CloudError("the probe of account 7 did not end: no login")

    monkeypatch.setattr(Addresses, "probe", refuse)
    assert site.refused().startswith(
        "probe of service ibkr-service: the probe of account 7 did not end: no login; live"
    )
    assert open_service(site.made.options(), BUNDLE, "ibkr-service", "it answers as it should")
    assert site.held() == frozenset()
    assert site.job("ibkr-service").state.name == "ENABLED"
    with pytest.raises(Refused, match="nothing is held: no release of bundle first-bundle is open"):
        open_service(site.made.options(), BUNDLE, "ibkr-service", "again")


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_release_that_only_held_a_service_is_abandoned_and_one_that_deployed_is_rolled_back(site: Site) -> None:
    apply(site.made.options(), BUNDLE, until="drain:ibkr-service")
    assert site.held() == {"release-ibkr-service"}
    abandon(site.made.options(), BUNDLE)
    assert (site.held(), site.job("ibkr-service").state.name) == (frozenset(), "ENABLED")
    apply(site.made.options(), BUNDLE, until="deploy:ibkr-service")
    with pytest.raises(
        Refused, match=r"has a revision of this release: .*, or release rollback first-bundle --service ibkr-service"
    ):
        abandon(site.made.options(), BUNDLE)
    rollback(site.made.options(), BUNDLE)
    assert (site.held(), site.job("ibkr-service").state.name) == (frozenset(), "ENABLED")
    assert site.version("ibkr-service")["profile"] == BEFORE


@pytest.mark.parametrize("site", [ONE], indirect=True)
@pytest.mark.parametrize("paused", [False, True])
def test_a_job_that_a_killed_release_paused_is_resumed_by_the_rollback_and_one_of_an_operator_is_not(
    site: Site, paused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if paused:
        site.cloud.jobs.pause_job(name=site.job_name("ibkr-service"))

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ServiceLedger, "set_hold", die)
        with pytest.raises(KeyboardInterrupt):
            site.apply()
    assert (site.job("ibkr-service").state.name, site.held()) == ("PAUSED", frozenset())
    rollback(site.made.options(), BUNDLE)
    assert site.job("ibkr-service").state.name == ("PAUSED" if paused else "ENABLED")
    assert site.held() == frozenset()


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_probe_that_met_an_open_run_is_made_again_and_never_counts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Addresses.probe
    skips = [1, 2]

    def busy(self: Addresses, *arguments: Any) -> list[dict[str, Any]]:
        reports = made(self, *arguments)
        if skips:
            skips.pop()
            return [{**one, "outcome": "skipped", "reasons": ["run 7 is open: probe again"]} for one in reports]
        return reports

    monkeypatch.setattr(Addresses, "probe", busy)
    apply(site.made.options(patience=5.0), BUNDLE, until="probe:ibkr-service")
    assert skips == []
    rollback(site.made.options(), BUNDLE)
    skips.extend(range(1000))
    text = site.refused()
    assert text.startswith(
        "probe of service ibkr-service: the probe of account REHEARSAL looked at nothing: run 7 is open"
    )
    assert site.held() == {"release-ibkr-service"}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_snapshot_backed_profile_is_opened_once_its_probe_has_read_a_snapshot(site: Site) -> None:
    backed = (
        'profile = "mega_cap_leader_rotation"\nsnapshot = {{ path = "{0}", manifest = "{0}/latest.manifest.json" }}'
    )
    site.rewrite_bundle(f'profile = "{AFTER}"', backed.format("gs://gone"))
    assert site.refused().startswith(
        "probe of service ibkr-service: the probe of account REHEARSAL: no feature snapshot was read: "
        "feature snapshot: no manifest at gs://gone"
    )
    assert site.held() == {"release-ibkr-service"}
    rollback(site.made.options(), BUNDLE)
    site.rewrite_bundle("gs://gone", "gs://there")
    site.apply()
    assert site.version("ibkr-service")["input_mode"] == "snapshot"
    assert site.environment("ibkr-service")["IBKR_FEATURE_SNAPSHOT_MANIFEST_PATH"] == "gs://there/latest.manifest.json"
    assert site.held() == frozenset()


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_service_that_was_deployed_without_the_name_of_its_image_goes_back(site: Site) -> None:
    service = site.service("ibkr-service")
    kept = [one for one in service.template.containers[0].env if one.name != "IMAGE"]
    service.template.containers[0].env = kept
    service.template.revision = service.traffic[0].revision = "ibkr-service-00002"
    site.cloud.services.update_service(service=service).result(20)
    before = site.environment("ibkr-service")
    site.apply()
    rollback(site.made.options(), BUNDLE)
    assert site.environment("ibkr-service") == before
    assert site.version("ibkr-service")["profile"] == BEFORE


@pytest.mark.parametrize("site", [ONE], indirect=True)
@pytest.mark.parametrize("gone", ["ledger", "journal"])
def test_a_store_that_goes_away_in_the_middle_leaves_step_and_way_in_the_error(site: Site, gone: str) -> None:
    url = site.made.ledger if gone == "ledger" else site.made.rehearsal.store
    folder = Path(url.removeprefix("file://"))
    away = folder.with_name(f"{folder.name}-away")

    def leave(at: Boundary, row: Row, _on: Subject) -> None:
        if (at, row.step) == (Boundary.RECORDED, "hold"):
            folder.rename(away)
            folder.write_text("no folder")

    with pytest.raises(QuantError, match=r"^hold of service ibkr-service: .*; type: release apply") as error:
        apply(site.made.options(), BUNDLE, watching=Watching(reached=leave))
    assert "\n" not in str(error.value)
    folder.unlink()
    away.rename(folder)
    site.apply(resume=True)
    assert site.stages() == {"ibkr-service": "open"}


@pytest.mark.parametrize("site", [{"ibkr-service": "ibkr", "schwab-service": "schwab"}], indirect=True)
def test_a_run_does_not_end_while_it_holds_a_service_that_it_was_not_limited_to(site: Site) -> None:
    site.cloud.run.fault("version_lies", service="ibkr-service")
    site.refused()
    site.forget()
    with pytest.raises(Refused, match="it still holds ibkr-service; go on with release apply first-bundle --resume"):
        site.apply("schwab-service", resume=True)
    assert site.stages()["schwab-service"] == "open"
    site.apply(resume=True)
    assert site.stages() == {"ibkr-service": "open", "schwab-service": "open"}
    assert {site.job(name).state.name for name in site.made.services} == {"ENABLED"}


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_release_that_stopped_is_rolled_back_also_when_its_bundle_was_mended(site: Site) -> None:
    site.cloud.run.fault("start_fails", service="ibkr-service")
    before = site.environment("ibkr-service")
    assert "deploy of service ibkr-service: " in site.refused()
    site.rewrite_bundle('MAX_WEIGHT = "0.5"', 'MAX_WEIGHT = "0.4"')
    assert "and bundle first-bundle says something else" in site.refused(resume=True)
    rollback(site.made.options(), BUNDLE)
    assert (site.environment("ibkr-service"), site.held()) == (before, frozenset())
    site.apply()
    assert site.environment("ibkr-service")["MAX_WEIGHT"] == "0.4"


@pytest.mark.parametrize("site", [{"ibkr-service": "ibkr", "schwab-service": "schwab"}], indirect=True)
def test_a_service_that_a_release_opened_before_it_was_abandoned_goes_back(site: Site) -> None:
    before = site.environment("ibkr-service")
    apply(site.made.options(), BUNDLE, until="open:ibkr-service")
    abandon(site.made.options(), BUNDLE)
    with pytest.raises(Refused, match="no release of the bundle has moved schwab-service"):
        rollback(site.made.options("schwab-service"), BUNDLE)
    rollback(site.made.options(), BUNDLE)
    assert (site.environment("ibkr-service"), site.version("ibkr-service")["profile"]) == (before, BEFORE)


@pytest.mark.parametrize("site", [{"ibkr-service": "ibkr", "schwab-service": "schwab"}], indirect=True)
def test_a_service_that_is_held_is_not_forgotten_with_the_bundle(site: Site) -> None:
    apply(site.made.options(), BUNDLE, until="confirm:schwab-service")
    path = site.made.rehearsal.root / f"release/bundles/{BUNDLE}.toml"
    whole = path.read_text()
    path.write_text(whole.partition("\n[services.schwab-service]")[0])
    with pytest.raises(Refused, match="has held schwab-service, which the bundle names no more: put it back there"):
        rollback(site.made.options(), BUNDLE)
    path.write_text(whole)
    rollback(site.made.options(), BUNDLE)
    assert site.held() == frozenset()


@pytest.mark.parametrize("site", [{"ibkr-service": "ibkr", "schwab-service": "schwab"}], indirect=True)
def test_a_service_that_somebody_changed_once_it_was_open_is_not_held_again(site: Site) -> None:
    apply(site.made.options(), BUNDLE, until="confirm:schwab-service")
    service = site.service("ibkr-service")
    service.template.revision, service.template.service_account = "", "bea@example.com"
    service.traffic[0].revision = ""
    service.traffic[0].type_ = 1
    site.cloud.services.update_service(service=service).result(20)
    site.forget()
    assert "hold of service ibkr-service: ibkr-service was changed by" in site.refused(resume=True)
    assert site.written() == {}
    assert site.held() == {"release-schwab-service"}
    site.apply("schwab-service", resume=True)
    assert site.held() == frozenset()


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_release_in_which_a_person_opened_what_was_there_before_leaves_nothing_to_compare_with(site: Site) -> None:
    apply(site.made.options(), BUNDLE, until="confirm:ibkr-service")
    assert open_service(site.made.options(), BUNDLE, "ibkr-service", "not today")
    assert site.version("ibkr-service")["profile"] == BEFORE
    with pytest.raises(Refused, match="was never released to its end"):
        drifts(read_release(site.made.options(), BUNDLE))
    site.apply()
    assert site.version("ibkr-service")["profile"] == AFTER
    assert drifts(read_release(site.made.options(), BUNDLE)) == []


def test_the_pins_of_every_app_go_back_with_a_release_that_stopped_at_its_first_service(
    unreleased: Site, cloud: tuple[Cloud, Path]
) -> None:
    site, origin = unreleased, unreleased.made.rehearsal.origin
    before = {app: origin.text("show", f"main:apps/{app}/requirements.txt") for app in SERVICES.values()}
    apply(site.made.options(), BUNDLE, until="image")
    register_images(site.made.rehearsal, cloud[1])
    site.cloud.run.fault("start_fails", service="ibkr-service")
    assert "deploy of service ibkr-service: " in site.refused(resume=True)
    after = {app: origin.text("show", f"main:apps/{app}/requirements.txt") for app in SERVICES.values()}
    assert all("v0.7.10" in after[app] and after[app] != before[app] for app in after)
    rollback(site.made.options(), BUNDLE)
    assert {app: origin.text("show", f"main:apps/{app}/requirements.txt") for app in SERVICES.values()} == before
    assert {site.version(name)["profile"] for name in SERVICES} == {BEFORE}
    assert f"{KIT}-v0.7.10" in origin.tags(), "a tag stays"
    assert site.made.rehearsal.git.changed() == []


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_another_version_of_a_secret_and_another_commit_are_a_line_of_drift_each(site: Site) -> None:
    for value in ("first-password", "second-password"):
        site.add_secret("password", value)
    site.rewrite_bundle("flags = {", 'secrets = { API_KEY = { secret = "password", version = "1" } }\nflags = {')
    site.apply()
    site.cloud.run.fault("version_lies", service="ibkr-service")
    (line,) = drifts(read_release(site.made.options(), BUNDLE))
    assert line.subject == "service ibkr-service: commit"
    site.forget()
    service = site.service("ibkr-service")
    service.template.revision = ""
    for one in service.template.containers[0].env:
        if one.name == "API_KEY":
            one.value_source.secret_key_ref.version = "2"
    site.cloud.services.update_service(service=service).result(20)
    (line,) = drifts(read_release(site.made.options(), BUNDLE))
    assert (line.subject, line.left, line.found) == (
        "service ibkr-service: setting API_KEY",
        "password:1 of Secret Manager",
        "password:2 of Secret Manager",
    )
