"""Cancels and halts: whatever is to be cancelled is, whatever is halted is not sent, and each request is answered."""

from __future__ import annotations

from pathlib import Path

from quant_platform_kit.adapters.clock import SystemClock
from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.services.operate.audit import Operator
from quant_platform_kit.services.operate.halting import set_halt
from venue_sandbox.stands.futures import Addresses

from .site_frame import REBAR, USER, Desk, desk_at, until, venue_at

ROLES = ["order-submitter", "order-canceller", "order-monitor"]
RESTS = {"limit_price": 3400}
"""Bought at this price, an order waits."""


def halt(desk: Desk, scope: str, *, on: bool) -> None:
    store = open_store(desk.settings.database.ledger_url)
    set_halt(Operator(store, SystemClock(), "tester"), scope, "a test", on=on)


def alive(desk: Desk) -> set[str]:
    """Return the orders that the venue shows alive."""
    return {order["order_id"] for order in desk.venue.look("orders", USER) if order["status"] == "ALIVE"}


def test_cancels_are_carried_out_and_answered_and_a_halt_stops_orders_only(
    addresses: Addresses, tmp_path: Path
) -> None:
    with venue_at(tmp_path) as venue, desk_at(tmp_path / "site", venue, addresses, ROLES) as desk:
        venue.do("positions", user=USER, symbol=REBAR, long_today=3, long_his=2)
        desk.cancel("early")
        assert "will not be sent" in desk.event("early", "CANCEL_NOTED")["reason"]
        desk.submit("early")
        assert desk.event("early", "CANCELLED")["reason"] == "cancelled before it was sent"

        closing = {"direction": "SELL", "offset": "CLOSE", "volume": 5, "limit_price": 3600}
        desk.submit("both", **closing)
        assert until(lambda: alive(desk) == {"both_closetoday", "both_close"})
        desk.cancel("both")
        event = desk.event("both", "CANCELLED")
        assert (event["filled_quantity"], event["volume_left"]) == (0, 5)

        desk.submit("part", **closing)
        assert until(lambda: alive(desk) == {"part_closetoday", "part_close"})
        desk.cancel("part_close")
        assert until(lambda: alive(desk) == {"part_closetoday"})
        venue.do("fill", user=USER, order_id="part_closetoday", volume=3, price=3600)
        event = desk.event("part", "CANCELLED")
        assert (event["filled_quantity"], event["trade_price"]) == (3, 3600.0)

        desk.cancel("part")
        assert "come to its end" in desk.event("part", "CANCEL_TOO_LATE")["reason"]
        desk.cancel("nobody")
        assert desk.event("nobody", "CANCEL_NOTED")["event_id"].startswith("nobody:CANCEL_NOTED:")

        desk.submit("rests", **RESTS)
        assert until(lambda: "rests" in alive(desk))
        halt(desk, f"account-{USER}", on=True)
        desk.submit("halted")
        assert "halted" in desk.event("halted", "REJECTED")["reason"]
        desk.cancel("rests")
        desk.event("rests", "CANCELLED")
        halt(desk, f"account-{USER}", on=False)
        desk.submit("later")
        desk.event("later", "COMPLETE_FILL")
        assert not {"early", "halted"} & set(venue.inserts(USER))
