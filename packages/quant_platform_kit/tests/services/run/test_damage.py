"""A store that lost or changed an object: nothing is sent twice or skipped silently, and the damage is named."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from quant_platform_kit.adapters.store_keys import check_key
from quant_platform_kit.domain.boundaries import Boundary
from quant_platform_kit.domain.errors import Damaged, InProgress, Refused, StoreError
from quant_platform_kit.domain.identity import Mode
from quant_platform_kit.domain.orders import OrderState
from quant_platform_kit.domain.reconciliation import Discrepancy
from quant_platform_kit.domain.runs import Outcome, RunReport
from quant_platform_kit.domain.silence import AfterSilence, BrokerTraits
from quant_platform_kit.ports.versioned_store import Stored
from quant_platform_kit.services.operate.acceptance import accept
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from quant_platform_kit.services.operate.restarting import acknowledge, restart
from quant_platform_kit.services.operate.switches import halts
from quant_platform_kit.services.operate.verifying import verify
from quant_platform_kit.services.record.chain import Chain
from quant_platform_kit.services.record.leases import AccountLease, LeaseTerms
from quant_platform_kit.services.record.objects import link_of

from ...exactly_once import ACCOUNT, MemoryStore, Way, World, following, prices

MON, TUE, WED, THU = (date(2023, 11, day) for day in (27, 28, 29, 30))
HALVES = {"AAA": 0.5, "BBB": 0.5}
MOVE = {"AAA": 0.1, "BBB": 0.9}
ROOT = f"accounts/{ACCOUNT}"


def world(dedupe: bool = False) -> World:
    """Return an account that holds halves, and is to move to nine tenths in the session of Wednesday."""
    made = World(
        prices(MON, AAA=[100.0, 100, 100, 100], BBB=[50.0] * 4), following({MON: HALVES, TUE: MOVE}, buy_only=False)
    )
    assert made.run(TUE).outcome is Outcome.COMPLETED
    made.desk.dedupe = dedupe
    return made


def goes_on(made: World, session: date = WED) -> RunReport | Exception:
    """Let the next worker run, after the lease and the window are over; return how that ended."""
    made.clock.sleep(300)
    try:
        return made.run(session)
    except StoreError as error:
        return error


def named(made: World) -> set[str]:
    """Return what is not whole."""
    return {damage.key for damage in verify(made.store, made.report_store).damage}


def step_of(made: World, state: OrderState) -> str:
    """Return the key of the only step into a state that the open run has recorded."""
    run = made.lease().open_run
    return next(
        key
        for key, stored in sorted(made.store.objects.items())
        if key.startswith(f"{ROOT}/runs/{run}/orders/") and f'"state":"{state.value}"'.encode() in stored.data
    )


# --- a resumed run ----------------------------------------------------------------------------------


@pytest.mark.parametrize("traits", [BrokerTraits(), BrokerTraits(AfterSilence.BLOCK)])
def test_an_order_whose_step_was_lost_is_looked_up_and_not_sent_again(traits: BrokerTraits) -> None:
    made = world()
    made.desk.traits = replace(traits, visibility_window=timedelta(0))
    made.die_at(Boundary.ORDER_SENT, WED)
    del made.store.objects[step_of(made, OrderState.SENT)]
    sent = made.desk.sent.copy()
    report = goes_on(made)
    assert isinstance(report, RunReport)
    assert report.outcome is Outcome.BLOCKED
    assert "no record that it was sent: the ledger has lost an object" in " ".join(report.reasons)
    assert made.desk.sent["AAA"] == sent["AAA"] == 2
    assert made.lease().uncertain_runs


def test_a_step_lost_in_the_middle_stops_the_run_and_is_named() -> None:
    made = world()
    made.die_at(Boundary.ANSWER_RECORDED, WED)
    lost = step_of(made, OrderState.SENT)
    del made.store.objects[lost]
    error = goes_on(made)
    assert isinstance(error, Damaged)
    assert "is missing" in str(error)
    assert made.desk.sent == {"AAA": 1, "BBB": 1} | made.desk.sent
    assert lost in named(made) or any("number" in key for key in named(made))


@pytest.mark.parametrize("lost", ["claim", "plan"])
def test_a_run_without_its_claim_or_plan_is_damage(lost: str) -> None:
    made = world()
    made.die_at(Boundary.ORDER_SENT, WED)
    del made.store.objects[f"{ROOT}/runs/{made.lease().open_run}/{lost}"]
    assert isinstance(goes_on(made), Damaged)
    assert any(key.endswith(lost) or "number" in key for key in named(made))


def test_a_straggler_of_an_older_lease_is_no_damage() -> None:
    made = world()
    made.die_at(Boundary.SENT_RECORDED, WED)
    before = made.store.objects.copy()
    made.clock.sleep(300)
    assert made.run_now(WED).outcome is Outcome.COMPLETED
    run = next(key.split("/")[3] for key in before if "/orders/" in key and WED.isoformat() in key)
    key = f"{ROOT}/runs/{run}/attempts/000002"
    newest = max(
        (link for k, s in before.items() if k.startswith(f"{ROOT}/runs/{run}") and (link := link_of(s.data, k))),
        key=lambda link: link.number,
    )
    Chain(made.store, newest.epoch, newest).append(key, {"at": "2023-11-29T20:00:00Z", "holder": "x", "error": "y"})
    assert named(made) == set()
    assert made.run(THU).outcome is Outcome.NO_ACTION


# --- between runs -----------------------------------------------------------------------------------


def test_a_lost_lease_is_not_a_new_account() -> None:
    made = world()
    del made.store.objects[f"{ROOT}/lease"]
    assert isinstance(goes_on(made), Damaged)
    assert f"{ROOT}/lease" in named(made)


def test_a_lost_owner_does_not_let_another_service_in() -> None:
    made = world()
    del made.store.objects[f"owners/{ACCOUNT}"]
    made.clock.sleep(300)
    with pytest.raises(Damaged, match=f"owners/{ACCOUNT} is missing"):
        made.run(WED, service="another")
    assert f"owners/{ACCOUNT}" in named(made)


def test_a_lost_last_report_blocks() -> None:
    made = world()
    made.report_store.objects = {k: v for k, v in made.report_store.objects.items() if not k.startswith("runs/")}
    report = goes_on(made)
    assert isinstance(report, RunReport)
    assert report.outcome is Outcome.BLOCKED
    assert "the account's last, is missing" in report.reasons[0]


def test_a_run_that_ended_and_lost_its_report_is_not_run_again() -> None:
    made = world()
    run = made.lease().last_run
    del made.report_store.objects[f"runs/{run}"]
    with pytest.raises(Damaged, match="has ended and its report is missing"):
        made.run_now(TUE)
    assert made.desk.sent == {"AAA": 1, "BBB": 1}


def test_a_lost_mark_of_an_executed_decision_does_not_execute_it_again() -> None:
    made = world()
    assert made.run(WED).outcome is Outcome.COMPLETED
    sent = made.desk.sent.copy()
    del made.store.objects[f"{ROOT}/decisions/scripted/paper/{TUE}/executed"]
    made.desk.book.quantities["AAA"] = Decimal(1)
    report = made.run(THU, block_on=frozenset())
    assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
    assert f"executed the decision of {TUE}, and the ledger has lost that" in report.reasons[-1]
    assert made.desk.sent == sent
    assert any(key.endswith(f"{TUE}/executed") or "number" in key for key in named(made))


def test_what_a_contribution_bought_and_lost_is_not_bought_again() -> None:
    made = World(
        prices(MON, AAA=[100.0, 100, 100, 100], BBB=[50.0] * 4),
        following({MON: {"AAA": 0.5, "BBB": 0.0}}, buy_only=True),
    )
    made.desk.ways = {"AAA": [Way.HALF]}
    assert made.run(TUE).outcome is Outcome.INCOMPLETE
    lost = next(key for key in made.store.objects if "/spent-" in key)
    del made.store.objects[lost]
    report = made.run(WED)
    assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
    assert "bought for the decision" in report.reasons[-1]


# --- halts ------------------------------------------------------------------------------------------


def operator(made: World) -> Operator:
    """Return somebody at work on the store."""
    return Operator(made.store, made.clock, "mira")


@pytest.mark.parametrize("scope", ["all", "release-cli"])
def test_the_last_halt_lost_goes_on_halting_until_it_is_resumed(scope: str) -> None:
    made = world()
    set_halt(operator(made), scope, "storm", on=True)
    (halt,) = (key for key in made.store.objects if key.startswith("halts/"))
    del made.store.objects[halt]
    report = made.run(WED)
    assert report.outcome is Outcome.BLOCKED
    assert "the audit has this halt, the store has lost it" in report.reasons[0]
    assert halt in named(made)
    assert set_halt(operator(made), scope, "calm", on=False).changed
    assert made.run(THU).outcome is Outcome.COMPLETED


def test_a_lost_halt_stops_a_run_that_is_taken_over_too() -> None:
    made = world()
    made.die_at(Boundary.ANSWER_RECORDED, WED)
    set_halt(operator(made), f"account-{ACCOUNT}", "storm", on=True)
    (halt,) = (key for key in made.store.objects if key.startswith("halts/"))
    del made.store.objects[halt]
    sent = made.desk.sent.copy()
    goes_on(made)
    assert made.desk.sent == sent


def test_halts_are_numbered_and_so_are_the_entries_of_the_audit() -> None:
    made = world()
    for on in (True, False, True):
        set_halt(operator(made), "all", "storm", on=on)
    assert named(made) == set()
    second = next(key for key in made.store.objects if key.startswith("halts/all/000002"))
    del made.store.objects[second]
    assert second in named(made)
    first = min(key for key in made.store.objects if key.startswith("audit/"))
    del made.store.objects[first]
    assert "audit number 000001" in named(made)


# --- an account that the store does not know ----------------------------------------------------------


def holding() -> World:
    """Return an account with units, and a store that has never seen it."""
    made = World(prices(MON, AAA=[100.0, 100, 100, 100], BBB=[50.0] * 4), following({MON: HALVES, TUE: MOVE}))
    made.desk.book.quantities["AAA"] = Decimal(30)
    return made


def test_an_account_with_units_that_the_store_does_not_know_blocks_until_it_is_accepted() -> None:
    made = holding()
    for session in (TUE, WED):
        report = made.run(session)
        assert (report.outcome, report.orders) == (Outcome.BLOCKED, ())
        assert "the broker shows 30 AAA: is it the right store?" in report.reasons[-1]
        assert report.todo[-1].startswith("quant accept")
    accept(operator(made), made.reports, ACCOUNT, report.run_id, "moved here")
    assert made.run(THU).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PROBE])
def test_a_run_that_only_looks_shows_its_plan_and_the_finding(mode: Mode) -> None:
    report = holding().run(TUE, mode=mode)
    assert report.plan is not None
    assert [finding.kind for finding in report.findings] == [Discrepancy.UNKNOWN_ACCOUNT]


def test_a_dry_run_does_not_make_an_account_known() -> None:
    made = holding()
    made.run(TUE, mode=Mode.DRY_RUN)
    assert made.run(WED).outcome is Outcome.BLOCKED


def test_an_empty_account_needs_nobody() -> None:
    made = holding()
    made.desk.book.quantities.clear()
    assert made.run(TUE).outcome is Outcome.COMPLETED


def test_what_is_no_object_of_the_platform_is_named() -> None:
    made = world()
    stray = {"halts/all/foo", f"{ROOT}/decisions/scripted/paper/README"}
    for key in stray:
        made.store.create(key, b"{}")
    assert named(made) == stray
    with pytest.raises(Damaged, match=r"README is none of a decision's; move it out of the store"):
        made.run(WED)


def test_a_key_that_a_store_cannot_read_is_named_and_the_rest_is_verified() -> None:
    class Strict(MemoryStore):
        def get(self, key: str) -> Stored | None:
            check_key(key)
            return super().get(key)

    made = world()
    strict = Strict(made.clock)
    strict.objects = {**made.store.objects, "audit/2023-11-28T15-00-00+02": Stored(b"{}", 1)}
    (damage,) = verify(strict, made.report_store).damage
    assert damage.key == "audit/2023-11-28T15-00-00+02"


# --- going on without a backup ------------------------------------------------------------------------


def test_an_account_whose_records_are_lost_begins_anew_and_is_asked_about() -> None:
    made = world()
    made.die_at(Boundary.ANSWER_RECORDED, WED)
    del made.store.objects[f"{ROOT}/runs/{made.lease().open_run}/plan"]
    assert isinstance(goes_on(made), Damaged)
    made.clock.sleep(300)
    given_up = restart(operator(made), made.report_store, ACCOUNT, "no backup")
    assert given_up.damage
    assert named(made) == set()
    assert "halted" in made.run(WED, "second").reasons[0]
    set_halt(operator(made), f"account-{ACCOUNT}", "looked", on=False)
    blocked = made.run(WED, "third")
    assert "is it the right store?" in blocked.reasons[-1]
    accept(operator(made), made.reports, ACCOUNT, blocked.run_id, "looked")
    sent = made.desk.sent.copy()
    assert made.run(THU).orders == ()
    assert made.desk.sent == sent


def test_a_restart_gives_up_nothing_of_another_account() -> None:
    made = world()
    run = made.lease().last_run
    made.report_store.objects[f"runs/{run}"] = Stored(b"{}", 1)
    made.report_store.objects["runs/2023-11-28.close.paper.ofanother"] = Stored(b"{}", 1)
    made.clock.sleep(300)
    given_up = restart(operator(made), made.report_store, ACCOUNT, "no backup")
    assert set(given_up.damage) == {f"runs/{run}"}
    assert named(made) == {"runs/2023-11-28.close.paper.ofanother"}


def test_a_restart_leaves_the_account_to_a_worker_who_came_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    made = world()
    del made.report_store.objects[f"runs/{made.lease().last_run}"]
    made.clock.sleep(300)
    create = made.store.create

    def and_a_worker_comes(key: str, data: bytes) -> int:
        if key.startswith("restarts/"):
            AccountLease.acquire(made.store, ACCOUNT, "another", LeaseTerms(), made.clock)
        return create(key, data)

    monkeypatch.setattr(made.store, "create", and_a_worker_comes)
    with pytest.raises(InProgress, match="another works on the account"):
        restart(operator(made), made.report_store, ACCOUNT, "no backup")
    assert made.lease().holder == "another"
    assert halts(made.store).on() == {f"account-{ACCOUNT}"}


@pytest.mark.parametrize("lost", ["plan", "decision", "lease"])
@pytest.mark.parametrize("boundary", [Boundary.CLAIMED, Boundary.DECISION_RECORDED])
def test_after_a_restart_runs_that_are_killed_are_recovered(boundary: Boundary, lost: str) -> None:
    made = world(dedupe=True)
    made.die_at(Boundary.ANSWER_RECORDED, WED)
    key = {
        "plan": f"{ROOT}/runs/{made.lease().open_run}/plan",
        "decision": max(key for key in made.store.objects if key.endswith("/REBALANCE")),
        "lease": f"{ROOT}/lease",
    }[lost]
    made.store.objects[key] = Stored(made.store.objects[key].data[:-9], 1)
    made.clock.sleep(300)
    restart(operator(made), made.report_store, ACCOUNT, "no backup")
    set_halt(operator(made), f"account-{ACCOUNT}", "looked", on=False)
    with pytest.raises(Damaged):
        made.run(WED)  # the run that was given up is not run again
    for slot in ("second", "third"):
        made.die_at(boundary, WED, slot)
        made.clock.sleep(300)
        report = made.run(WED, slot)
        assert named(made) == set()
        assert report.outcome is (Outcome.BLOCKED if slot == "second" else Outcome.NO_ACTION)
        if report.outcome is Outcome.BLOCKED:
            accept(operator(made), made.reports, ACCOUNT, report.run_id, "looked")


def test_damage_that_belongs_to_no_account_is_acknowledged_and_no_other_is() -> None:
    made = world()
    lost = min(key for key in made.report_store.objects if key.startswith("inputs/"))
    del made.report_store.objects[lost]
    with pytest.raises(Refused, match="is not damaged"):
        acknowledge(operator(made), made.report_store, ["inputs/other"], "why")
    del made.store.objects[f"owners/{ACCOUNT}"]
    with pytest.raises(Refused, match="is an account's"):
        acknowledge(operator(made), made.report_store, [lost, f"owners/{ACCOUNT}"], "why")
    assert named(made) == {lost, f"owners/{ACCOUNT}"}
    acknowledge(operator(made), made.report_store, [lost], "no backup")
    assert named(made) == {f"owners/{ACCOUNT}"}


# --- any object, any damage ---------------------------------------------------------------------------


def flip(data: bytes, rng: random.Random) -> bytes:
    """Flip one bit."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def digit(data: bytes, rng: random.Random) -> bytes:
    """Make one digit another one."""
    at = rng.choice([n for n, c in enumerate(data) if chr(c).isdigit()])
    return data[:at] + str((int(chr(data[at])) + rng.randrange(1, 10)) % 10).encode() + data[at + 1 :]


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bit": flip,
    "digit": digit,
    "truncate": lambda data, rng: data[: rng.randrange(1, len(data))],
    "empty": lambda data, rng: b"",
    "zeros": lambda data, rng: bytes(len(data)),
}


def damage(made: World, kind: str, rng: random.Random) -> str:
    """Damage one object of the account or of the reports; return its key."""
    store = rng.choice([made.store, made.store, made.report_store])
    keys = sorted(key for key in store.objects if not key.startswith("inputs/"))
    key = rng.choice(keys)
    stored = store.objects[key]
    if kind == "delete":
        del store.objects[key]
    elif kind == "swap":
        others = [each for each in keys if store.objects[each].data != stored.data]
        other = rng.choice(others) if others else key
        store.objects[key], store.objects[other] = store.objects[other], stored
    else:
        store.objects[key] = Stored(MUTATIONS[kind](stored.data, rng), stored.generation)
    return key


@pytest.mark.parametrize("seed", range(24))
def test_no_damage_of_one_object_sends_an_order_twice_or_skips_a_decision_silently(seed: int) -> None:
    rng = random.Random(seed)
    boundary = rng.choice(list(Boundary)[list(Boundary).index(Boundary.CLAIMED) :])
    made = world(dedupe=False)
    made.die_at(boundary, WED)
    kind = rng.choice([*MUTATIONS, "delete", "swap"])
    key = damage(made, kind, rng)
    lost = named(made)
    ended = [goes_on(made, WED), goes_on(made, WED)]
    made.go_to(THU)
    ended.append(goes_on(made, THU))
    told = f"{kind} of {key} after {boundary.value}: {ended}"
    assert made.desk.sent["AAA"] <= 2, told
    assert made.desk.sent["BBB"] <= 2, told
    reached = made.held == {"AAA": Decimal(10), "BBB": Decimal(180)}
    blocked = any(isinstance(each, Exception) or each.outcome is Outcome.BLOCKED for each in ended)
    assert reached or blocked, told
    assert lost or reached or blocked, told
