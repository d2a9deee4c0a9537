"""Captures made at the venues of the sandbox, over the unmodified client libraries.

``python -m chaos.venue_captures --into tests/captures`` starts each broker's venue, looks at an account, buys, has an
order work, cancels it, and writes what was seen, redacted. It prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.captures import Capture, Manifest, write_capture
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.domain.orders import Order, OrderState, Side
from quant_platform_kit.runtime.service import Account
from quant_platform_kit.services.operate.contact.reading import read
from quant_platform_kit.services.operate.contact.recording import recorded
from quant_platform_kit.services.operate.contact.replaying import asked_of
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.replaying import meeting
from venue_sandbox.stands.stand import Opening, Stand

from chaos.made_documents import BROKERS, LISTED

__all__ = ["capture_of", "opening", "traded"]

CALENDAR = load_calendar("XNYS")
SESSION, OPENS = date(2023, 6, 2), datetime(2023, 6, 2, 15, tzinfo=UTC)
SYMBOLS = ("SPY", "BIL")
ACCOUNT = "DUSBX1"
SESSIONS = 30
SECONDS = 10


def opening(folder: Path) -> Opening:
    """Return how a venue is set up: one funded account, two symbols."""
    days = CALENDAR.between(SESSION - timedelta(days=70), SESSION + timedelta(days=5))
    rows = [f"{day},{symbol}{',101.25' * 3}" for day in days for symbol in SYMBOLS]
    prices = folder / "prices.csv"
    prices.write_text("\n".join(["date,symbol,open,close,adj_close", *rows]) + "\n")
    return Opening(folder=folder, accounts={ACCOUNT: {"USD": Decimal("9876.54")}}, prices=prices, clock=OPENS)


def traded(account: Account) -> None:
    """Look at all there is, buy, have an order work, look it up, cancel it."""
    broker, market = account.broker, account.market
    broker.connect()
    market.history(SYMBOLS, SESSION - timedelta(days=1), SESSIONS)
    market.quotes(SYMBOLS)
    broker.submit(Order("q1", "SPY", Side.BUY, Decimal(5)))
    broker.submit(Order("q2", "SPY", Side.BUY, Decimal(1), Decimal(50)))
    broker.open_orders()
    end = account.clock.monotonic() + SECONDS
    while (found := broker.find("q1")) is None or found.state is not OrderState.FILLED:
        if account.clock.monotonic() > end:
            raise TimeoutError(f"the order was not filled within {SECONDS} s")
        account.clock.sleep(0.1)
    broker.cancel("q2")
    broker.account()


def capture_of(stand: Stand, folder: Path, made: date, scale: int = 1) -> Capture:
    """Trade at a venue, look at the account, and return what was seen, redacted."""
    account = stand.clients(stand.waits).account(ACCOUNT, FileStore(folder / "store"))
    account.seen.keeps = True
    with meeting(account) as met:
        traded(account)
        read(met, asked_of(stand.name, SYMBOLS, CALENDAR), OPENS)
    library = stand.subjects[0].library
    found = recorded(account.seen, LISTED, scale)
    about = Manifest(stand.name, library, version(library), made, scale, found.differences)
    return Capture(about, found.documents, found.exchanges)


def main() -> int:
    """Write a capture of each broker."""
    parser = argparse.ArgumentParser(prog="python -m chaos.venue_captures", description=__doc__)
    parser.add_argument("--into", type=Path, required=True)
    arguments = parser.parse_args()
    line: dict[str, int] = {}
    for broker in BROKERS:
        with tempfile.TemporaryDirectory() as name, STANDS[broker].open(opening(Path(name))) as stand:
            capture = capture_of(stand, Path(name), SESSION)
        write_capture(arguments.into / broker / "at-the-venue", capture)
        line[broker] = len(capture.documents)
    sys.stdout.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
