"""Who may do what: the policies of resources, with the etag that every write has to bring."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, cast

from venue_sandbox.cloud.roles import ROLES, allows

__all__ = ["BadPolicy", "Policies", "Policy", "StalePolicy"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS policies (name TEXT PRIMARY KEY, version INTEGER NOT NULL, bindings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS own_roles (name TEXT PRIMARY KEY, permissions TEXT NOT NULL);
"""
ROLE = re.compile(r"roles/[A-Za-z0-9.]+|projects/[a-z0-9:.-]+/roles/[A-Za-z0-9_.]{3,64}", re.ASCII)
MEMBER = re.compile(r"allUsers|allAuthenticatedUsers|(user|group|domain|serviceAccount):.+", re.ASCII)
FIELDS = frozenset({"version", "etag", "bindings", "kind", "resourceId", "auditConfigs"})

Policy = dict[str, Any]


class BadPolicy(ValueError):
    """A policy that cannot be meant."""


class StalePolicy(RuntimeError):
    """A policy was planned on one that is no more."""


class Policies:
    """The policies by the names of their resources; a resource that has none yet has an empty one.

    Parameters
    ----------
    database
        Where they are kept.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(SCHEMA)

    def get(self, name: str) -> Policy:
        """Return the policy of a resource."""
        version, bindings = self._read(name)
        made: Policy = {"version": 1, "etag": _etag(version)}
        return {**made, "bindings": bindings} if bindings else made

    def put(self, name: str, policy: object) -> Policy:
        """Replace the policy of a resource.

        Raises
        ------
        BadPolicy
            It is none.
        StalePolicy
            It brings the etag of another one than is there.
        """
        if not isinstance(policy, dict):
            raise BadPolicy(f"policy is {policy!r}, but it is a JSON object")
        wanted = cast("Policy", policy)
        if unknown := sorted(set(wanted) - FIELDS):
            raise BadPolicy(f"Unknown name \"{unknown[0]}\" at 'policy': Cannot find field.")
        version, _ = self._read(name)
        if wanted.get("etag") not in (None, "", _etag(version)):
            raise StalePolicy("There were concurrent policy changes. Please retry the whole read-modify-write.")
        bindings = json.dumps(_bindings(wanted.get("bindings") or []))
        self._database.execute("INSERT OR REPLACE INTO policies VALUES (?, ?, ?)", (name, version + 1, bindings))
        return self.get(name)

    def known(self, name: str) -> bool:
        """Whether a resource was ever given a policy."""
        return self._read(name)[0] > 0

    def allows(self, name: str, role: str, member: str) -> bool:
        """Whether the policy of a resource gives a member a role."""
        _, bindings = self._read(name)
        return any(one["role"] == role and member in one["members"] for one in bindings)

    def define(self, role: str, permissions: Iterable[str]) -> None:
        """Say what a role of the project's own allows."""
        row = (role, json.dumps(sorted(permissions)))
        self._database.execute("INSERT OR REPLACE INTO own_roles VALUES (?, ?)", row)

    def permits(self, member: str, permission: str, resources: Iterable[str]) -> bool:
        """Whether the policy of any of some resources gives a member a role with a permission.

        Parameters
        ----------
        resources
            Their names; ``*`` stands for anything in one.
        """
        for resource in resources:
            rows = self._database.execute("SELECT bindings FROM policies WHERE name GLOB ?", (resource,)).fetchall()
            given = (one["role"] for (bindings,) in rows for one in json.loads(bindings) if member in one["members"])
            if any(allows(self._allowed(role), permission) for role in given):
                return True
        return False

    def _allowed(self, role: str) -> Iterable[str]:
        if role in ROLES:
            return ROLES[role]
        row = self._database.execute("SELECT permissions FROM own_roles WHERE name = ?", (role,)).fetchone()
        return () if row is None else json.loads(row[0])

    def _read(self, name: str) -> tuple[int, list[Policy]]:
        row = self._database.execute("SELECT version, bindings FROM policies WHERE name = ?", (name,)).fetchone()
        return (0, []) if row is None else (row[0], json.loads(row[1]))


def _bindings(wanted: object) -> list[Policy]:
    """Return bindings with each role once and its members in order."""
    if not isinstance(wanted, list):
        raise BadPolicy(f"policy.bindings is {wanted!r}, but it is a list")
    found: dict[str, set[str]] = {}
    for one in cast("list[Mapping[str, Any]]", wanted):
        role: Any = one.get("role")
        members: list[Any] = one.get("members") or []
        if one.get("condition"):
            raise BadPolicy("policy.bindings.condition is not served.")
        if not isinstance(role, str) or not ROLE.fullmatch(role):
            raise BadPolicy(f"Role {role!r} is not supported for this resource.")
        for member in members:
            if not isinstance(member, str) or not MEMBER.fullmatch(member):
                raise BadPolicy(f"Invalid member: {member!r}")
            found.setdefault(role, set()).add(member)
    return [{"role": role, "members": sorted(found[role])} for role in sorted(found)]


def _etag(version: int) -> str:
    return base64.b64encode(f"policy/{version}".encode()).decode()
