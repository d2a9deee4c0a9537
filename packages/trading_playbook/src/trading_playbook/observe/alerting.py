"""The bounds as others watch them: rules for Prometheus, log metrics and alert policies for Google Cloud."""

from __future__ import annotations

from typing import Any

from quant_platform_kit.services.observe.prometheus import Rule, rules_file

from trading_playbook.live.alerts import ALERTS, LINE, Alert
from trading_playbook.observe.bounds import BOUNDS, Bound
from trading_playbook.observe.exposition import GAUGES, Gauge, metric_of

__all__ = ["alert_of", "live_policies", "log_metrics", "policies", "prometheus_rules", "rule_of"]

FIGURES = 'jsonPayload.event="figures" AND (resource.type="cloud_run_revision" OR resource.type="cloud_run_job")'
"""Which lines of the log hold figures."""
MINUTES, DAY, WEEK = "300s", "86400s", "604800s"


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
    return [_policy_of_bound(bound) for bound in BOUNDS]


def live_policies() -> list[dict[str, Any]]:
    """Return an alert policy for each urgent alert of live sessions; it tells every 5 minutes as long as it is so."""
    return [_policy_of_alert(alert) for alert in ALERTS if alert.is_urgent]


def _log_metric(gauge: Gauge) -> dict[str, Any]:
    return {
        "name": metric_of(gauge.figure),
        "description": gauge.help,
        "filter": f"{FIGURES} AND jsonPayload.{gauge.figure}:*",
        "metricDescriptor": {"metricKind": "DELTA", "valueType": "DISTRIBUTION", "unit": "1"},
        "valueExtractor": f"EXTRACT(jsonPayload.{gauge.figure})",
    }


def _policy_of_bound(bound: Bound) -> dict[str, Any]:
    condition = f"{FIGURES} AND jsonPayload.{bound.figure}>{bound.most:g}"
    return _policy(alert_of(bound), bound.what, f"{metric_of(bound.figure)} above {bound.most:g}", condition, DAY)


def _policy_of_alert(alert: Alert) -> dict[str, Any]:
    condition = f'resource.type="cloud_run_revision" AND jsonPayload.event="{LINE}" AND jsonPayload.what="{alert.kind}"'
    return _policy(alert.name, f"{alert.means} {alert.does}", f"a live session: {alert.kind}", condition, MINUTES)


def _policy(name: str, text: str, shown: str, condition: str, period: str) -> dict[str, Any]:
    return {
        "displayName": name,
        "documentation": {"content": text, "mimeType": "text/markdown"},
        "combiner": "OR",
        "conditions": [{"displayName": shown, "conditionMatchedLog": {"filter": condition}}],
        "alertStrategy": {"notificationRateLimit": {"period": period}, "autoClose": WEEK},
        "severity": "CRITICAL",
    }
