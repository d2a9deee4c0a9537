"""Who is told of what: metrics of logs, channels, alert policies, a dashboard, a budget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gcp.apps import FOLDER
from gcp.needs import Call, Need, holds, names
from gcp.variables import Budget, Site

__all__ = ["channels", "files", "telling"]

ROOT = FOLDER.parents[1]
THRESHOLDS = ("0.5", "0.9", "1.0")
CHANNEL = "projects/PROJECT/notificationChannels/NUMBER"
MONITORING = "roles/monitoring.editor"


def files(site: Site, kind: str) -> list[Path]:
    """Return the files of a kind, ``log-metrics`` or ``policies``: everybody's, and the playbook's where it runs."""
    folders = [FOLDER / kind]
    if any(each.app.image_of == "alpaca" for each in site.services):
        folders.append(ROOT / "deploy" / "playbook" / kind)
    return [path for folder in folders for path in sorted(folder.glob("*.json"))]


def channels(site: Site) -> list[Need]:
    """Return the metrics of logs, and the channels of mail."""
    made = [_metrics(site)]
    if site.emails:
        made.append(_channels(site))
    return made


def telling(site: Site) -> list[Need]:
    """Return what looks at metrics and tells through channels."""
    made = [_policies(site), _dashboard(site)]
    if site.budget is not None:
        made.append(_budget(site, site.budget))
    return made


def _metrics(site: Site) -> Need:
    place = ("--project", site.project)
    wanted = {path: json.loads(path.read_text("utf-8")) for path in files(site, "log-metrics")}

    def missing(found: Sequence[Any]) -> list[Call]:
        there, left = names(found[0], "name"), list[Call]()
        for path, document in wanted.items():
            name, from_file = document["name"], ("--config-from-file", _shown(path))
            if name not in there:
                left.append(Call(("logging", "metrics", "create", name, *from_file, *place)))
            elif not holds(there[name], document):
                left.append(Call(("logging", "metrics", "update", name, *from_file, *place)))
        return left

    return Need("metrics of logs", "roles/logging.configWriter", (("logging", "metrics", "list", *place),), missing)


def _channels(site: Site) -> Need:
    place = ("--project", site.project)

    def missing(found: Sequence[Any]) -> list[Call]:
        there = {each.get("labels", {}).get("email_address") for each in found[0] or [] if each["type"] == "email"}
        create = ("beta", "monitoring", "channels", "create", "--type", "email", *place)
        return [
            Call((*create, "--display-name", email, "--channel-labels", f"email_address={email}"))
            for email in site.emails
            if email not in there
        ]

    return Need("channels", MONITORING, (("beta", "monitoring", "channels", "list", *place),), missing)


def _policies(site: Site) -> Need:
    place = ("--project", site.project)
    wanted = {path: json.loads(path.read_text("utf-8")) for path in files(site, "policies")}
    group = ("alpha", "monitoring", "policies")

    def missing(found: Sequence[Any]) -> list[Call]:
        there, left = names(found[0], "displayName"), list[Call]()
        told = [each["name"] for each in found[1] or [] if each.get("labels", {}).get("email_address") in site.emails]
        told = sorted(told) or [CHANNEL] * len(site.emails)
        for path, document in wanted.items():
            one = there.get(document["displayName"])
            from_file = ("--policy-from-file", _shown(path), *place)
            if one is None:
                more = ("--notification-channels", ",".join(told)) if told else ()
                left.append(Call((*group, "create", *from_file, *more)))
            elif not holds(one, document) or sorted(one.get("notificationChannels", [])) != told:
                more = ("--set-notification-channels", ",".join(told)) if told else ("--clear-notification-channels",)
                left.append(Call((*group, "update", one["name"], *from_file, *more)))
        return left

    reads = ((*group, "list", *place), ("beta", "monitoring", "channels", "list", *place))
    return Need("alert policies", MONITORING, reads, missing)


def _dashboard(site: Site) -> Need:
    place, path = ("--project", site.project), FOLDER / "dashboard.json"
    wanted = json.loads(path.read_text("utf-8"))
    group, from_file = ("monitoring", "dashboards"), ("--config-from-file", _shown(path))

    def missing(found: Sequence[Any]) -> list[Call]:
        one = names(found[0], "displayName").get(wanted["displayName"])
        if one is None:
            return [Call((*group, "create", *from_file, *place))]
        if holds(one, wanted):
            return []
        # An update brings the etag of what it read, which the file has not.
        return [Call((*group, "update", one["name"], "--config", json.dumps({**wanted, "etag": one["etag"]}), *place))]

    return Need("dashboard", MONITORING, ((*group, "list", *place),), missing)


def _budget(site: Site, budget: Budget) -> Need:
    group = ("billing", "budgets")
    account = ("--billing-account", budget.billing_account)
    amount = ("--budget-amount", f"{budget.amount}{budget.currency}")
    wanted = {"amount": {"specifiedAmount": {"currencyCode": budget.currency, "units": str(budget.amount)}}}

    def missing(found: Sequence[Any]) -> list[Call]:
        one = names(found[0], "displayName").get(site.project)
        if one is None:
            rules = [word for share in THRESHOLDS for word in ("--threshold-rule", f"percent={share}")]
            about = ("--display-name", site.project, "--filter-projects", f"projects/{site.project}")
            return [Call((*group, "create", *account, *about, *amount, *rules))]
        return [] if holds(one, wanted) else [Call((*group, "update", one["name"], *amount))]

    return Need("budget", "roles/billing.costsManager", ((*group, "list", *account),), missing)


def _shown(path: Path) -> str:
    """Return a file as calls name it: from the checkout's root, where they are made."""
    return str(path.relative_to(ROOT))
