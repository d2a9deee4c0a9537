"""How a person does without what live trading needs: create-only objects ``unready/<account>/<UTC time>``.

It is said for one version of one client library, and of what stood against the account at that moment. A later version,
or what is refuted later, blocks again.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import AuditEntry, Operator
from quant_platform_kit.services.record.objects import decode, encode

__all__ = ["Waiver", "waive", "waivers_of"]

_ROOT = "unready"


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who did without, when and why.

    Attributes
    ----------
    client
        For which library, as `Client.text`.
    refuted
        Ids of the assumptions that were refuted then: they block no more with this library.
    """

    client: str
    refuted: tuple[str, ...]
    entry: AuditEntry


def waive(operator: Operator, account: str, client: Client, refuted: tuple[str, ...], reason: str) -> Waiver:
    """Let an account trade live with a library though it is not ready; audited, durable when it returns."""
    entry = operator.audit("unready", reason, account=account, client=client.text, refuted=" ".join(refuted) or None)
    waiver = Waiver(client.text, refuted, entry)
    key = f"{_ROOT}/{account}/{entry.at:%Y-%m-%dT%H-%M-%S.%fZ}"
    with suppress(Conflict):
        operator.store.create(key, encode(waiver, key))
    return waiver


def waivers_of(store: VersionedStore, account: str) -> list[Waiver]:
    """Return what was waived for an account, oldest first; raises `Damaged` for an object that was changed."""
    found = {key: store.get(key) for key in sorted(store.keys(f"{_ROOT}/{account}/"))}
    return [decode(Waiver, stored.data, key) for key, stored in found.items() if stored]
