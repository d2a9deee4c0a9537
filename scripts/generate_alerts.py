#!/usr/bin/env python3
"""Write deploy/alerts and docs/operate.md from the alerts in the code; ``--check`` fails where a file differs."""

from __future__ import annotations

import sys

from alerts.page import page
from event_trading_app.operations.alerting import RULES as EVENT_TRADING
from generated_files import write_or_check
from quant_platform_kit.services.observe.prometheus import rules_file
from tq_broker_app.operations.alerting import RULES as TQ_BROKER

MADE = "Made from {app}.operations.alerting by scripts/generate_alerts.py."


def files() -> dict[str, str]:
    """Return the texts by path."""
    return {
        "deploy/alerts/event-trading.yml": rules_file(
            "event-trading", EVENT_TRADING, MADE.format(app="event_trading_app")
        ),
        "deploy/alerts/tq-broker.yml": rules_file("tq-broker", TQ_BROKER, MADE.format(app="tq_broker_app")),
        "docs/operate.md": page(),
    }


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__ or "", files()))
