"""Logging and Monitoring: metrics of logs, channels, alert policies and dashboards; nothing is measured."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from venue_sandbox.cloud.project.shelf import Document, Shelf, checked, listed
from venue_sandbox.cloud.rest import ApiError, invalid, json_object

__all__ = ["ObservingApi"]

METRICS = "/v2/projects/{project}/metrics"
POLICIES = "/v3/projects/{project}/alertPolicies"
CHANNELS = "/v3/projects/{project}/notificationChannels"
DASHBOARDS = "/v1/projects/{project}/dashboards"
METRIC_NAME = re.compile(r"[A-Za-z0-9_.,+!*'()%/-]{1,100}", re.ASCII)
SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?s", re.ASCII)
EXTRACTOR = re.compile(r"(REGEXP_)?EXTRACT\(.+\)", re.ASCII)
BLANK: dict[str, object] = {"mimeType": str, "content": str, "subject": str}
DESCRIPTOR: dict[str, object] = {
    **{"metricKind": {"DELTA"}, "valueType": {"INT64", "DISTRIBUTION"}, "unit": str, "displayName": str},
    **{
        "labels": [{"key": str, "valueType": {"STRING", "INT64", "BOOL"}, "description": str}],
        "name": str,
        "type": str,
    },
    "description": str,
}
METRIC: dict[str, object] = {
    **{"name": METRIC_NAME, "description": str, "filter": str, "disabled": bool, "metricDescriptor": DESCRIPTOR},
    **{"valueExtractor": EXTRACTOR, "labelExtractors": dict, "bucketOptions": dict, "version": str, "bucketName": str},
}
COMPARISONS = {"COMPARISON_GT", "COMPARISON_GE", "COMPARISON_LT", "COMPARISON_LE", "COMPARISON_EQ", "COMPARISON_NE"}
AGGREGATION: dict[str, object] = {
    **{"alignmentPeriod": SECONDS, "groupByFields": [str]},
    "perSeriesAligner": {f"ALIGN_{name}" for name in ("NONE", "DELTA", "RATE", "MEAN", "MAX", "MIN", "SUM", "COUNT")}
    | {f"ALIGN_PERCENTILE_{number}" for number in ("99", "95", "50", "05")},
    "crossSeriesReducer": {f"REDUCE_{name}" for name in ("NONE", "MEAN", "MIN", "MAX", "SUM", "COUNT")},
}
TRIGGER: dict[str, object] = {"count": int, "percent": float}
MISSING = {"EVALUATION_MISSING_DATA_INACTIVE", "EVALUATION_MISSING_DATA_ACTIVE", "EVALUATION_MISSING_DATA_NO_OP"}
CONDITION: dict[str, object] = {
    **{"name": str, "displayName": str},
    "conditionMatchedLog": {"filter": str, "labelExtractors": dict},
    "conditionThreshold": {
        **{"filter": str, "comparison": COMPARISONS, "thresholdValue": object, "duration": SECONDS},
        **{"aggregations": [AGGREGATION], "trigger": TRIGGER, "evaluationMissingData": MISSING},
    },
    "conditionAbsent": {"filter": str, "duration": SECONDS, "aggregations": [AGGREGATION], "trigger": TRIGGER},
}
KINDS = ("conditionMatchedLog", "conditionThreshold", "conditionAbsent")
ALERT: dict[str, object] = {
    **{"name": str, "displayName": str, "documentation": BLANK, "userLabels": dict, "enabled": bool},
    **{
        "conditions": [CONDITION],
        "combiner": {"OR", "AND", "AND_WITH_MATCHING_RESOURCE"},
        "notificationChannels": [str],
    },
    **{"severity": {"CRITICAL", "ERROR", "WARNING"}, "creationRecord": dict, "mutationRecord": dict, "etag": str},
    "alertStrategy": {"notificationRateLimit": {"period": SECONDS}, "autoClose": SECONDS},
}
CHANNEL: dict[str, object] = {
    **{"name": str, "type": {"email", "pubsub", "webhook_tokenauth"}, "displayName": str, "description": str},
    **{"labels": dict, "userLabels": dict, "enabled": bool, "verificationStatus": str},
}
WIDGETS = {"xyChart", "scorecard", "logsPanel", "text", "alertChart", "timeSeriesTable", "incidentList", "title"}
TILE: dict[str, object] = {"xPos": int, "yPos": int, "width": int, "height": int, "widget": dict}
DASHBOARD: dict[str, object] = {
    **{"name": str, "displayName": str, "etag": str, "labels": dict},
    "mosaicLayout": {"columns": int, "tiles": [TILE]},
    "dashboardFilters": [dict],
}


class ObservingApi:
    """The handlers, one for each request."""

    def __init__(self, shelf: Shelf, number: str) -> None:
        self._shelf = shelf
        self._number = number

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(METRICS, self.list_metrics, name="list_metrics"),
            web.post(METRICS, self.create_metric, name="create_metric"),
            web.get(f"{METRICS}/{{metric}}", self.get_metric, name="get_metric"),
            web.put(f"{METRICS}/{{metric}}", self.put_metric, name="update_metric"),
            web.get(CHANNELS, self.list_channels, name="list_channels"),
            web.post(CHANNELS, self.create_channel, name="create_channel"),
            web.get(POLICIES, self.list_alerts, name="list_alerts"),
            web.post(POLICIES, self.create_alert, name="create_alert"),
            web.get(f"{POLICIES}/{{alert}}", self.get_alert, name="get_alert"),
            web.patch(f"{POLICIES}/{{alert}}", self.patch_alert, name="update_alert"),
            web.get(DASHBOARDS, self.list_dashboards, name="list_dashboards"),
            web.post(DASHBOARDS, self.create_dashboard, name="create_dashboard"),
            web.get(f"{DASHBOARDS}/{{dashboard}}", self.get_dashboard, name="get_dashboard"),
            web.patch(f"{DASHBOARDS}/{{dashboard}}", self.patch_dashboard, name="update_dashboard"),
        ]

    async def list_metrics(self, request: web.Request) -> web.Response:
        """Return the metrics of logs."""
        return listed(request, "metrics", _bare_all(self._shelf.below("metric", f"{_parent(request)}/metrics")))

    async def create_metric(self, request: web.Request) -> web.Response:
        """Make a metric of logs."""
        wanted = _metric(await json_object(request))
        name = f"{_parent(request)}/metrics/{wanted['name']}"
        return web.json_response(_bare(self._shelf.create("metric", name, wanted)))

    async def get_metric(self, request: web.Request) -> web.Response:
        """Return a metric of logs."""
        name = f"{_parent(request)}/metrics/{request.match_info['metric']}"
        return web.json_response(_bare(self._shelf.get("metric", name)))

    async def put_metric(self, request: web.Request) -> web.Response:
        """Replace a metric of logs."""
        name = f"{_parent(request)}/metrics/{request.match_info['metric']}"
        return web.json_response(_bare(self._shelf.put("metric", name, _metric(await json_object(request)))))

    async def list_channels(self, request: web.Request) -> web.Response:
        """Return the channels through which people are told."""
        found = self._shelf.below("channel", f"{_parent(request)}/notificationChannels")
        return listed(request, "notificationChannels", _bare_all(found))

    async def create_channel(self, request: web.Request) -> web.Response:
        """Make a channel."""
        wanted = checked(await json_object(request), "notification_channel", CHANNEL)
        if wanted.get("type") == "email" and "@" not in wanted.get("labels", {}).get("email_address", ""):
            raise invalid("notification_channel.labels", wanted.get("labels"), "an email channel has an email_address")
        name = f"{_parent(request)}/notificationChannels/{_number()}"
        return web.json_response(_bare(self._shelf.create("channel", name, {**wanted, "name": name})))

    async def list_alerts(self, request: web.Request) -> web.Response:
        """Return the alert policies."""
        found = self._shelf.below("alert", f"{_parent(request)}/alertPolicies")
        return listed(request, "alertPolicies", _bare_all(found))

    async def create_alert(self, request: web.Request) -> web.Response:
        """Make an alert policy."""
        wanted = self._alert(request, await json_object(request))
        name = f"{_parent(request)}/alertPolicies/{_number()}"
        for number, condition in enumerate(wanted["conditions"]):
            condition["name"] = f"{name}/conditions/{number + 1}"
        return web.json_response(_bare(self._shelf.create("alert", name, {"enabled": True, **wanted, "name": name})))

    async def get_alert(self, request: web.Request) -> web.Response:
        """Return an alert policy."""
        name = f"{_parent(request)}/alertPolicies/{request.match_info['alert']}"
        return web.json_response(_bare(self._shelf.get("alert", name)))

    async def patch_alert(self, request: web.Request) -> web.Response:
        """Replace an alert policy, or the fields that a mask names."""
        name = f"{_parent(request)}/alertPolicies/{request.match_info['alert']}"
        before, changes = _bare(self._shelf.get("alert", name)), await json_object(request)
        mask = [each.partition(".")[0] for each in request.query.get("updateMask", "").split(",") if each]
        merged = {**before, **{field: changes[field] for field in mask or changes if field in changes}}
        return web.json_response(_bare(self._shelf.put("alert", name, {**self._alert(request, merged), "name": name})))

    async def list_dashboards(self, request: web.Request) -> web.Response:
        """Return the dashboards."""
        return listed(request, "dashboards", self._shelf.below("dashboard", f"projects/{self._number}/dashboards"))

    async def create_dashboard(self, request: web.Request) -> web.Response:
        """Make a dashboard."""
        name = f"projects/{self._number}/dashboards/{uuid.uuid4()}"
        wanted = _dashboard(await json_object(request))
        return web.json_response(self._shelf.create("dashboard", name, {**wanted, "name": name}))

    async def get_dashboard(self, request: web.Request) -> web.Response:
        """Return a dashboard."""
        return web.json_response(self._shelf.get("dashboard", self._dashboard_name(request)))

    async def patch_dashboard(self, request: web.Request) -> web.Response:
        """Replace a dashboard; it brings the etag of the one that is there."""
        name, wanted = self._dashboard_name(request), _dashboard(await json_object(request))
        if "etag" not in wanted:
            raise invalid("dashboard.etag", None, "an update brings the one that it read")
        return web.json_response(self._shelf.put("dashboard", name, {**wanted, "name": name}))

    def _dashboard_name(self, request: web.Request) -> str:
        return f"projects/{self._number}/dashboards/{request.match_info['dashboard']}"

    def _alert(self, request: web.Request, order: Document) -> Document:
        wanted = checked(order, "alert_policy", ALERT)
        conditions: list[Document] = wanted.get("conditions") or []
        if not conditions or "combiner" not in wanted:
            raise invalid("alert_policy", wanted.get("displayName"), "it has conditions and a combiner")
        for number, condition in enumerate(conditions):
            kinds = [kind for kind in KINDS if kind in condition]
            if len(kinds) != 1 or not condition[kinds[0]].get("filter"):
                raise invalid(
                    f"alert_policy.conditions[{number}]", kinds, f"it is one of {', '.join(KINDS)}, with a filter"
                )
        of_logs = [condition for condition in conditions if "conditionMatchedLog" in condition]
        limited = "notificationRateLimit" in wanted.get("alertStrategy", {})
        if of_logs and len(conditions) > 1:
            raise invalid("alert_policy.conditions", f"{len(conditions)} conditions", "one that matches a log is alone")
        if bool(of_logs) is not limited:
            rule = "policies that match a log have one, and no others do"
            raise invalid("alert_policy.alert_strategy.notification_rate_limit", limited, rule)
        known = {each["name"] for each in self._shelf.below("channel", f"{_parent(request)}/notificationChannels")}
        for channel in wanted.get("notificationChannels", []):
            if channel not in known:
                raise ApiError(404, "NOT_FOUND", f"Could not find notification channel {channel}.")
        for metric in _metrics_of(conditions):
            self._shelf.get("metric", f"{_parent(request)}/metrics/{metric}")
        return wanted


def _metrics_of(conditions: Iterable[Document]) -> list[str]:
    """Return the metrics of logs that conditions look at: such a metric is there before the policy."""
    found = (condition.get("conditionThreshold", {}).get("filter", "") for condition in conditions)
    return [name for text in found for name in re.findall(r'logging\.googleapis\.com/user/([^"]+)"', text)]


def _metric(order: Document) -> Document:
    wanted = checked(order, "metric", METRIC)
    if not wanted.get("name") or not wanted.get("filter"):
        raise invalid("metric", wanted.get("name"), "it has a name and a filter")
    descriptor = wanted.get("metricDescriptor", {})
    keys = {label.get("key") for label in descriptor.get("labels", [])}
    if keys != set(wanted.get("labelExtractors", {})):
        raise invalid(
            "metric.labelExtractors", sorted(wanted.get("labelExtractors", {})), "one for each label, no more"
        )
    if (descriptor.get("valueType") == "DISTRIBUTION") is not ("valueExtractor" in wanted):
        raise invalid("metric.valueExtractor", wanted.get("valueExtractor"), "a distribution has one, a count has none")
    return wanted


def _dashboard(order: Document) -> Document:
    wanted = checked(order, "dashboard", DASHBOARD)
    if not wanted.get("displayName") or "mosaicLayout" not in wanted:
        raise invalid("dashboard", wanted.get("displayName"), "it has a displayName and a mosaicLayout")
    columns = wanted["mosaicLayout"].get("columns", 12)
    for number, tile in enumerate(wanted["mosaicLayout"].get("tiles", [])):
        path, widget = f"dashboard.mosaicLayout.tiles[{number}]", tile.get("widget", {})
        if len(set(widget) - {"title", "id"}) != 1 or set(widget) - WIDGETS - {"id"}:
            raise invalid(f"{path}.widget", sorted(widget), "it has a title and one thing to show")
        if not 0 < tile.get("width", 0) <= columns - tile.get("xPos", 0) or tile.get("height", 0) < 1:
            raise invalid(path, tile.get("width"), f"it lies within {columns} columns and has a height")
    return wanted


def _parent(request: web.Request) -> str:
    return f"projects/{request.match_info['project']}"


def _number() -> str:
    return str(uuid.uuid4().int)[:19]


def _bare(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "etag"}


def _bare_all(documents: list[Document]) -> list[dict[str, Any]]:
    return [_bare(each) for each in documents]
