"""Going on with records that are damaged and have no backup: ``restarts/<account>/<n>``, ``acknowledged/<n>``.

What is damaged stays as it is, and is known from then on. The open run is given up, decisions so far are not executed
any more, and the account is one that the store does not know: halted, and blocked until it is accepted. What belongs to
no account, such as recorded inputs or an entry of the audit, is only acknowledged: nothing is traded by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from quant_platform_kit.domain.errors import Conflict, Damaged, Refused
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.switches import halts
from quant_platform_kit.services.operate.verifying import verify
from quant_platform_kit.services.record.chain import append
from quant_platform_kit.services.record.leases import LeaseState, lease_key, read_lease, require_free
from quant_platform_kit.services.record.objects import Link, encode, link_of
from quant_platform_kit.services.record.restarts import Restart

__all__ = ["acknowledge", "restart"]


def restart(operator: Operator, reports: VersionedStore, account_id: str, reason: str) -> Restart:
    """Give up what is damaged of an account, and let its records begin anew.

    Raises
    ------
    Refused
        Nothing of it is damaged; nothing was changed.
    InProgress
        A worker is on the account; one who came meanwhile finds it halted.
    """
    store = operator.store
    damage = _damage(store, reports, account_id)
    if not damage:
        raise Refused(f"nothing of account {account_id} is damaged: there is nothing to give up")
    state = _idle(store, account_id)
    asked = operator.audit("restart", reason, account=account_id)
    scope = f"account-{account_id}"
    halts(store).command(operator, "halt", scope, reason, on=True, scope=scope)
    known = Restart(account_id, asked.who, reason, asked.at, damage, state.open_run if state else None)
    number = len(store.keys(f"restarts/{account_id}/")) + 1
    key = f"restarts/{account_id}/{number}"
    store.create(key, encode(known, key))
    _idle(store, account_id)
    _finish_decisions(store, account_id)
    _begin_anew(store, account_id, operator.who, state)
    return known


def acknowledge(operator: Operator, reports: VersionedStore, keys: Sequence[str], reason: str) -> Restart:
    """Take note of damage that belongs to no account, so that a verification passes it over.

    Raises
    ------
    Refused
        A key is not damaged, or an account's: that one has to begin anew; nothing was changed.
    """
    store = operator.store
    known = {each.key: each.text for each in verify(store, reports).damage}
    for key in keys:
        if key not in known:
            raise Refused(f"{key} is not damaged; `quant ledger verify` names what is")
        if key.startswith(("accounts/", "owners/")):
            raise Refused(f"{key} is an account's, which goes by it: see `quant ledger restart`")
    asked = operator.audit("acknowledge", reason, keys=" ".join(keys))
    noted = Restart("", asked.who, reason, asked.at, {key: known[key] for key in keys}, None)
    number = len(store.keys("acknowledged/")) + 1
    place = f"acknowledged/{number:06}"
    store.create(place, encode(noted, place))
    return noted


def _damage(store: VersionedStore, reports: VersionedStore, account_id: str) -> dict[str, str]:
    """Return what is damaged of an account, by key; a report is its own if the ledger has the run."""
    root = f"accounts/{account_id}"
    runs = {key.split("/")[3] for key in store.keys(f"{root}/runs/")}
    with suppress(Damaged):
        state = read_lease(store, account_id)
        runs |= {state.last_run} if state and state.last_run else set[str]()
    return {
        each.key: each.text
        for each in verify(store, reports).damage
        if each.key.startswith((f"{root}/", f"{root} "))
        or each.key == f"owners/{account_id}"
        or (each.key.startswith("runs/") and each.key.removeprefix("runs/") in runs)
    }


def _idle(store: VersionedStore, account_id: str) -> LeaseState | None:
    """Return the lease, None where it is lost; raise `InProgress` while a worker holds it."""
    try:
        state = read_lease(store, account_id)
    except Damaged:
        return None
    require_free(store, state)
    return state


def _finish_decisions(store: VersionedStore, account_id: str) -> None:
    """Mark every decision of the account as executed: what became of it stands at the broker."""
    folders = {key.rpartition("/")[0] for key in store.keys(f"accounts/{account_id}/decisions/")}
    for folder in sorted(folders):
        try:
            append(store, None, f"{folder}/executed", {"run_id": "restart"})
        except Conflict:
            continue


def _begin_anew(store: VersionedStore, account_id: str, who: str, state: LeaseState | None) -> None:
    """Write a lease without a past, under which numbers go on: what was written before is older than all to come."""
    key = lease_key(account_id)
    links = list(_links(store, account_id))
    epoch = max((link.epoch for link in links), default=0)
    number = max((link.number for link in links), default=0)
    epoch = max(epoch, state.epoch if state else 0) + 1
    data = encode(LeaseState(f"operator {who}", epoch, None), key, Link(epoch, number, ""))
    stored = store.get(key)
    if stored is None:
        store.create(key, data)
    else:
        _idle(store, account_id)
        store.replace(key, data, stored.generation)


def _links(store: VersionedStore, account_id: str) -> Iterator[Link]:
    """Yield the places of the account's objects that can be read, the lease's among them."""
    for key in store.keys(f"accounts/{account_id}/"):
        stored = store.get(key)
        with suppress(Damaged):
            if stored and (link := link_of(stored.data, key)):
                yield link
