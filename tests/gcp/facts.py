"""What would stand in a project, as facts that two ways of making it can be compared by."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .terraform import Instance, Plan

Fact = tuple[Any, ...]
ROOT = Path(__file__).resolve().parents[2]


def _frozen(value: Any) -> str:
    """Return a document as a text that is equal where it is."""
    return json.dumps(value, sort_keys=True)


def _one(values: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return a block that is there once, in blocks that are."""
    for name in path:
        (values,) = values[name]
    return values


# --- Terraform ------------------------------------------------------------------------------------


def of_terraform(plan: Plan) -> set[Fact]:
    """Return the facts of a plan; every type of resource has to be known here."""
    return {fact for each in plan.instances() for fact in TERRAFORM[each.kind](each)}


def _bucket(each: Instance) -> Iterator[Fact]:
    values = each.values
    kept = _one(values, "retention_policy")["retention_period"] if "retention_policy" in values else 0
    assert values["force_destroy"] is False
    yield (
        *("bucket", values["name"], values["location"], int(kept), _one(values, "versioning")["enabled"]),
        int(_one(values, "soft_delete_policy")["retention_duration_seconds"]),
        *(values["uniform_bucket_level_access"], values["public_access_prevention"] == "enforced"),
    )


def _grant(kind: str, field: str) -> Callable[[Instance], Iterator[Fact]]:
    def facts(each: Instance) -> Iterator[Fact]:
        yield ("grant", kind, each.values[field], each.values["role"], each.values["member"])

    return facts


def _service(each: Instance) -> Iterator[Fact]:
    values = each.values
    template = _one(values, "template")
    container, scaling = _one(template, "containers"), _one(template, "scaling")
    resources = _one(container, "resources")
    env = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    sources = {
        one["name"]: _one(one, "value_source", "secret_key_ref") for one in container["env"] if "value" not in one
    }
    secrets = {name: f"{one['secret']}:{one['version']}" for name, one in sources.items()}
    yield (
        *("service", values["name"], values["location"], container["image"], template["service_account"]),
        *(resources["limits"]["cpu"], resources["limits"]["memory"], resources["startup_cpu_boost"]),
        *(resources["cpu_idle"], tuple(container["args"])),
        *(template["timeout"], template["max_instance_request_concurrency"]),
        *(scaling["min_instance_count"], scaling["max_instance_count"]),
        *(values["ingress"].rpartition("_")[2].lower(), tuple(values["custom_audiences"])),
        *(_frozen(env), _frozen(secrets)),
    )


def _job(each: Instance) -> Iterator[Fact]:
    values = each.values
    execution = _one(values, "template")
    task = _one(execution, "template")
    container, volume = _one(task, "containers"), _one(task, "volumes")
    limits, mount = _one(container, "resources")["limits"], _one(container, "volume_mounts")
    assert _one(volume, "gcs")["read_only"] is False
    yield (
        *("job", values["name"], values["location"], container["image"], task["service_account"]),
        *(limits["cpu"], limits["memory"], task["timeout"], task["max_retries"]),
        *(execution["task_count"], execution["parallelism"], tuple(container["args"])),
        *(volume["name"], _one(volume, "gcs")["bucket"], mount["name"], mount["mount_path"]),
    )


def _schedule(each: Instance) -> Iterator[Fact]:
    values = each.values
    target, retries = _one(values, "http_target"), _one(values, "retry_config")
    token = _one(target, "oidc_token") if "oidc_token" in target else _one(target, "oauth_token")
    yield (
        *("schedule", values["name"], values["region"], values["schedule"], values["time_zone"], target["uri"]),
        *(target["http_method"], "oidc" if "oidc_token" in target else "oauth", token["service_account_email"]),
        *(token.get("audience"), values["attempt_deadline"], retries["retry_count"]),
        *(retries.get("min_backoff_duration"), retries.get("max_backoff_duration")),
    )


def _metric(each: Instance) -> Iterator[Fact]:
    values = each.values
    descriptor = _one(values, "metric_descriptor")
    labels = [
        {"key": one["key"], "valueType": one["value_type"], "description": one["description"]}
        for one in descriptor.get("labels", [])
    ]
    shown = {"metricKind": descriptor["metric_kind"], "valueType": descriptor["value_type"], "unit": descriptor["unit"]}
    document = {
        **{name: values[name] for name in ("name", "description", "filter")},
        "metricDescriptor": {**shown, **({"labels": labels} if labels else {})},
        **({"valueExtractor": values["value_extractor"]} if values["value_extractor"] else {}),
        **({"labelExtractors": values["label_extractors"]} if values["label_extractors"] else {}),
    }
    yield ("metric", _frozen(document))


def _policy(each: Instance) -> Iterator[Fact]:
    values = each.values
    about, strategy = _one(values, "documentation"), _one(values, "alert_strategy")
    period = _one(strategy, "notification_rate_limit")["period"]
    document = {
        "displayName": values["display_name"],
        "documentation": {"content": about["content"], "mimeType": about["mime_type"]},
        "combiner": values["combiner"],
        "conditions": [
            {
                "displayName": one["display_name"],
                "conditionMatchedLog": {"filter": _one(one, "condition_matched_log")["filter"]},
            }
            for one in values["conditions"]
        ],
        "alertStrategy": {"notificationRateLimit": {"period": period}, "autoClose": strategy["auto_close"]},
        "severity": values["severity"],
    }
    yield ("policy", _frozen(document), len(values["notification_channels"]))


def _budget(each: Instance) -> Iterator[Fact]:
    values = each.values
    amount = _one(values, "amount", "specified_amount")
    shares = tuple(one["threshold_percent"] for one in values["threshold_rules"])
    assert _one(values, "budget_filter")["projects"] == ["projects/PROJECT_NUMBER"]
    yield (
        "budget",
        values["billing_account"],
        values["display_name"],
        f"{amount['units']}{amount['currency_code']}",
        shares,
    )


TERRAFORM: Mapping[str, Callable[[Instance], Iterable[Fact]]] = {
    "google_project_service": lambda each: [("api", each.values["service"])],
    "google_service_account": lambda each: [("account", each.values["account_id"], each.values["display_name"])],
    "google_project_iam_custom_role": lambda each: [
        ("role", each.values["role_id"], each.values["title"], tuple(sorted(each.values["permissions"])))
    ],
    "google_artifact_registry_repository": lambda each: [
        (
            *("repository", each.values["repository_id"], each.values["location"], each.values["format"].lower()),
            _one(each.values, "docker_config")["immutable_tags"],
        )
    ],
    "google_storage_bucket": _bucket,
    "google_secret_manager_secret": lambda each: [
        ("secret", each.values["secret_id"], "auto" in _one(each.values, "replication"))
    ],
    "google_project_iam_member": _grant("project", "project"),
    "google_artifact_registry_repository_iam_member": _grant("repository", "repository"),
    "google_storage_bucket_iam_member": _grant("bucket", "bucket"),
    "google_secret_manager_secret_iam_member": _grant("secret", "secret_id"),
    "google_service_account_iam_member": _grant("account", "service_account_id"),
    "google_cloud_run_v2_service_iam_member": _grant("service", "name"),
    "google_cloud_run_v2_job_iam_member": _grant("job", "name"),
    "google_cloud_run_v2_service": _service,
    "google_cloud_run_v2_job": _job,
    "google_cloud_scheduler_job": _schedule,
    "google_logging_metric": _metric,
    "google_monitoring_notification_channel": lambda each: [("channel", each.values["labels"]["email_address"])],
    "google_monitoring_alert_policy": _policy,
    "google_monitoring_dashboard": lambda each: [("dashboard", _frozen(json.loads(each.values["dashboard_json"])))],
    "google_billing_budget": _budget,
}


# --- gcloud ---------------------------------------------------------------------------------------


class Line:
    """A line of gcloud: its words up to the first option, and the options."""

    def __init__(self, text: str) -> None:
        words = shlex.split(text)
        assert words.pop(0) == "gcloud"
        first = next((n for n, word in enumerate(words) if word.startswith("--")), len(words))
        self.words, self.options = words[:first], dict[str, list[str]]()
        name = ""
        for word in words[first:]:
            if word.startswith("--"):
                name = word
                self.options.setdefault(name, [])
            else:
                self.options[name].append(word)

    def __getitem__(self, name: str) -> str:
        (value,) = self.options[name]
        return value

    def get(self, name: str) -> str | None:
        return self[name] if name in self.options else None

    def has(self, name: str) -> bool:
        return self.options.get(name) == []


def of_gcloud(text: str) -> set[Fact]:
    """Return the facts of lines of gcloud; every kind of line has to be known here."""
    lines = [Line(each) for each in text.splitlines()]
    versioned = {line.words[3] for line in lines if line.words[:3] == ["storage", "buckets", "update"]}
    found: set[Fact] = set()
    for line in lines:
        found |= set(_facts(line, versioned))
    return found


KINDS = {
    ("projects",): "project",
    ("artifacts", "repositories"): "repository",
    ("storage", "buckets"): "bucket",
    ("secrets",): "secret",
    ("iam", "service-accounts"): "account",
    ("run", "services"): "service",
    ("run", "jobs"): "job",
}


def _facts(line: Line, versioned: set[str]) -> Iterator[Fact]:
    match line.words:
        case ["services", "enable", *apis]:
            yield from (("api", api) for api in apis)
        case ["iam", "service-accounts", "create", name]:
            yield ("account", name, line["--display-name"])
        case ["iam", "roles", "create", name]:
            yield ("role", name, line["--title"], tuple(sorted(line["--permissions"].split(","))))
        case ["artifacts", "repositories", "create", name]:
            yield ("repository", name, line["--location"], line["--repository-format"], line.has("--immutable-tags"))
        case ["storage", "buckets", "create", address]:
            kept, soft = (line.get("--retention-period") or "0s"), line["--soft-delete-duration"]
            yield (
                *("bucket", address.removeprefix("gs://"), line["--location"], int(kept[:-1]), address in versioned),
                *(int(soft[:-1]), line.has("--uniform-bucket-level-access"), line.has("--public-access-prevention")),
            )
        case ["storage", "buckets", "update", _]:
            assert set(line.options) == {"--versioning"}
        case ["secrets", "create", name]:
            yield ("secret", name, line["--replication-policy"] == "automatic")
        case [*group, "add-iam-policy-binding", name]:
            yield ("grant", KINDS[tuple(group)], name.removeprefix("gs://"), line["--role"], line["--member"])
        case _:
            yield from _running_facts(line)


def _running_facts(line: Line) -> Iterator[Fact]:
    match line.words:
        case ["run", "deploy", name]:
            mark, _, rest = line["--set-env-vars"].removeprefix("^").partition("^")
            env = dict(each.split("=", 1) for each in rest.split(mark))
            secrets = dict(each.split("=", 1) for each in (line.get("--set-secrets") or "").split(",") if each)
            args = tuple(each for each in (line.get("--args") or "").split(",") if each)
            assert line.has("--no-allow-unauthenticated")
            assert line.has("--cpu-throttling") != line.has("--no-cpu-throttling")
            yield (
                *("service", name, line["--region"], line["--image"], line["--service-account"], line["--cpu"]),
                *(line["--memory"], line.has("--cpu-boost"), line.has("--cpu-throttling"), args),
                *(line["--timeout"], int(line["--concurrency"])),
                *(int(line["--min-instances"]), int(line["--max-instances"]), line["--ingress"]),
                *((line["--add-custom-audiences"],), _frozen(env), _frozen(secrets)),
            )
        case ["run", "jobs", "deploy", name]:
            volume = dict(each.split("=", 1) for each in line["--add-volume"].split(","))
            mount = dict(each.split("=", 1) for each in line["--add-volume-mount"].split(","))
            yield (
                *("job", name, line["--region"], line["--image"], line["--service-account"], line["--cpu"]),
                *(line["--memory"], line["--task-timeout"], int(line["--max-retries"]), int(line["--tasks"])),
                *(int(line["--parallelism"]), tuple(line["--args"].split(","))),
                *(volume["name"], volume["bucket"], mount["volume"], mount["mount-path"]),
            )
        case ["scheduler", "jobs", "create", "http", name]:
            kind = "oidc" if "--oidc-service-account-email" in line.options else "oauth"
            yield (
                *("schedule", name, line["--location"], line["--schedule"], line["--time-zone"], line["--uri"]),
                *(
                    line["--http-method"],
                    kind,
                    line[f"--{kind}-service-account-email"],
                    line.get("--oidc-token-audience"),
                ),
                *(line["--attempt-deadline"], int(line["--max-retry-attempts"])),
                *(line.get("--min-backoff"), line.get("--max-backoff")),
            )
        case _:
            yield from _telling_facts(line)


def _telling_facts(line: Line) -> Iterator[Fact]:
    match line.words:
        case ["logging", "metrics", "create", name]:
            document = json.loads((ROOT / line["--config-from-file"]).read_text())
            assert document["name"] == name
            yield ("metric", _frozen(document))
        case ["beta", "monitoring", "channels", "create"]:
            yield ("channel", line["--channel-labels"].removeprefix("email_address="))
        case ["alpha", "monitoring", "policies", "create"]:
            document = json.loads((ROOT / line["--policy-from-file"]).read_text())
            channels = (line.get("--notification-channels") or "").split(",")
            yield ("policy", _frozen(document), len([each for each in channels if each]))
        case ["monitoring", "dashboards", "create"]:
            yield ("dashboard", _frozen(json.loads((ROOT / line["--config-from-file"]).read_text())))
        case ["billing", "budgets", "create"]:
            shares = tuple(float(each.removeprefix("percent=")) for each in line.options["--threshold-rule"])
            assert line["--filter-projects"] == f"projects/{line['--display-name']}"
            yield ("budget", line["--billing-account"], line["--display-name"], line["--budget-amount"], shares)
        case _:
            raise AssertionError(f"no fact is known of gcloud {' '.join(line.words)}")
