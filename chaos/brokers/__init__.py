"""The brokers of the campaigns: every stand, with the plan in the module of its name, or the common one."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import Stand

from chaos.brokers.plan import Plan

__all__ = ["BROKERS", "LOADED"]


def _plan(stand: type[Stand]) -> Plan:
    own = f"chaos.brokers.{stand.name}"
    return import_module(own).PLAN if find_spec(own) else Plan(stand)


BROKERS: Mapping[str, Plan] = {name: _plan(stand) for name, stand in STANDS.items()}
LOADED = (*(f"{stand.app}.compose" for stand in STANDS.values()), "ib_async", "schwab")
"""What the parent of workers imports before it forks; LongBridge's libraries run in processes of their own."""
