"""What an engine may send by mistake, and what has to be said of it; ``bad_inputs.json`` has the cases.

A case is an order that could be traded, with changes: of its ``payload``, of the ``message`` around it, a member to
``remove``, its ``age`` in seconds, its whole ``body``, or ``padding``. It ends as REJECTED for a reason that contains
``reason``, or as a dead letter where ``letter`` says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

__all__ = ["CASES", "BadInput", "order"]


def order(identity: str, now: datetime, portfolio: str, **payload: Any) -> dict[str, Any]:
    """Return an order that can be traded: it buys at the best price of a quiet venue."""
    asked = {
        "symbol": "SHFE.rb2510",
        "direction": "BUY",
        "offset": "OPEN",
        "volume": 2,
        "limit_price": 3501.0,
        "order_id": identity,
        "portfolio_id": portfolio,
    }
    return {
        "type": "SUBMIT",
        "request_id": f"request of {identity}",
        "timestamp": now.isoformat(),
        "payload": {**asked, **payload},
    }


@dataclass(frozen=True)
class BadInput:
    """A case."""

    case: dict[str, Any]

    @property
    def name(self) -> str:
        """What is wrong."""
        return self.case["name"]

    @property
    def reason(self) -> str:
        """A part of what has to be said."""
        return self.case["reason"]

    @property
    def is_letter(self) -> bool:
        """Whether it becomes a dead letter: it has no id that could be answered."""
        return self.case.get("letter", False)

    def body(self, order_id: str, now: datetime, portfolio: str) -> bytes:
        """Return the message."""
        if "body" in self.case:
            return self.case["body"].encode()
        sent = now - timedelta(seconds=self.case.get("age", 0))
        document = order(order_id, sent, portfolio, **self.case.get("payload", {}))
        document["payload"].pop(self.case.get("remove"), None)
        document |= self.case.get("message", {})
        return json.dumps(document).encode() + b" " * self.case.get("padding", 0)


CASES = [BadInput(case) for case in json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))]
