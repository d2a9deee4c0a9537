"""Whose pause it is, and when a hold may be lifted: what the model check found, on the emulators."""

from __future__ import annotations

from typing import Any

import pytest
from quant_platform_kit.domain.errors import Refused
from quant_release.cloud.calls import CloudError
from quant_release.cloud.holds import ServiceLedger
from quant_release.demo.baseline import BEFORE, BUNDLE
from quant_release.run.apply import abandon, apply
from quant_release.run.rollback import rollback
from quant_release.run.service_moves import Moves
from quant_release.steps.machine import StepFailed

from .site_frame import Site

pytestmark = pytest.mark.services

ONE = {"ibkr-service": "ibkr"}
PAIR = {"longbridge-hk": "longbridge", "longbridge-sg": "longbridge"}


def cut(*_: Any, **__: Any) -> None:
    """Stand for a process that ends here."""
    raise CloudError("cut off")


@pytest.fixture
def half_held(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return services of which the first has a paused job and no halt yet."""
    with monkeypatch.context() as patch:
        patch.setattr(ServiceLedger, "set_hold", cut)
        site.refused()
    return site


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_going_back_resumes_a_job_that_an_unfinished_hold_had_paused(half_held: Site) -> None:
    assert half_held.job("ibkr-service").state.name == "PAUSED"
    rollback(half_held.made.options(), BUNDLE)
    assert half_held.job("ibkr-service").state.name == "ENABLED"


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_rollback_that_has_not_begun_to_move_is_not_abandoned_with_a_service_held(
    half_held: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Moves, "hold", cut)
        with pytest.raises(StepFailed, match="cut off"):
            rollback(half_held.made.options(), BUNDLE)
    with pytest.raises(Refused, match=f"nobody has probed: release rollback {BUNDLE} --resume"):
        abandon(half_held.made.options(), BUNDLE)
    rollback(half_held.made.options(), BUNDLE, resume=True)
    assert half_held.job("ibkr-service").state.name == "ENABLED"


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_a_rollback_is_not_abandoned_while_what_serves_was_not_probed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(site.made.options(), BUNDLE, until="shift:ibkr-service")
    with monkeypatch.context() as patch:
        patch.setattr(Moves, "make", cut)
        with pytest.raises(StepFailed, match="cut off"):
            rollback(site.made.options(), BUNDLE)
    with pytest.raises(Refused, match="nobody has probed"):
        abandon(site.made.options(), BUNDLE)
    assert site.held() == {"release-ibkr-service"}
    rollback(site.made.options(), BUNDLE, resume=True)
    assert (site.held(), site.version("ibkr-service")["profile"]) == (frozenset(), BEFORE)


@pytest.mark.parametrize("site", [PAIR], indirect=True)
def test_a_pause_after_a_service_was_opened_is_the_operators_and_stays(site: Site) -> None:
    apply(site.made.options(), BUNDLE, until="open:longbridge-hk")
    site.cloud.jobs.pause_job(name=site.job_name("longbridge-hk"))
    site.apply(resume=True)
    assert [site.job(name).state.name for name in PAIR] == ["PAUSED", "ENABLED"]


@pytest.mark.parametrize("site", [PAIR], indirect=True)
def test_no_service_is_left_held_by_going_back_with_another_one(site: Site) -> None:
    apply(site.made.options(), BUNDLE, until="drain:longbridge-sg")
    with pytest.raises(Refused, match="holds longbridge-sg, too: roll back all that it holds"):
        rollback(site.made.options("longbridge-hk"), BUNDLE)
    rollback(site.made.options(), BUNDLE)
    assert site.held() == frozenset()


@pytest.mark.parametrize("site", [ONE], indirect=True)
def test_traffic_that_is_taken_while_settings_start_is_not_taken_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(site.made.options(), BUNDLE, until="shift:ibkr-service")
    waited = Moves._wait_until_ready

    def taken(self: Moves, attempt: Any) -> None:
        service = site.service("ibkr-service")
        for one in service.traffic:
            one.revision = "ibkr-service-00001" if one.percent else one.revision
        site.cloud.services.update_service(request={"service": service, "update_mask": "traffic"}).result(20)
        waited(self, attempt)

    monkeypatch.setattr(Moves, "_wait_until_ready", taken)
    assert "was changed by " in site.refused(resume=True)
    assert site.version("ibkr-service")["revision"] == "ibkr-service-00001"
