"""Each role is taken away once, and the emulators answer 403: those that bootstrap gives, and those that it takes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from venue_sandbox.cloud.enforcing import shared
from venue_sandbox.servers.launch import Server

from .gcloud_frame import GCLOUD, ROOT, WITHOUT, Emulators
from .run_frame import FIRST, registry

sys.path.insert(0, str(ROOT / "scripts"))
from gcp.bootstrap import stages
from gcp.foundation import ROLES
from gcp.grants import grants
from gcp.variables import Site, read_site

Start = Callable[..., Server]
EXAMPLE = ROOT / "infra" / "terraform" / "gcp" / "example.tfvars.json"
PROJECT = "example-house"
PLACE = f"projects/{PROJECT}/locations/us-central1"
OWNER, ANA, SERVICE, CALLER = (
    *("user:owner@example.com", "user:ana@example.com"),
    *(f"serviceAccount:{name}@{PROJECT}.iam.gserviceaccount.com" for name in ("webbed", "webbed-job")),
)
ACCOUNT = f"/v1/projects/{PROJECT}/serviceAccounts/{SERVICE.partition(':')[2]}"
OBSERVE, DEPLOY = (f"projects/{PROJECT}/roles/{role.name}" for role in ROLES)


@dataclass(frozen=True)
class Cloud:
    """A project that keeps to its policies, with one of everything that roles are given on."""

    emulators: Emulators
    ports: set[int]

    def ask(self, who: str, server: str, method: str, path: str, **options: Any) -> requests.Response:
        """Make a request as somebody."""
        address = f"http://127.0.0.1:{getattr(self.emulators, server).port}{path}"
        headers = {"Authorization": f"Bearer {who.partition(':')[2]}", **options.pop("headers", {})}
        return requests.request(method, address, headers=headers, timeout=20, **options)

    def made(self, server: str, path: str, **options: Any) -> Any:
        """Make something as the owner."""
        answer = self.ask(OWNER, server, "POST", path, **options)
        assert answer.ok, answer.text
        return answer.json()

    def give(self, where: str, *bindings: tuple[str, str]) -> None:
        """Replace the policy of a kind of resource; the owner stays one of the project."""
        own = [(OWNER, "roles/owner")] if where == "project" else []
        listed = [{"role": role, "members": [who]} for who, role in (*bindings, *own)]
        server, path = POLICIES[where]
        if server == "storage":
            answer = self.ask(OWNER, server, "PUT", path, json={"bindings": listed})
        else:
            answer = self.ask(OWNER, server, "POST", f"{path}:setIamPolicy", json={"policy": {"bindings": listed}})
        assert answer.ok, answer.text

    def reached(self, who: str) -> requests.Response:
        """Call the service with an identity token of somebody."""
        uri = self.ask(OWNER, "run", "GET", f"/v2/{PLACE}/services/web").json()["uri"]
        self.ports.add(int(uri.rpartition(":")[2]))
        claims = base64.urlsafe_b64encode(json.dumps({"email": who.partition(":")[2]}).encode()).decode().rstrip("=")
        return requests.get(uri, headers={"Authorization": f"Bearer e30.{claims}.x"}, timeout=20)


POLICIES = {
    "project": ("project", f"/v1/projects/{PROJECT}"),
    "repository": ("project", f"/v1/{PLACE}/repositories/images"),
    "bucket": ("storage", "/storage/v1/b/ledger-bucket/iam"),
    "secret": ("secrets", f"/v1/projects/{PROJECT}/secrets/login"),
    "account": ("project", ACCOUNT),
    "service": ("run", f"/v2/{PLACE}/services/web"),
    "job": ("run", f"/v2/{PLACE}/jobs/nightly"),
}
Ask = Callable[[Cloud, str], requests.Response]


def call(server: str, method: str, path: str, **options: Any) -> Ask:
    return lambda cloud, who: cloud.ask(who, server, method, path, **options)


def upload(name: str) -> Ask:
    """Return a write of an object; a new one has a name of its own each time."""
    return lambda cloud, who: cloud.ask(
        *(who, "storage", "POST", "/upload/storage/v1/b/ledger-bucket/o"),
        params={"uploadType": "media", "name": name or uuid4().hex},
        data=b"x",
    )


SCHEDULE = f"/v1/{PLACE}/jobs/daily"
READ = call("storage", "GET", "/storage/v1/b/ledger-bucket/o/there", params={"alt": "media"})
TOKEN = f"/v1/projects/-/serviceAccounts/{CALLER.partition(':')[2]}:generateIdToken"
TEMPLATE = {"template": {"containers": [{"image": FIRST}], "serviceAccount": SERVICE.partition(":")[2]}}
CALLS: dict[tuple[str, str], tuple[str, list[Ask]]] = {
    ("project", OBSERVE): (
        ANA,
        [
            call("run", "GET", f"/v2/{PLACE}/services/web"),
            call("run", "GET", f"/v2/{PLACE}/services/web/revisions"),
            call("scheduler", "GET", SCHEDULE),
            call("scheduler", "POST", f"{SCHEDULE}:pause"),
            call("scheduler", "POST", f"{SCHEDULE}:resume"),
        ],
    ),
    ("repository", "roles/artifactregistry.writer"): (ANA, [call("project", "GET", POLICIES["repository"][1])]),
    ("bucket", "roles/storage.objectUser"): (SERVICE, [upload("there"), READ]),
    ("bucket", "roles/storage.objectViewer"): (SERVICE, [READ]),
    ("bucket", "roles/storage.objectCreator"): (SERVICE, [upload("")]),
    ("account", "roles/iam.serviceAccountUser"): (
        ANA,
        [call("run", "PATCH", f"/v2/{PLACE}/services/web", json=TEMPLATE, params={"validateOnly": "true"})],
    ),
    ("account", "roles/iam.serviceAccountOpenIdTokenCreator"): (
        ANA,
        [call("scheduler", "POST", TOKEN.replace("webbed-job", "webbed"), json={"audience": "https://web"})],
    ),
    ("service", "roles/run.invoker"): (CALLER, [Cloud.reached]),
    ("service", DEPLOY): (
        ANA,
        [call("run", "PATCH", f"/v2/{PLACE}/services/web", json={}, params={"updateMask": "labels"})],
    ),
    ("job", "roles/run.invoker"): (CALLER, [call("run", "POST", f"/v2/{PLACE}/jobs/nightly:run", json={})]),
    ("job", "roles/run.developer"): (
        ANA,
        [
            call("run", "GET", f"/v2/{PLACE}/jobs/nightly"),
            call("run", "POST", f"/v2/{PLACE}/jobs/nightly:run", json={}),
        ],
    ),
    ("secret", "roles/secretmanager.secretAccessor"): (
        SERVICE,
        [call("secrets", "GET", f"{POLICIES['secret'][1]}/versions/1:access")],
    ),
    ("secret", "roles/secretmanager.secretVersionAdder"): (
        SERVICE,
        [call("secrets", "POST", f"{POLICIES['secret'][1]}:addVersion", json={"payload": {"data": "eA=="}})],
    ),
}
"""Who calls what with each role that is given on a kind of resource."""
BESIDE = {("account", "roles/iam.serviceAccountUser"): ("service", ANA, DEPLOY)}
"""What a call takes besides."""


@pytest.fixture
def emulators(start: Start, tmp_path: Path) -> Emulators:
    file = tmp_path / "policies.sqlite"
    policies = shared(file)
    assert policies is not None
    policies.put(f"projects/{PROJECT}", {"bindings": [{"role": "roles/owner", "members": [OWNER]}]})
    kept = ("--policies", str(file))
    return Emulators(
        start("cloud.project", *kept),
        start("cloud.storage", "--write-interval", "0", *kept),
        start("cloud.secrets", *kept),
        start("cloud.run", "--builder", f"registry:{registry(tmp_path)}", *kept),
        start("cloud.scheduler", *kept),
    )


@pytest.fixture
def cloud(emulators: Emulators, ports: set[int]) -> Cloud:
    made = Cloud(emulators, ports)
    for role in ROLES:
        own = {"title": role.title, "includedPermissions": list(role.permissions)}
        made.made("project", f"/v1/projects/{PROJECT}/roles", json={"roleId": role.name, "role": own})
    for account in ("webbed", "webbed-job"):
        made.made("project", f"/v1/projects/{PROJECT}/serviceAccounts", json={"accountId": account})
    images = {"format": "DOCKER"}
    made.made("project", f"/v1/{PLACE}/repositories", params={"repositoryId": "images"}, json=images)
    made.made("storage", "/storage/v1/b", params={"project": PROJECT}, json={"name": "ledger-bucket"})
    assert upload("there")(made, OWNER).ok
    replication = {"replication": {"automatic": {}}}
    made.made("secrets", f"/v1/projects/{PROJECT}/secrets", params={"secretId": "login"}, json=replication)
    made.made("secrets", f"{POLICIES['secret'][1]}:addVersion", json={"payload": {"data": "eA=="}})
    made.made("run", f"/v2/{PLACE}/services", params={"serviceId": "web"}, json=TEMPLATE)
    task = {"template": {"template": {"containers": [{"image": FIRST}]}}}
    made.made("run", f"/v2/{PLACE}/jobs", params={"jobId": "nightly"}, json=task)
    target = {"uri": "http://127.0.0.1:9/run", "httpMethod": "POST"}
    daily = {"name": f"{PLACE}/jobs/daily", "schedule": "0 0 1 1 *", "httpTarget": target}
    made.made("scheduler", f"/v1/{PLACE}/jobs", json=daily)
    return made


def example() -> Site:
    return read_site(EXAMPLE)


def test_every_role_that_bootstrap_gives_has_its_calls() -> None:
    given = {(each.target.kind, each.role.replace("example-project", PROJECT)) for each in grants(example())}
    assert given == set(CALLS)


def test_who_has_a_role_taken_away_is_answered_403_for_each_call_it_was_for(cloud: Cloud) -> None:
    for (where, role), (who, asks) in CALLS.items():
        if beside := BESIDE.get((where, role)):
            cloud.give(beside[0], beside[1:])
        cloud.give(where, (who, role))
        answers = [ask(cloud, who) for ask in asks]
        assert [each.text for each in answers if each.status_code in (401, 403)] == [], (where, role)
        cloud.give(where)
        for ask in asks:
            answer = ask(cloud, who)
            assert answer.status_code == 403, (where, role, answer.text)
            assert role == "roles/run.invoker" or "ermission" in answer.text
        cloud.give(where, (f"{who}.au", role))
        assert {ask(cloud, who).status_code for ask in asks} == {403}, "a role of somebody else"
        if beside:
            cloud.give(beside[0])


# --- whoever makes a project ------------------------------------------------------------------------

WITHOUT_EMULATOR = {"roles/billing.costsManager"}
FIRST_CALLS = """
import json, sys
from gcp.gcloud import Gcloud
from gcp.variables import Refused
gcloud = Gcloud(sys.argv[1])
try:
    gcloud.read(sys.argv[3:], sys.argv[2])
    print("may")
except Refused as error:
    print(error)
"""


def first_calls(site: Site) -> dict[str, tuple[str, ...]]:
    """Return a call of bootstrap for each role that it takes: a look, or the making of a bucket."""
    needs = [need for stage in stages(site) for need in stage]
    calls = {need.role: need.reads[0] for need in reversed(needs)}
    bucket = next(need for need in needs if need.role == "roles/storage.admin")
    return calls | {bucket.role: bucket.missing([None] * len(bucket.reads))[0].words}


def told(environment: dict[str, str], role: str, words: Iterable[str]) -> str:
    run = [sys.executable, "-c", FIRST_CALLS, PROJECT, role, *words]
    done = subprocess.run(
        run,
        env={**environment, "PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(GCLOUD is None, reason=WITHOUT)
def test_bootstrap_says_who_lacks_which_role_for_which_call(cloud: Cloud, tmp_path: Path) -> None:
    document = json.loads(
        EXAMPLE.read_text().replace("example-project", PROJECT).replace("europe-west1", "us-central1")
    )
    file = tmp_path / "mine.tfvars.json"
    file.write_text(json.dumps(document))
    calls = first_calls(read_site(file))
    roles = sorted(calls.keys() - WITHOUT_EMULATOR)
    assert len(roles) >= 11
    environment = cloud.emulators.environment(tmp_path)
    cloud.give("project", *((ANA, role) for role in roles))
    assert {role: said for role in roles if (said := told(environment, role, calls[role])) != "may"} == {}
    for role in roles:
        cloud.give("project", *((ANA, each) for each in roles if each != role))
        said = told(environment, role, calls[role])
        assert said.startswith(f"ana@example.com may not call: gcloud {' '.join(calls[role][:2])}"), said
        assert f"it lacks {role}: gcloud projects add-iam-policy-binding {PROJECT}" in said
