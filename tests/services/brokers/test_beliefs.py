"""What the apps read at their venues, over unmodified client libraries: as their tables have it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.services.record.seen import Seen
from quant_platform_kit.testing.recorded_reads import noting, outside
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import Opening, Stand

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CALENDAR = load_calendar("XNYS")
SESSION = date(2023, 6, 2)
OPENS = datetime(2023, 6, 2, 15, tzinfo=UTC)
ACCOUNT = "DUSBX1"
BROKERS = ("ibkr", "longbridge", "paper", "schwab")
BY_THE_LIBRARY = {"instrument"}
"""What the client library is handed again at Interactive Brokers, so that it cannot be a document that notes."""

Use = Callable[[Account], None]


@pytest.fixture(params=BROKERS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Stand]:
    """Return each broker's stand, with one funded account."""
    folder = tmp_path
    days = CALENDAR.between(SESSION - timedelta(days=70), SESSION + timedelta(days=5))
    rows = [f"{day},{symbol}{',101.25' * 3}" for day in days for symbol in ("SPY", "BIL")]
    (folder / "prices.csv").write_text("\n".join(["date,symbol,open,close,adj_close", *rows]) + "\n")
    opening = Opening(
        folder=folder, accounts={ACCOUNT: {"USD": Decimal(10_000)}}, prices=folder / "prices.csv", clock=OPENS
    )
    with STANDS[request.param].open(opening) as opened:
        yield opened


def traded(account: Account) -> None:
    """Look at all there is, buy, have an order work, look it up, cancel it."""
    account.broker.connect()
    account.market.history(["SPY", "BIL"], SESSION - timedelta(days=1), 20)
    account.market.quotes(["SPY", "BIL"])
    bought, waits = Order("q1", "SPY", Side.BUY, Decimal(5)), Order("q2", "SPY", Side.BUY, Decimal(1), Decimal(50))
    account.broker.submit(bought)
    account.broker.submit(waits)
    account.broker.open_orders()
    for _ in range(100):
        found = account.broker.find("q1")
        if found is not None and found.state is OrderState.FILLED:
            break
        account.clock.sleep(0.1)
    account.broker.cancel("q2")
    account.broker.account()


def test_a_venue_tells_what_is_believed_and_a_mapper_reads_what_its_table_has(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, take = dict[str, set[str]](), Seen.take

    def noted(seen: Seen, subject: str, document: Any) -> Any:
        take(seen, subject, document)
        if subject in BY_THE_LIBRARY or stand.name == "paper":  # pydantic looks at documents behind their backs
            return document
        return noting(document, read.setdefault(subject, set()))

    monkeypatch.setattr(Seen, "take", noted)
    account = stand.clients(stand.waits).account(ACCOUNT, FileStore(tmp_path / "store"))
    account.seen.keeps = True
    try:
        traded(account)
    finally:
        account.close()
    assert [each.text for each in account.seen.differences] == []
    strange = {subject: outside(account.seen.tables[subject], paths) for subject, paths in read.items()}
    assert {subject: paths for subject, paths in strange.items() if paths} == {}
    assert {subject for subject, _ in account.seen.documents} >= {"account", "order"}
