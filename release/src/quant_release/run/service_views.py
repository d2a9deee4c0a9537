"""What others see of a service: what drift compares, one thing at a time."""

from __future__ import annotations

from collections.abc import Mapping

from quant_release.cloud.calls import CloudError
from quant_release.cloud.run_api import Deployed
from quant_release.cloud.templates import environment_of, image_of
from quant_release.run.service_state import ServiceState

__all__ = ["aspects", "traffic_text"]


def traffic_text(deployed: Deployed) -> str:
    """Return where requests go, in words."""
    return ", ".join(f"{one.revision} {one.percent} %" for one in deployed.traffic if one.percent) or "nowhere"


def aspects(state: ServiceState) -> Mapping[str, str]:
    """Return what a service is, by what it is about; of a setting that may be secret, a fingerprint.

    Image, environment and service account are those of the newest template: a change that gets no traffic yet is one.
    """
    template, job = state.deployed.document.template, state.job
    said = state.said
    found = {
        "image": image_of(template),
        "traffic": traffic_text(state.deployed),
        "service account": template.service_account or "the default one",
        "commit": str(said) if isinstance(said, CloudError) else f"{said.commit} of revision {said.revision}",
        "schedule": job.cron,
        "time zone": job.time_zone,
        "pause": "paused" if job.paused else "not paused",
        "job's target": job.target,
        "job's service account": job.service_account,
        "job's audience": job.audience,
        "hold": "held by a release" if state.ledger.hold() else "not held",
    }
    return found | {f"setting {one.name}": one.print for one in environment_of(template)}
