"""`quant ledger verify` of 10,000 runs against reading the same objects, in a folder; CPU, in pairs. Bound: 2 times."""

import statistics
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.identity import Mode, RunKey, client_order_id
from quant_platform_kit.domain.orders import ExecutionReport, Fill, Order, OrderState, Side
from quant_platform_kit.domain.portfolio import AccountState
from quant_platform_kit.domain.runs import OrderRecord, Outcome, RunClaim, RunReport, Transition
from quant_platform_kit.domain.strategy import Action
from quant_platform_kit.services.operate.verifying import verify
from quant_platform_kit.services.record.chain import Chain
from quant_platform_kit.services.record.leases import LeaseState, lease_key
from quant_platform_kit.services.record.ledger import RunLedger
from quant_platform_kit.services.record.objects import encode
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["measure"]

RUNS, ROUNDS, BOUND = 10_000, 5, 2.0
ACCOUNT = "DUSBX001"
SECOND = timedelta(seconds=1)
BEGAN = datetime(2023, 6, 2, 20, tzinfo=UTC)


class _Quick(FileStore):
    """A folder that is filled without a sync."""

    def create(self, key: str, data: bytes) -> int:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1\n" + data)
        return 1


def measure() -> dict[str, Any]:
    """Return the median ratio of a verification to reading what it reads."""
    with tempfile.TemporaryDirectory() as folder:
        store, reports = _Quick(Path(folder, "store")), _Quick(Path(folder, "reports"))
        _fill(store, reports)
        pairs, objects = list[tuple[float, float]](), 0
        for _ in range(ROUNDS):
            began = time.process_time()
            for place in (store, reports):
                for key in place.keys(""):
                    place.get(key)
            read = time.process_time()
            found = verify(store, reports)
            pairs.append((time.process_time() - read, read - began))
            assert not found.damage, found.damage[:3]
            objects = found.objects
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    return {
        "runs": RUNS,
        "objects": objects,
        "seconds": round(statistics.median(ours for ours, _ in pairs), 2),
        "read_seconds": round(statistics.median(bare for _, bare in pairs), 2),
        "ratio": round(ratio, 2),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _fill(store: FileStore, reports: FileStore) -> None:
    """Record runs of one order each, as a run does: claim, two steps, report; then the lease and the owner."""
    chain, account = Chain(store, 1), AccountState(ACCOUNT, {"USD": Decimal(1000)}, {"AAA": Decimal(10)})
    keys = [
        RunKey(ACCOUNT, date(2023, 6, 2), f"{BEGAN + number * SECOND:%Y-%m-%dT%H:%M:%SZ}", Mode.PAPER)
        for number in range(RUNS)
    ]
    for key in keys:
        ledger = RunLedger(store, ACCOUNT, key.run_id, chain)
        ledger.claim(RunClaim(key, "twenty", "Twenty", "market_history", {}, date(2023, 6, 1), "cli", BEGAN))
        order = Order(client_order_id(key, "AAA", "BUY", 0), "AAA", Side.BUY, Decimal(10))
        fill = Fill(order.client_order_id, "AAA", Side.BUY, Decimal(10), Decimal(100), Decimal(0), BEGAN, "x1")
        record = ledger.record(OrderRecord(order), Transition(OrderState.SENT, 1, BEGAN))
        filled = ExecutionReport(order, OrderState.FILLED, (fill,))
        record = ledger.record(record, Transition(OrderState.FILLED, 1, BEGAN, filled))
        chain.append(f"accounts/{ACCOUNT}/runs/{key.run_id}/plan", {"orders": [order], "account": account})
        report = RunReport(
            run_id=key.run_id,
            key=key,
            profile="twenty",
            display_name="Twenty",
            input_mode="market_history",
            outcome=Outcome.COMPLETED,
            reasons=("targets of the day",),
            as_of=date(2023, 6, 1),
            action=Action.REBALANCE,
            decision_digest="d" * 64,
            plan=None,
            base=Decimal(2000),
            orders=(record.outcome,),
            account=account,
            finished_at=BEGAN,
        )
        ReportStore(reports).publish(report)
    lease = LeaseState("cli", 1, None, last_run=keys[-1].run_id)
    newest = replace(chain.head, previous=chain.head.digest)
    store.create(lease_key(ACCOUNT), encode(lease, lease_key(ACCOUNT), newest))
    store.create(f"owners/{ACCOUNT}", encode({"service": "cli", "since": BEGAN}, f"owners/{ACCOUNT}"))
