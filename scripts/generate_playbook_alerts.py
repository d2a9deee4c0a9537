#!/usr/bin/env python3
"""Write deploy/playbook's alerts from its bounds and live sessions; ``--check`` fails where a file differs."""

from __future__ import annotations

import json
import sys

from generated_files import write_or_check
from trading_playbook.observe.alerting import live_policies, log_metrics, policies, prometheus_rules

FOLDER = "deploy/playbook"


def files() -> dict[str, str]:
    """Return the texts by path."""
    metrics = {f"log-metrics/{each['name']}.json": each for each in log_metrics()}
    alerts = {f"policies/{each['displayName']}.json": each for each in [*policies(), *live_policies()]}
    documents = {name: f"{json.dumps(document, indent=2)}\n" for name, document in (metrics | alerts).items()}
    return {f"{FOLDER}/{name}": text for name, text in {"alerts.yml": prometheus_rules(), **documents}.items()}


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__ or "", files()))
