"""Publishing a run's report and letting go of the run, in this order: a crash between them is found by the next run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.services.record.leases import AccountLease
from quant_platform_kit.services.run.advice import what_to_do
from quant_platform_kit.services.run.request import RunPorts

__all__ = ["close"]


def close(
    report: RunReport,
    ports: RunPorts,
    lease: AccountLease,
    *,
    uncertain: bool,
    release: bool,
    on_publish: Callable[[], object] = lambda: None,
) -> RunReport:
    """Publish the report of the open run, tell of it, and close the run; return the report that is kept.

    Parameters
    ----------
    uncertain
        Whether it leaves orders that only an operator can settle.
    release
        Whether the lease is given back too.
    on_publish
        Called when the report is in the store.
    """
    lease.require(timedelta(0))
    report = ports.reports.publish(replace(report, todo=what_to_do(report)))
    on_publish()
    ports.published(report)
    ports.reached(Boundary.REPORT_PUBLISHED)
    lease.close_run(uncertain=uncertain, release=release)
    ports.reached(Boundary.RUN_CLOSED)
    return report
