"""A first contact with an account against a bare script that makes the same calls with the same library.

Both log in at the same venue and ask for the account, its orders, and of ten symbols the description, the quote and 300
sessions; the contact makes its checklist of the answers and keeps it in a folder. Bound: 1.5 times.
"""

import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode
from quant_platform_kit.services.operate.contact.checklist import contact_of
from quant_platform_kit.services.operate.contact.reading import Asked, Met, read
from quant_platform_kit.services.operate.contact.result import keep_contact
from venue_sandbox.stands.stand import ACCOUNT, Clients, Opening, Stand, Waits

from bench.bare_contacts import BARE_CONTACTS
from bench.libraries import of_library

__all__ = ["measure"]

SYMBOLS = tuple(f"S{n:02}" for n in range(10))
SESSIONS, ROUNDS = 300, 9
BOUND = 1.5
WAITS = Waits(20.0, timedelta(seconds=0.4))
CALENDAR = load_calendar("XNYS")
OPENS = datetime(2023, 6, 2, 14, tzinfo=UTC)
MANIFEST = StrategyManifest(
    profile="ten",
    display_name="Ten",
    target_mode=TargetMode.WEIGHT,
    required_inputs=frozenset({InputName.MARKET_HISTORY}),
    managed=SYMBOLS,
    history_sessions=SESSIONS,
    sources=("benchmark",),
)


def measure(library: str) -> dict[str, Any]:
    """Return the median ratio of a contact to the bare script, both with one client library, turn by turn."""
    pairs = list[tuple[float, float]]()
    kind, subject = of_library(library)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        funded = {ACCOUNT: {"USD": Decimal(100_000)}}
        with kind.open(Opening(folder=folder, accounts=funded, prices=_prices(folder), clock=OPENS)) as stand:
            clients = stand.clients(WAITS, subject.library)
            for _ in range(ROUNDS + 1):
                bare = _seconds(lambda: BARE_CONTACTS[stand.name](subject.library, stand, SYMBOLS, OPENS, 440))
                pairs.append((bare, _seconds(partial(_contact, stand, clients, FileStore(folder / "store")))))
    ratio = statistics.median(ours / bare for bare, ours in pairs[1:])
    return {
        "script_seconds": round(statistics.median(bare for bare, _ in pairs[1:]), 3),
        "contact_seconds": round(statistics.median(ours for _, ours in pairs[1:]), 3),
        "ratio": round(ratio, 2),
        "bound": BOUND,
        "met": ratio <= BOUND,
    }


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _prices(folder: Path) -> Path:
    path = folder / "prices.csv"
    days = CALENDAR.between(OPENS.date() - timedelta(days=500), OPENS.date())
    rows = (f"{day},{symbol},50,50,50\n" for day in days for symbol in SYMBOLS)
    path.write_text("date,symbol,open,close,adj_close\n" + "".join(rows))
    return path


def _contact(stand: Stand, clients: Clients, store: FileStore) -> None:
    """Look at the account, and keep what was found."""
    account = clients.account(ACCOUNT, store)
    try:
        met = Met(account.broker, account.clock, account.contact, account.broker.account)
        reading = read(met, Asked(stand.name, MANIFEST, CALENDAR), SystemClock().now())
        contact = contact_of(reading, "library", "1")
    finally:
        account.close()
    assert not contact.blocks, [line for line in contact.lines if line.state.value == "blocks"]
    keep_contact(store, contact)
