"""Whether what was recorded is whole: every object's seal, every account's chain, and what must stand beside what.

Every object is read once. What cannot be found this way is listed in ``docs/reference/store.md``.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quant_platform_kit.domain.errors import Damaged, InvalidInput
from quant_platform_kit.domain.runs import Outcome
from quant_platform_kit.ports.versioned_store import VersionedStore
from quant_platform_kit.services.operate.audit import audit_number, switches_asked_for
from quant_platform_kit.services.operate.switches import entry_number
from quant_platform_kit.services.record.leases import LeaseState
from quant_platform_kit.services.record.objects import Link, decode, link_of
from quant_platform_kit.services.record.report_store import content_of
from quant_platform_kit.services.record.restarts import Restart

__all__ = ["Damage", "Verification", "verify"]

_DECISIONS = ("REBALANCE", "HOLD")
_REPORTS, _SWITCHES = ("runs/", "inputs/"), ("halts/", "allowed/")
_INPUTS = re.compile(rb'"(?:inputs":{"digest|history)":"([0-9a-f]{64})"')
_TELL_EVERY = 100
_STEP = re.compile(r"(.+)\.([0-9]{3})")


@dataclass(frozen=True, slots=True)
class Damage:
    """An object that is missing or was changed, or a place where one must be missing, and what tells that."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was read, and what of it is not whole; damage by key.

    Attributes
    ----------
    given_up
        Damage that an operator knew of when he let an account begin anew.
    """

    objects: int
    accounts: tuple[str, ...]
    damage: tuple[Damage, ...]
    given_up: tuple[Damage, ...] = ()


def verify(
    store: VersionedStore, reports: VersionedStore, told: Callable[[int, int], None] | None = None
) -> Verification:
    """Read every object of a store and of the reports, and say what is missing or was changed.

    Parameters
    ----------
    told
        Told how many objects were read, and of how many.
    """
    keys = [key for key in store.keys("") if not key.startswith(_REPORTS)]
    others = [key for key in reports.keys("") if key.startswith(_REPORTS)]
    seen, every = _Seen(store, reports), len(keys) + len(others)
    for number, key in enumerate((*keys, *others), start=1):
        (seen.take if number <= len(keys) else seen.take_report)(key)
        if told and not number % _TELL_EVERY:
            told(number, every)
    for account, objects in sorted(seen.accounts.items()):
        _account(seen, account, objects)
    _inputs(seen, others)
    _operators(seen, keys)
    known = {key for given_up in seen.restarts for key in given_up.damage}
    damage = [Damage(*each) for each in sorted(seen.damage.items())]
    return Verification(
        every,
        tuple(sorted(seen.accounts)),
        tuple(each for each in damage if each.key not in known),
        tuple(each for each in damage if each.key in known),
    )


@dataclass(slots=True)
class _Seen:
    """What was read: per account its objects with their links, the leases, the reports.

    ``inputs`` has the digest of every input that something names, and what names it; ``sealed`` the switches' entries
    that have a seal, and so an audit.
    """

    store: VersionedStore
    reports_store: VersionedStore
    accounts: dict[str, dict[str, Link | None]] = field(default_factory=lambda: defaultdict(dict))
    leases: dict[str, tuple[LeaseState, Link | None]] = field(default_factory=dict[str, tuple[LeaseState, Any]])
    reports: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    damage: dict[str, str] = field(default_factory=dict[str, str])
    restarts: list[Restart] = field(default_factory=list[Restart])
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    sealed: set[str] = field(default_factory=set[str])

    def broken(self, key: str, text: str) -> None:
        """Note a damage; the first of a key counts."""
        self.damage.setdefault(key, text)

    def take(self, key: str) -> None:
        """Read an object of the store and check its seal."""
        account = key.split("/")[1] if key.startswith("accounts/") else None
        try:
            stored = self.store.get(key)
            if stored is None:
                self.broken(key, "was listed and cannot be read")
                return
            link = link_of(stored.data, key)
            if account and key.endswith("/lease"):
                self.leases[account] = decode(LeaseState, stored.data, key), link
            elif key.startswith(("restarts/", "acknowledged/")):
                self.restarts.append(decode(Restart, stored.data, key))
            elif b'"sha256":"' not in stored.data[-90:]:
                json.loads(stored.data)
            elif key.startswith(_SWITCHES):
                self.sealed.add(key)
            if key.endswith("/plan"):
                self._names_inputs(key, stored.data)
        except (Damaged, InvalidInput) as error:
            self.broken(key, str(error))
            link = None
        except ValueError as error:
            self.broken(key, f"object {key} is damaged: {error}")
            link = None
        if account:
            self.accounts[account][key] = link

    def _names_inputs(self, key: str, content: bytes) -> None:
        for digest in _INPUTS.findall(content):
            self.inputs[digest.decode()] = key

    def take_report(self, key: str) -> None:
        """Read a report or recorded inputs and check its digest."""
        kind, _, name = key.partition("/")
        try:
            stored = self.reports_store.get(key)
            content = content_of(kind, name, stored.data if stored else b"")
            self._names_inputs(key, content)
            if kind == "runs":
                self.reports[name] = json.loads(content)
        except (Damaged, InvalidInput, ValueError) as error:
            self.broken(key, str(error))
            if kind == "runs":
                self.reports[name] = {}


# --- one account ------------------------------------------------------------------------------------


def _account(seen: _Seen, account: str, objects: Mapping[str, Link | None]) -> None:
    root = f"accounts/{account}"
    state, lease = seen.leases.get(account, (None, None))
    if state is None:
        seen.broken(f"{root}/lease", "the account has objects and no lease")
    if seen.store.get(f"owners/{account}") is None:
        seen.broken(f"owners/{account}", "the account has had runs and no owner")
    _chain(seen, root, {key: link for key, link in objects.items() if not key.endswith("/lease")}, lease)
    runs, decisions = _folders(objects, f"{root}/runs/"), _folders(objects, f"{root}/decisions/")
    for run, names in runs.items():
        _run(seen, f"{root}/runs/{run}", names, is_open=state is not None and state.open_run == run)
    if state is not None and state.last_run and state.last_run not in seen.reports:
        seen.broken(f"runs/{state.last_run}", "the report of the account's last run is missing")
    for folder, names in decisions.items():
        if not names.intersection(_DECISIONS):
            seen.broken(f"{root}/decisions/{folder}", f"it has {', '.join(sorted(names))} and no decision")
    _reported(seen, account, decisions)


def _chain(seen: _Seen, root: str, objects: Mapping[str, Link | None], lease: Link | None) -> None:
    """Check that every object's predecessor is there, and the newest one when the lease was written.

    The first object has none, nor has the first one after an operator let the account begin anew.
    """
    digests = {link.digest for link in objects.values() if link}
    for key, link in objects.items():
        if link and link.previous and link.previous not in digests:
            seen.broken(
                f"{root} number {link.number - 1}", f"object {link.number - 1}, before {key}, is missing or damaged"
            )
        run = key.removeprefix(f"{root}/runs/").partition("/")[0]
        if link is None and objects.get(f"{root}/runs/{run}/claim"):
            seen.broken(key, "it has no place among the account's objects")
    if lease and lease.previous and lease.previous not in digests:
        text = f"object {lease.number}, the newest when the lease was written, is missing or damaged"
        seen.broken(f"{root} number {lease.number}", text)


def _folders(keys: Iterable[str], root: str) -> dict[str, set[str]]:
    """Return the names in every run, or every decision, below a root."""
    depth = 1 if root.endswith("/runs/") else len("profile/mode/session".split("/"))
    found: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        if key.startswith(root):
            parts = key.removeprefix(root).split("/")
            found["/".join(parts[:depth])].add("/".join(parts[depth:]))
    return found


def _run(seen: _Seen, root: str, names: set[str], *, is_open: bool) -> None:
    """Check what must stand beside what in a run."""
    made = {name for name in names if name != "claim" and not name.startswith("attempts/")}
    _steps(seen, root, made)
    if "session" in names:  # a live session has terms in place of claim and plan, and no report
        return
    if made and "claim" not in names:
        seen.broken(f"{root}/claim", f"it is missing, and {min(made)} is there")
    if made - {"plan"} and "plan" not in names:
        seen.broken(f"{root}/plan", f"it is missing, and {min(made)} is there")
    run = root.rpartition("/")[2]
    given_up = {restart.open_run for restart in seen.restarts}
    if "claim" in names and not is_open and run not in seen.reports and run not in given_up:
        seen.broken(f"runs/{run}", "the run has ended and its report is missing")


def _steps(seen: _Seen, root: str, made: set[str]) -> None:
    """Check that no step of an order is missing before a later one."""
    steps: dict[str, set[int]] = defaultdict(set)
    for name in sorted(made):
        if step := _STEP.fullmatch(name):
            steps[step[1]].add(int(step[2]))
    for order, numbers in steps.items():
        for number in sorted(set(range(1, max(numbers))) - numbers):
            seen.broken(f"{root}/{order}.{number:03}", "it is missing, and later steps of the order are there")


def _reported(seen: _Seen, account: str, decisions: Mapping[str, set[str]]) -> None:
    """Check that what reports say was executed or bought is marked so."""
    for run, report in seen.reports.items():
        key = report.get("key", {})
        sent = report.get("orders") and report.get("executes") and key.get("mode") in ("paper", "live")
        if not sent or key.get("account_id") != account:
            continue
        folder = f"{report['profile']}/{key['mode']}/{report['executes']}"
        names = decisions.get(folder, set[str]())
        bought = any(order["side"] == "BUY" and order["filled"] != "0" for order in report["orders"])
        if report["outcome"] == Outcome.COMPLETED.value and "executed" not in names:
            lost = "executed"
        elif report["outcome"] != Outcome.COMPLETED.value and bought and f"spent-{run}" not in names:
            lost = f"spent-{run}"
        else:
            continue
        seen.broken(f"accounts/{account}/decisions/{folder}/{lost}", f"the report of run {run} says that it was")


# --- inputs and operators -----------------------------------------------------------------------------


def _inputs(seen: _Seen, keys: Iterable[str]) -> None:
    there = set(keys)
    for digest, named_by in seen.inputs.items():
        if f"inputs/{digest}" not in there:
            seen.broken(f"inputs/{digest}", f"it is missing, and {named_by} names it")


def _operators(seen: _Seen, keys: Iterable[str]) -> None:
    """Check the numbers of what operators did, and that every switch and its audit stand beside each other."""
    audit = [key for key in keys if key.startswith("audit/")]
    numbers = {audit_number(key) for key in audit} - {0}
    for number in sorted(set(range(1, max(numbers, default=0))) - numbers):
        seen.broken(f"audit number {number:06}", "it is missing, and later ones are there")
    asked = switches_asked_for(audit)
    entries = {key for key in keys if key.startswith(_SWITCHES)}
    for key in sorted(asked - entries):
        seen.broken(key, "the audit has it, and the store does not")
    for key in sorted(seen.sealed - asked):
        seen.broken(f"audit of {key}", "it is missing, and the switch is there")
    scopes: dict[str, set[int]] = defaultdict(set)
    for key in sorted(entries):
        if number := entry_number(key):
            scopes[key.rpartition("/")[0]].add(number)
        else:
            seen.broken(key, "it is no entry of a switch, and counts as none")
    for scope, there in scopes.items():
        for number in sorted(set(range(1, max(there))) - there):
            if not any(key.startswith(f"{scope}/{number:06}") for key in asked):
                seen.broken(f"{scope}/{number:06}", "it is missing, and later ones are there")
