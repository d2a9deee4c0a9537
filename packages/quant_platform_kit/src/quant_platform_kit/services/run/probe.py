"""A run that looks and cannot touch: it sends nothing, records nothing and claims nothing."""

from __future__ import annotations

from dataclasses import replace

from quant_platform_kit.domain.cycle import ExecutionPolicy
from quant_platform_kit.domain.identity import RunKey
from quant_platform_kit.domain.runs import Outcome, RunClaim, RunReport
from quant_platform_kit.services.operate.switches import switched_off
from quant_platform_kit.services.record.leases import read_lease
from quant_platform_kit.services.record.ledger import DecisionLedger
from quant_platform_kit.services.record.overlay_store import Scratch
from quant_platform_kit.services.run.deciding import Deciding
from quant_platform_kit.services.run.footing import footing_of
from quant_platform_kit.services.run.misreading import otherwise
from quant_platform_kit.services.run.objections import objections
from quant_platform_kit.services.run.plan_making import doubted, make_plan, outside_changes, take_inputs
from quant_platform_kit.services.run.report_building import decided_report, undecided_report, undecided_since
from quant_platform_kit.services.run.request import RunPorts, RunRequest

__all__ = ["probe"]


def probe(request: RunRequest, claim: RunClaim, ports: RunPorts, policy: ExecutionPolicy) -> RunReport:
    """Take the inputs, decide and plan as the next run of ``request.ahead_of`` would now; nothing of it is kept.

    It goes on with the decisions of those runs, and reports all that would keep them from sending. While a run is open
    on the account it reports just that: a login of its own would cut the run's connection.
    """
    key: RunKey = request.key
    lease = read_lease(ports.store, key.account_id)
    last = ports.reports.find(lease.last_run) if lease and lease.last_run else None
    if lease and lease.open_run:
        reasons = [f"run {lease.open_run} is open, held by {lease.holder}: probe again when it has ended"]
        return undecided_report(claim, Outcome.SKIPPED, reasons, None, ports.clock, last)
    ports.broker.connect()
    ahead = replace(claim, key=replace(key, mode=request.ahead_of))
    ledger = DecisionLedger(Scratch(ports.store), key.account_id, claim.profile, request.ahead_of)
    deciding = Deciding(request.strategy, policy, ports.calendar, ledger, key.run_id, undecided_since(ahead, last))
    inputs = take_inputs(request, deciding, claim.as_of, ports, last, policy)
    inputs = doubted(inputs, ports.store, policy.limits)
    situation = deciding.situation(inputs.observation, enter_now=request.enter_now)
    findings = outside_changes(inputs, ports, last)
    plan, refused = make_plan(key, situation, inputs, ports, policy, findings)
    footing = footing_of(request, ports, last)
    refused = [*objections(request, ports.store, lease, inputs, findings), *refused, *footing.refused]
    if request.ahead_of.submits:
        refused += switched_off(ports.store, request.service, key.account_id, request.ahead_of)
    base = undecided_report(claim, Outcome.NO_ACTION, [], None, ports.clock, last)
    told = (*findings, *otherwise(ports.seen.misread))
    base = replace(base, findings=told, contacted=footing.contacted)
    return footing.said(decided_report(base, situation, plan if plan and plan.plan.orders else None, refused, inputs))
