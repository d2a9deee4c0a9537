"""The rule of live trading beside the switches: an account is met before it is traded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from quant_platform_kit.domain.client import Client

__all__ = ["Standing", "against_live", "contact_line"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an account and a client library, as far as live trading rests on it.

    Attributes
    ----------
    is_met
        Whether a contact with this library and version found nothing that blocks, a live run was completed with it, or
        a person did without.
    refuted
        Ids of the assumptions that a test refuted and nobody has lifted, ascending.
    """

    account: str
    client: Client
    is_met: bool
    refuted: Collection[str] = ()


def against_live(standing: Standing) -> list[str]:
    """Return what forbids the account to trade live, each with the command to type; empty if nothing does."""
    client, account, reasons = standing.client, standing.account, list[str]()
    if not standing.is_met:
        reasons.append(
            f"account {account} was never met with {client.met} without something that blocks: "
            f"{contact_line(client.platform)}"
        )
    reasons += [
        f"a test refuted {identity} on account {account}: see docs/assumptions.md, and lift it with "
        f"`quant ready --platform {client.platform} --account {account} --unready --reason TEXT`"
        for identity in standing.refuted
    ]
    return reasons


def contact_line(platform: str) -> str:
    """Return what to type to meet the accounts of a platform."""
    return f"type `quant contact --platform {platform}` with the settings of its service"
