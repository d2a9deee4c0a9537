"""What a run knows of the account's readiness for live trading, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.services.operate.going_live.rule import against_live
from quant_platform_kit.services.operate.going_live.standing import standing_of
from quant_platform_kit.services.run.request import RunPorts, RunRequest

__all__ = ["Footing", "footing_of"]


@dataclass(frozen=True, slots=True)
class Footing:
    """What of the account's readiness a run reports.

    Attributes
    ----------
    contacted
        As in `RunReport`, with the run's own library where the account was met with it.
    refused
        Why a live run sends nothing.
    remarks
        The same for a run that sends nothing anyway.
    """

    contacted: tuple[str, ...] | None
    refused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def said(self, report: RunReport) -> RunReport:
        """Return a report with the remarks."""
        return replace(report, reasons=(*report.reasons, *self.remarks)) if self.remarks else report


def footing_of(request: RunRequest, ports: RunPorts, last: RunReport | None) -> Footing:
    """Return what is to be said before live trading; nothing in a run that is about a paper account.

    Parameters
    ----------
    last
        The account's last report.
    """
    known = last.contacted if last else None
    if request.client is None or request.aims_at is Mode.PAPER:
        return Footing(known)
    client = replace(request.client, login=ports.whose())
    standing = standing_of(ports.store, request.key.account_id, client, known)
    met = {*(known or ())}
    if standing.is_met:
        met = met - {client.text} | {client.met}
    against = tuple(against_live(standing))
    if request.aims_at is Mode.LIVE:
        return Footing(tuple(sorted(met)), refused=against)
    return Footing(tuple(sorted(met)), remarks=tuple(f"before live: {reason}" for reason in against))
