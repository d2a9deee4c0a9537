"""Where an account stands before live trading, as the store knows it."""

from __future__ import annotations

from collections.abc import Collection

from quant_platform_kit.domain.client import Client
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.assumptions import Verdict, verdicts
from quant_platform_kit.services.operate.contact.result import Contact, contacts_of
from quant_platform_kit.services.operate.going_live.rule import Standing
from quant_platform_kit.services.operate.going_live.waiving import Waiver, waivers_of

__all__ = ["contact_with", "standing_of", "traded_live"]


def standing_of(store: VersionedStore, account: str, client: Client, contacted: Collection[str] | None) -> Standing:
    """Return where an account stands with a client library.

    Where the last run was with this library and nothing is refuted, that takes one listing.

    Parameters
    ----------
    contacted
        As the account's last report has it, see `RunReport`; None where that was written before anybody asked.
    """
    tested = verdicts(store, account)
    refuted = {identity for identity, verdict in tested.items() if verdict is Verdict.REFUTED}
    is_met = contacted is not None and client.is_met(contacted)
    if is_met and not refuted:
        return Standing(account, client, is_met)
    waivers = [waiver for waiver in waivers_of(store, account) if waiver.client == client.text]
    is_met = is_met or bool(waivers) or _is_met(store, account, client, contacted)
    return Standing(account, client, is_met, sorted(refuted - _lifted(waivers)))


def contact_with(store: VersionedStore, account: str, client: Client) -> Contact | None:
    """Return the newest contact of an account with a client library and login, whatever it found; None without one."""
    return next((each for each in contacts_of(store, account) if client.is_met([_client_of(each)])), None)


def traded_live(store: VersionedStore, account: str) -> bool:
    """Whether a live run of the account ever executed a decision, or a part of one; one listing."""
    keys = (key.split("/") for key in store.keys(f"accounts/{account}/decisions/"))
    return any(mode == Mode.LIVE.value and name.startswith(("executed", "spent-")) for *_, mode, _session, name in keys)


def _is_met(store: VersionedStore, account: str, client: Client, contacted: Collection[str] | None) -> bool:
    """Whether the runs of a version before this rule say so, which did not record their library, or a contact does."""
    if contacted is None and traded_live(store, account):
        return True
    contact = contact_with(store, account, client)
    return contact is not None and not contact.blocks


def _client_of(contact: Contact) -> str:
    return Client(contact.platform, contact.library, contact.version, contact.login).met


def _lifted(waivers: Collection[Waiver]) -> set[str]:
    return {identity for waiver in waivers for identity in waiver.refuted}
