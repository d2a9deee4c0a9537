"""The audit keeps every entry, and lists them oldest first."""

from __future__ import annotations

from datetime import date, timedelta

from quant_platform_kit.services.operate.audit import audit_entries
from quant_platform_kit.services.operate.halting import set_halt

from ...lossy_account import WED, World


def test_the_audit_is_listed_oldest_first_and_from_a_date_on(world: World) -> None:
    for scope in ("all", "service-a"):
        set_halt(world.operator, scope, f"why {scope}", on=True)
        world.clock.instant += timedelta(days=1)
    world.clock.instant += timedelta(days=1)
    set_halt(world.operator, "all", "calm", on=False)
    assert world.commands == ["halt", "halt", "resume"]
    assert [entry.why for entry in audit_entries(world.store, WED)] == ["why service-a", "calm"]
    assert audit_entries(world.store, date(2023, 12, 24)) == []


def test_two_entries_of_one_moment_are_both_kept(world: World) -> None:
    for number in range(20):
        world.operator.audit("test", "", number=number, absent=None)
    found = audit_entries(world.store)
    assert sorted(int(entry.arguments["number"]) for entry in found) == list(range(20))
    assert all(entry.arguments.keys() == {"number"} for entry in found)
    assert len(world.store.keys("audit/")) == 20
