"""Terraform's files and bootstrap.sh make the same project of the same variables."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .facts import ROOT, of_gcloud, of_terraform
from .terraform import Plan, read_variables

FOLDER = ROOT / "infra" / "terraform" / "gcp"
EXAMPLE = FOLDER / "example.tfvars.json"


def dry_run(path: Path) -> str:
    """Return what bootstrap.sh would call in an empty project."""
    done = subprocess.run(
        [ROOT / "scripts" / "gcp" / "bootstrap.sh", "--dry-run", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout, done.stderr
    return done.stdout


@pytest.fixture
def example() -> dict[str, Any]:
    return read_variables(EXAMPLE)


def compared(values: dict[str, Any], folder: Path) -> None:
    path = folder / "mine.tfvars.json"
    path.write_text(json.dumps(values))
    plan = Plan(FOLDER, values)
    assert plan.unknown == set()
    by_terraform, by_gcloud = of_terraform(plan), of_gcloud(dry_run(path))
    assert by_terraform - by_gcloud == set()
    assert by_gcloud - by_terraform == set()


def test_the_example_is_one_project_both_ways(example: dict[str, Any], tmp_path: Path) -> None:
    compared(example, tmp_path)


def test_what_may_be_left_out_is_left_out_both_ways(example: dict[str, Any], tmp_path: Path) -> None:
    service = copy.deepcopy(example["services"]["ibkr-example"])
    for name in ("schedule", "preflight", "readers", "secrets"):
        del service[name]
    least = {name: example[name] for name in ("project", "operators", "ledger", "reports", "images")}
    compared({**least, "services": {"ibkr-example": service}}, tmp_path)


def test_every_line_of_the_dry_run_is_one_that_terraform_has(example: dict[str, Any]) -> None:
    """Each fact can be missed: what is compared is not empty, and of every kind."""
    found = of_terraform(Plan(FOLDER, example))
    kinds = {fact[0] for fact in found}
    assert kinds == {
        *("api", "account", "role", "repository", "bucket", "secret", "grant", "service", "job", "schedule"),
        *("metric", "channel", "policy", "dashboard", "budget"),
    }
    assert {fact[1] for fact in found if fact[0] == "grant"} == {
        *("project", "repository", "bucket", "secret", "account", "service", "job"),
    }


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("services.tf", "max_instance_request_concurrency = 1", "max_instance_request_concurrency = 2"),
        ("services.tf", "always_on, false) ? 1 : 0", "always_on, false) ? 0 : 0"),
        ("services.tf", "cpu_idle          = !try", "cpu_idle          = try"),
        ("services.tf", "].args, [])", "].words, [])"),
        ("ledger.tf", "retention_duration_seconds = 7776000", "retention_duration_seconds = 604800"),
        ("ledger.tf", "roles/storage.objectCreator", "roles/storage.objectAdmin"),
        ("operators.tf", '"run.services.update"]', '"run.services.update", "run.services.delete"]'),
        ("schedule.tf", "America/New_York", "Etc/UTC"),
        ("schedule.tf", "/preflight?schedule=", "/run?schedule="),
        ("snapshots.tf", '"900s"', '"600s"'),
        ("secrets.tf", "secretmanager.secretVersionAdder", "secretmanager.admin"),
        ("apis.tf", '    "logging.googleapis.com",\n', ""),
    ],
)
def test_a_difference_is_found(file: str, old: str, new: str, example: dict[str, Any], tmp_path: Path) -> None:
    changed = tmp_path / "infra" / "terraform" / "gcp"
    changed.mkdir(parents=True)
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    for path in FOLDER.glob("*.tf"):
        text = path.read_text()
        assert path.name != file or old in text
        (changed / path.name).write_text(text.replace(old, new) if path.name == file else text)
    assert of_terraform(Plan(changed, example)) != of_terraform(Plan(FOLDER, example))
