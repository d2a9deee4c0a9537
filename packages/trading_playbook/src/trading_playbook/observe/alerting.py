"""The bounds as others watch them: rules for Prometheus, log metrics and alert policies for Google Cloud."""

from __future__ import annotations

from typing import Any

from quant_platform_kit.services.observe.prometheus import Rule, rules_file

from trading_playbook.observe.bounds import BOUNDS, Bound
from trading_playbook.observe.exposition import GAUGES, Gauge, metric_of

__all__ = ["alert_of", "log_metrics", "policies", "prometheus_rules", "rule_of"]

LINE = 'jsonPayload.event="figures" AND (resource.type="cloud_run_revision" OR resource.type="cloud_run_job")'
"""Which lines of the log hold figures."""
DAY, WEEK = "86400s", "604800s"


def alert_of(bound: Bound) -> str:
    """Return the name of a bound's alert."""
    return f"Playbook{bound.name.capitalize()}"


def prometheus_rules() -> str:
    """Return the rules as a file of Prometheus."""
    made = "Made from trading_playbook.observe.bounds by scripts/generate_playbook_alerts.py."
    return rules_file("playbook", (rule_of(bound) for bound in BOUNDS), made)


def rule_of(bound: Bound) -> Rule:
    """Return the rule of a bound."""
    metric = metric_of(bound.figure)
    summary = f"{{{{ $labels.symbol }}}}: {bound.what}"
    description = f"{metric} is {{{{ $value }}}}, at most {bound.most:g}"
    return Rule(alert_of(bound), f"{metric} > {bound.most:g}", summary, description)


def log_metrics() -> list[dict[str, Any]]:
    """Return a log metric for each figure, as ``gcloud logging metrics create --config-from-file`` takes it."""
    return [_log_metric(gauge) for gauge in GAUGES]


def policies() -> list[dict[str, Any]]:
    """Return an alert policy for each bound, as ``gcloud monitoring policies create --policy-from-file`` takes it.

    A policy looks at the figures of each line of the log, so that no averaging stands between them and the bound; it
    tells once a day, and closes a week after the last line above the bound.
    """
    return [_policy(bound) for bound in BOUNDS]


def _log_metric(gauge: Gauge) -> dict[str, Any]:
    return {
        "name": metric_of(gauge.figure),
        "description": gauge.help,
        "filter": f"{LINE} AND jsonPayload.{gauge.figure}:*",
        "metricDescriptor": {"metricKind": "DELTA", "valueType": "DISTRIBUTION", "unit": "1"},
        "valueExtractor": f"EXTRACT(jsonPayload.{gauge.figure})",
    }


def _policy(bound: Bound) -> dict[str, Any]:
    condition = f"{LINE} AND jsonPayload.{bound.figure}>{bound.most:g}"
    return {
        "displayName": alert_of(bound),
        "documentation": {"content": bound.what, "mimeType": "text/markdown"},
        "combiner": "OR",
        "conditions": [
            {
                "displayName": f"{metric_of(bound.figure)} above {bound.most:g}",
                "conditionMatchedLog": {"filter": condition},
            }
        ],
        "alertStrategy": {"notificationRateLimit": {"period": DAY}, "autoClose": WEEK},
        "severity": "CRITICAL",
    }
