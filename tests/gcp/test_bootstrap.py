"""bootstrap.sh with a double of gcloud that keeps what it was asked, and answers as it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .facts import ROOT
from .terraform import read_variables

SCRIPT = ROOT / "scripts" / "gcp" / "bootstrap.sh"
EXAMPLE = ROOT / "infra" / "terraform" / "gcp" / "example.tfvars.json"
APIS = tuple(
    f"{name}.googleapis.com"
    for name in (
        *("artifactregistry", "billingbudgets", "cloudresourcemanager", "cloudscheduler", "iam", "iamcredentials"),
        *("logging", "monitoring", "run", "secretmanager", "serviceusage", "storage"),
    )
)
DENIED = "ERROR: (gcloud.{}) PERMISSION_DENIED: Permission denied on resource project ours."
DOUBLE = """#!/bin/sh
here=${0%/*}
case "$*" in "config get-value "*) echo ana@example.com; exit ;; esac
printf '%s\\n' "$*" >> "$here/calls"
if [ -e "$here/refused" ]; then
    case "$*" in "$(head -n 1 "$here/refused")"*) tail -n 1 "$here/refused" >&2; exit 1 ;; esac
fi
case "$*" in
    "services list"*json) if [ -e "$here/enabled" ]; then cat "$here/enabled"; else echo "[]"; fi ;;
    *" describe "*json) echo "ERROR: NOT_FOUND" >&2; exit 1 ;;
    *" list"*json) echo "[]" ;;
    *json) echo "{}" ;;
esac
"""


class Double:
    """A gcloud of an empty project, which forgets what is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "gcloud"
        program.write_text(DOUBLE)
        program.chmod(0o755)

    def run(self, variables: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(self.folder), **env}
        return subprocess.run(
            [SCRIPT, *words, variables], env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def refuse(self, beginning: str, said: str) -> None:
        (self.folder / "refused").write_text(f"{beginning}\n{said}")

    def enable_apis(self) -> None:
        """Have all APIs that a project takes, and nothing else."""
        (self.folder / "enabled").write_text(json.dumps([{"config": {"name": name}} for name in APIS]))

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def writes(self) -> list[str]:
        return [call.removesuffix(" --format none") for call in self.calls() if call.endswith(" --format none")]


@pytest.fixture
def double(tmp_path: Path) -> Double:
    return Double(tmp_path)


def variables(folder: Path, **changes: Any) -> Path:
    """Write a small project: one service with a secret, nothing else that may be left out."""
    example = read_variables(EXAMPLE)
    small = {name: example[name] for name in ("project", "operators", "ledger", "reports", "images")}
    small["services"] = {"ibkr-example": example["services"]["ibkr-example"]}
    small["secrets"] = {"example-groups": example["secrets"]["example-groups"]}
    path = folder / "mine.tfvars.json"
    path.write_text(json.dumps(small | changes))
    return path


def test_a_dry_run_prints_each_call_and_makes_none(double: Double, tmp_path: Path) -> None:
    told = double.run(variables(tmp_path), "--dry-run")
    assert (told.returncode, told.stderr, double.calls()) == (0, "", [])
    real = double.run(variables(tmp_path))
    # Nobody is told a service's address by the double, and the order of what goes side by side is chance.
    assert sorted(told.stdout.splitlines()) == sorted(real.stdout.splitlines()), real.stderr
    assert len(double.writes()) == len(told.stdout.splitlines())


def test_without_an_image_everything_else_is_made_and_one_line_says_what_comes_first(
    double: Double, tmp_path: Path
) -> None:
    service = {**read_variables(EXAMPLE)["services"]["ibkr-example"], "image": None}
    done = double.run(variables(tmp_path, services={"ibkr-example": service}))
    assert done.returncode == 1
    (last,) = (line for line in done.stderr.splitlines() if line.startswith("bootstrap.sh: "))
    assert "ibkr-example has no image: run `release apply BUNDLE` with a bundle that ends at images" in last
    assert [words for words in double.writes() if words.startswith(("run ", "scheduler "))] == []
    assert any(words.startswith("storage buckets create gs://example-project-ledger") for words in double.writes())


def test_a_check_of_an_empty_project_asks_for_the_apis_alone(double: Double, tmp_path: Path) -> None:
    done = double.run(variables(tmp_path), "--check")
    assert (done.returncode, done.stderr) == (1, "")
    assert double.calls() == ["services list --enabled --project example-project --format json"]
    first, last = done.stdout.splitlines()
    assert first.startswith("APIs: gcloud services enable artifactregistry.googleapis.com ")
    assert last == "nothing else can be asked for before the APIs are enabled"


def test_a_check_says_what_a_run_would_make_and_writes_nothing(double: Double, tmp_path: Path) -> None:
    double.enable_apis()
    path = variables(tmp_path)
    done = double.run(path, "--check")
    assert (done.returncode, done.stderr) == (1, "")
    assert double.writes() == []
    reads = [call for call in double.calls() if call.endswith(" --format json")]
    assert len(reads) == len(double.calls()) > 10
    said = [line.partition(": ")[::2] for line in done.stdout.splitlines()]
    assert {name for name, _ in said} >= {"service accounts", "secrets", "repository services", "service ibkr-example"}
    made = set(double.run(path).stdout.splitlines())
    commands = [what for _, what in said if what.startswith("gcloud ")]
    assert set(commands) <= made
    assert len(said) == len(made), (said, made)


def test_a_check_that_may_not_look_says_who_lacks_what_and_writes_nothing(double: Double, tmp_path: Path) -> None:
    double.enable_apis()
    double.refuse("secrets list", DENIED.format("secrets.list"))
    done = double.run(variables(tmp_path), "--check")
    assert (done.returncode, double.writes()) == (1, [])
    (line,) = done.stderr.splitlines()
    assert "ana@example.com may not call: gcloud secrets list" in line
    assert "it lacks roles/secretmanager.admin" in line


def test_a_check_without_an_image_says_so_and_ends_with_1(double: Double, tmp_path: Path) -> None:
    double.enable_apis()
    service = {**read_variables(EXAMPLE)["services"]["ibkr-example"], "image": None}
    done = double.run(variables(tmp_path, services={"ibkr-example": service}), "--check")
    assert (done.returncode, double.writes()) == (1, [])
    assert "ibkr-example has no image" in done.stderr


def test_a_check_and_a_dry_run_at_once_are_wrong_usage(double: Double, tmp_path: Path) -> None:
    done = double.run(variables(tmp_path), "--check", "--dry-run")
    assert (done.returncode, double.calls()) == (2, [])


ROLES = {
    "services enable": "roles/serviceusage.serviceUsageAdmin",
    "iam service-accounts create": "roles/iam.serviceAccountAdmin",
    "iam roles create": "roles/iam.roleAdmin",
    "artifacts repositories create": "roles/artifactregistry.admin",
    "storage buckets create": "roles/storage.admin",
    "secrets create": "roles/secretmanager.admin",
    "projects add-iam-policy-binding": "roles/resourcemanager.projectIamAdmin",
    "secrets get-iam-policy": "roles/secretmanager.admin",
    "run deploy": "roles/run.admin",
    "scheduler jobs create": "roles/cloudscheduler.admin",
    "logging metrics create": "roles/logging.configWriter",
    "alpha monitoring policies create": "roles/monitoring.editor",
    "monitoring dashboards list": "roles/monitoring.editor",
    "billing budgets create": "roles/billing.costsManager",
}


EACH_NEED = """
import sys
from pathlib import Path
from gcp.bootstrap import stages
from gcp.gcloud import Gcloud
from gcp.variables import Refused, read_site
site = read_site(Path(sys.argv[1]))
gcloud = Gcloud(site.project)
for need in (need for stage in stages(site) for need in stage):
    for words in (*need.reads, *(call.words for call in need.missing([None] * len(need.reads)))):
        try:
            (gcloud.read if words in need.reads else gcloud.write)(words, need.role)
        except Refused as error:
            print(error)
"""


def test_who_lacks_a_role_is_told_which_for_which_call(double: Double, tmp_path: Path) -> None:
    """Every call that is made is refused once: the line names the account, the role and the call."""
    double.refuse("", DENIED.format("any"))
    budget = {"billing_account": "000000-000000-000000", "amount": 50, "currency": "USD"}
    environment = {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "scripts"),
        "HOME": str(tmp_path),
    }
    path = variables(tmp_path, budget=budget, emails=["ana@example.com"])
    done = subprocess.run(
        [sys.executable, "-c", EACH_NEED, path], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    told = done.stdout.splitlines()
    assert len(told) == len(double.calls())
    for line in told:
        assert line.startswith("ana@example.com may not call: gcloud ")
        assert "projects add-iam-policy-binding example-project --member user:ana@example.com --role roles/" in line
    for call, role in ROLES.items():
        lines = [line for line in told if line.startswith(f"ana@example.com may not call: gcloud {call} ")]
        assert lines, call
        assert all(f"it lacks {role}:" in line for line in lines), call


def test_a_call_that_fails_otherwise_is_told_with_what_google_said(double: Double, tmp_path: Path) -> None:
    double.refuse("secrets create", "ERROR: (gcloud.secrets.create) RESOURCE_EXHAUSTED: Quota exceeded")
    done = double.run(variables(tmp_path))
    assert done.returncode == 1
    assert "gcloud secrets create example-groups" in done.stderr
    assert "RESOURCE_EXHAUSTED: Quota exceeded" in done.stderr


PROJECTS: list[tuple[dict[str, Any], str]] = [
    ({"project": "Ours"}, "project is 'Ours'"),
    ({"operatos": []}, "operatos is not known"),
    ({"operators": ["ana@example.com"]}, "operators has 'ana@example.com'"),
    ({"reports": {"bucket": "b-b", "location": "EU", "retention_days": 0}}, "reports.retention_days is 0"),
    ({"reports": {"bucket": "example-project-ledger", "location": "EU", "retention_days": 1}}, "two buckets"),
    ({"secrets": {}}, "write ibkr-example among the readers of secrets.example-groups"),
    ({"secrets": {"example-groups": {"readers": ["ibkr-exampel"]}}}, "secrets.example-groups names ibkr-exampel"),
    ({"services": {"ibkr": {"app": "ibkr"}}}, "services.ibkr: write a name that fits"),
]
SERVICES: list[tuple[dict[str, Any], str]] = [
    ({"app": "paper"}, "services.ibkr-example.app is 'paper'; write one of ibkr, schwab, longbridge, alpaca"),
    ({"image": "ibkr:latest"}, "services.ibkr-example.image is 'ibkr:latest'"),
    ({"settings": {}}, "services.ibkr-example lacks STRATEGY_PROFILE"),
    ({"settings": {"STRATEGY_PROFILE": "p", "IBKR_DRY_RUN_ONLY": "false"}}, "sets IBKR_DRY_RUN_ONLY twice"),
    ({"settings": {"STRATEGY_PROFILE": "a|b"}}, "write a text that fits"),
    ({"settings": {"STRATEGY_PROFILE": "p", "NOTIFY_URLS": "json://x"}}, "NOTIFY_URLS is a secret"),
    (
        {"secrets": {"IB_ACCOUNT_GROUP_CONFIG": "hunter2 2"}},
        "secrets.IB_ACCOUNT_GROUP_CONFIG is something that is not shown, as it may be a secret; write a text that fits",
    ),
    ({"secrets": "hunter2"}, "services.ibkr-example.secrets is something that is not shown"),
    ({"settings": []}, "services.ibkr-example.settings is []; write a JSON object"),
    ({"settings": {"STRATEGY_PROFILE": "\ud800"}}, "services.ibkr-example.settings.STRATEGY_PROFILE is"),
    ({"settings": {"STRATEGY_PROFILE": "a\rb"}}, "services.ibkr-example.settings.STRATEGY_PROFILE is"),
    ({"schedule": "45 15"}, "services.ibkr-example.schedule is '45 15'"),
    ({"schedule": None, "preflight": "45 3 * * 1-5"}, "schedule is missing"),
]
EACH_FILE = """
import sys
from pathlib import Path
from gcp.variables import Refused, read_site
for name in sys.argv[1:]:
    try:
        read_site(Path(name))
        print("taken")
    except Refused as error:
        print(error)
"""


def test_what_cannot_be_meant_is_one_line_that_names_it(tmp_path: Path) -> None:
    service = read_variables(EXAMPLE)["services"]["ibkr-example"]
    cases = [*PROJECTS, *(({"services": {"ibkr-example": {**service, **change}}}, said) for change, said in SERVICES)]
    paths: list[str] = []
    for number, (changes, _) in enumerate(cases):
        (tmp_path / str(number)).mkdir()
        paths.append(str(variables(tmp_path / str(number), **changes)))
    environment = {"PYTHONPATH": str(ROOT / "scripts"), "PATH": os.environ["PATH"]}
    told = subprocess.run(
        [sys.executable, "-c", EACH_FILE, *paths, str(variables(tmp_path))],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.splitlines()
    assert told[-1] == "taken"
    assert len(told) == len(cases) + 1
    assert [(said, line) for (_, said), line in zip(cases, told, strict=False) if said not in line] == []
    assert [line for line in told if "hunter2" in line] == []


def test_no_secret_that_stands_in_the_wrong_place_is_shown(tmp_path: Path) -> None:
    """Each of them once as a plain setting, and once with its value where the name of a secret has to be."""
    service = read_variables(EXAMPLE)["services"]["ibkr-example"]
    names = json.loads((ROOT / "deploy" / "gcp" / "secret-settings.json").read_text())
    assert len(names) > 10
    paths: list[str] = []
    for name in names:
        for change in ({"settings": {"STRATEGY_PROFILE": "p", name: "canary 7"}}, {"secrets": {name: "canary 7"}}):
            folder = tmp_path / str(len(paths))
            folder.mkdir()
            paths.append(str(variables(folder, services={"ibkr-example": {**service, **change}})))
    environment = {"PYTHONPATH": str(ROOT / "scripts"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", EACH_FILE, *paths]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    told = done.stdout.splitlines()
    assert len(told) == len(paths)
    assert [
        name for name, line in zip(names, told[::2], strict=True) if f"{name} is a secret; write it" not in line
    ] == []
    assert [line for line in told[1::2] if "is something that is not shown" not in line] == []
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"project": "ours-1", "project": "ours-2"}', "'project' is there twice"),
        (100_000 * "[", "maximum recursion depth exceeded"),
        ("", "Expecting value"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(double: Double, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.json").write_text(text)
    done = double.run(tmp_path / "mine.json")
    assert (done.returncode, len(done.stderr.splitlines()), double.calls()) == (1, 1, [])
    assert said in done.stderr


def test_no_two_services_have_an_account_in_common(double: Double, tmp_path: Path) -> None:
    """The account `NAME-job` may call NAME: were it a service's own as well, it could do what that one may."""
    document = read_variables(EXAMPLE)
    plain = {**document["services"]["ibkr-example"], "secrets": {}}
    changes = [
        {"services": {**document["services"], "ibkr-example-job": plain}},
        {"snapshots": {**document["snapshots"], "name": "ibkr-example"}},
    ]
    for change in changes:
        done = double.run(variables(tmp_path, **change))
        assert (done.returncode, double.calls()) == (1, [])
        assert "two accounts would be called 'ibkr-example" in done.stderr


def test_ctrl_c_ends_with_one_line(double: Double, tmp_path: Path) -> None:
    program = double.folder / "gcloud"
    program.write_text('#!/bin/sh\ntouch "${0%/*}/asked"\nsleep 30\n')
    environment = {"PATH": f"{double.folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(double.folder)}
    with subprocess.Popen(
        [SCRIPT, "--check", variables(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        until = time.monotonic() + 30
        while not (double.folder / "asked").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        told = process.communicate(timeout=30)
    assert (process.returncode, told[0]) == (130, "")
    assert told[1] == "bootstrap.sh: stopped; run it again: what is there by then is left as it is\n"


def test_an_answer_that_is_no_json_is_one_line(double: Double, tmp_path: Path) -> None:
    (double.folder / "gcloud").write_text("#!/bin/sh\necho Updates are available.\n")
    done = double.run(variables(tmp_path), "--check")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "printed no JSON; run it by hand" in done.stderr


def test_a_file_that_cannot_be_meant_ends_before_any_call(double: Double, tmp_path: Path) -> None:
    done = double.run(variables(tmp_path, project="Ours"))
    assert (done.returncode, done.stdout, double.calls()) == (1, "", [])
    assert done.stderr.startswith("bootstrap.sh: project is 'Ours'; write")
    assert len(done.stderr.splitlines()) == 1


def test_what_a_page_calls_secret_is_no_plain_setting_anywhere() -> None:
    """The settings that are secret, by the pages of the apps, are those that the variables refuse as plain ones."""
    apps = json.loads((ROOT / "deploy" / "gcp" / "apps.json").read_text())
    pages = {
        name: (ROOT / "docs" / "reference" / f"{name}.md").read_text() for name in ("settings", "playbook", "alpaca")
    }
    marked = {
        line.split("`")[1]
        for text in pages.values()
        for line in text.splitlines()
        if line.startswith("| `") and "**secret**" in line
    }
    ours = {name for app in apps.values() for name in app["settings"]}
    listed = set(json.loads((ROOT / "deploy" / "gcp" / "secret-settings.json").read_text()))
    assert marked - ours == listed


def test_a_service_that_is_there_is_left_to_the_release_whatever_it_runs(tmp_path: Path) -> None:
    """One that has never been ready is made again: its first revision could not start."""
    snippet = """
import sys
from pathlib import Path
from gcp.running import services
from gcp.variables import read_site
(need,) = services(read_site(Path(sys.argv[1])))
ready = {"status": {"latestReadyRevisionName": "ibkr-example-00007-run", "url": "https://x"}}
print([len(need.missing([found])) for found in (None, {"status": {}}, ready)])
"""
    environment = {"PYTHONPATH": str(ROOT / "scripts"), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", snippet, variables(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[1, 1, 0]\n"
