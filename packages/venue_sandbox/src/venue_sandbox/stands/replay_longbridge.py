"""What LongBridge's library said in a capture, encoded again by our venue and said to the library."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quant_platform_kit.adapters.captures import Capture, exact_json
from quant_platform_kit.adapters.file_store import FileStore
from quant_platform_kit.services.operate.contact.reading import Met

from venue_sandbox.stands.longbridge import LongBridgeStand
from venue_sandbox.stands.replaying import lacks, meeting, told_time
from venue_sandbox.stands.stand import ACCOUNT, Opening, Waits

__all__ = ["replaying", "rows_of"]

BARS = ("candlesticks", "history_candlesticks_by_date")
WAITS = Waits(5.0, timedelta(seconds=1))
Row = Mapping[str, Any]


@contextmanager
def replaying(capture: Capture) -> Generator[Met]:
    """Return the account of a capture, over the unmodified client library; raises `InvalidInput`."""
    rows = rows_of(capture)
    if not rows["balances"]:
        raise lacks(capture, "balance")
    now = told_time((row.get("timestamp") for row in rows["quotes"]), capture.manifest)
    with TemporaryDirectory() as name:
        folder, path = Path(name), Path(name) / "rows.json"
        path.write_text(exact_json(rows))
        options = ("--symbols", "SPY", "--replay", str(path))
        opening = Opening(folder=folder, accounts={ACCOUNT: {"USD": Decimal(1)}}, clock=now, options=options)
        with LongBridgeStand.open(opening) as stand:
            installed = {subject.library for subject in stand.libraries()}
            library = capture.manifest.library if capture.manifest.library in installed else ""
            with meeting(stand.clients(WAITS, library).account(ACCOUNT, FileStore(folder / "store"))) as met:
                yield met


def rows_of(capture: Capture) -> dict[str, Any]:
    """Return the newest rows of a capture: those with all their fields, or those of its documents."""
    calls = [(name.removeprefix("call "), each.get("asked"), each.get("told")) for name, each in capture.exchanges]
    bars = [(str(asked[0]), told) for name, asked, told in calls if name in BARS and asked and told]
    return {
        "balances": (_last(calls, "account_balance") or _documents(capture, "account"))[-1:],
        "positions": _positions(calls) or _newest(_documents(capture, "position"), "symbol"),
        "orders": _last(calls, "today_orders") or _newest(_documents(capture, "order"), "order_id"),
        "executions": _last(calls, "today_executions") or _newest(_documents(capture, "execution"), "trade_id"),
        "quotes": _newest([*_documents(capture, "quote"), *_every(calls, "quote")], "symbol"),
        "instruments": _newest([*_documents(capture, "instrument"), *_every(calls, "static_info")], "symbol"),
        "bars": dict(sorted(bars, key=lambda told: len(told[1]))),
        "days": next((told for name, _, told in calls[::-1] if name == "trading_days"), None),
    }


def _every(calls: Sequence[tuple[str, Any, Any]], name: str) -> list[Row]:
    return [row for called, _, told in calls if called == name for row in told]


def _last(calls: Sequence[tuple[str, Any, Any]], name: str) -> list[Row]:
    none: list[Row] = []
    return next((told for called, _, told in calls[::-1] if called == name), none)


def _positions(calls: Sequence[tuple[str, Any, Any]]) -> list[Row]:
    none: Mapping[str, Any] = {}
    told = next((told for called, _, told in calls[::-1] if called == "stock_positions"), none)
    return [row for channel in told.get("channels", ()) for row in channel.get("positions", ())]


def _documents(capture: Capture, subject: str) -> list[Row]:
    return [document for told, document in capture.documents if told == subject]


def _newest(rows: Sequence[Row], name: str) -> list[Row]:
    """Return of rows about the same thing the last one."""
    return [*{row.get(name): row for row in rows}.values()]
