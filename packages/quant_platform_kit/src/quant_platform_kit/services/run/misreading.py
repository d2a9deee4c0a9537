"""What of a broker's documents is other than its adapter believes, as a run tells it.

What an account is sized by blocks, in every run that sees it, until it is accepted. All else is told once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quant_platform_kit.domain.beliefs import Difference
from quant_platform_kit.domain.reconciliation import Discrepancy, Finding
from quant_platform_kit.services.record.seen import Misread
from quant_platform_kit.services.run.request import RunPorts, RunRequest

__all__ = ["money_misread", "otherwise", "tell_once", "to_tell"]


def money_misread(ports: RunPorts) -> list[Finding]:
    """Name what the account would be sized by and is told otherwise."""
    texts = (
        f"{each.text}; compare the account with the broker's own pages" for each in ports.seen.misread if each.blocks
    )
    return [Finding(Discrepancy.MISREAD_MONEY, text) for text in texts]


def otherwise(differences: Iterable[Difference]) -> tuple[Finding, ...]:
    """Name differences that do not block."""
    return tuple(Finding(Discrepancy.MISREAD, each.text) for each in differences if not each.blocks)


def to_tell(request: RunRequest, ports: RunPorts) -> Sequence[Difference]:
    """Return what a run has to tell of that none of the account's runs told of; all of it in a run that sends nothing.

    Raises
    ------
    StoreError
        What was told cannot be read.
    """
    found = ports.seen.misread
    return Misread(ports.store, request.key.account_id).new(found) if request.key.mode.submits else found


def tell_once(request: RunRequest, ports: RunPorts, told: Iterable[Difference]) -> None:
    """Record what a published report told of; a run that sends nothing leaves it to the next one that does."""
    if request.key.mode.submits:
        Misread(ports.store, request.key.account_id).told(told)
