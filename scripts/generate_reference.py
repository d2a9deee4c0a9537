#!/usr/bin/env python3
"""Write the pages of docs/reference that are made from the code; ``--check`` fails where one is out of date."""

from __future__ import annotations

import sys

from generated_files import write_or_check
from reference import (
    alpaca,
    dp20,
    eligibility,
    event_trading,
    events,
    execution_model,
    features,
    google_cloud,
    indicators,
    playbook,
    release,
    settings,
    simulation,
    tq_broker,
    tq_messages,
    venues,
)

PAGES = {
    "alpaca": alpaca.page,
    "dp20": dp20.page,
    "eligibility": eligibility.page,
    "event-trading": event_trading.page,
    "execution-model": execution_model.page,
    "features": features.page,
    "google-cloud": google_cloud.page,
    "indicators": indicators.page,
    "playbook": playbook.page,
    "release": release.page,
    "settings": settings.page,
    "simulation": simulation.page,
    "tq-broker": tq_broker.page,
    "tq-messages": tq_messages.page,
    "venue-alpaca": venues.alpaca,
    "venue-longbridge": venues.longbridge,
    "venue-schwab": venues.schwab,
    "venue-tws": venues.tws,
}

if __name__ == "__main__":
    texts = {f"docs/reference/{name}.md": page() for name, page in PAGES.items()}
    texts["docs/reference/tq-messages.json"] = tq_messages.schemas()
    texts |= {f"docs/reference/{name}": text for name, text in events.schemas()}
    sys.exit(write_or_check(__doc__ or "", texts))
