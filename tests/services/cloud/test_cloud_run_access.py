"""Who reaches a service: once it has a policy, those alone whom that names, by the account in their identity token."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from google.iam.v1 import policy_pb2
from venue_sandbox.servers.launch import Server

from .run_frame import NAME, CloudRun, registry

Start = Callable[..., Server]
TRIGGER = "web-job@house.iam.gserviceaccount.com"


@pytest.fixture
def run(start: Start, ports: set[int], tmp_path: Path) -> CloudRun:
    made = CloudRun(start("cloud.run", "--builder", f"registry:{registry(tmp_path)}"), ports)
    made.create(A="1")
    return made


def reached(run: CloudRun, account: str) -> int:
    """Return the status of a request with an identity token of an account."""
    claims = base64.urlsafe_b64encode(json.dumps({"email": account}).encode()).decode().rstrip("=")
    address = run.get().uri
    run.ports.add(int(address.rpartition(":")[2]))
    return requests.get(address, headers={"Authorization": f"Bearer e30.{claims}.x"}, timeout=10).status_code


def test_the_role_is_taken_away_and_given_back(run: CloudRun) -> None:
    assert reached(run, TRIGGER) != 403
    policy = run.services.get_iam_policy(request={"resource": NAME})
    invoker = policy_pb2.Binding(role="roles/run.invoker", members=[f"serviceAccount:{TRIGGER}"])
    given = policy_pb2.Policy(etag=policy.etag, bindings=[invoker])
    policy = run.services.set_iam_policy(request={"resource": NAME, "policy": given})
    assert reached(run, TRIGGER) != 403
    assert reached(run, f"other-{TRIGGER}") == 403
    run.services.set_iam_policy(request={"resource": NAME, "policy": policy_pb2.Policy(etag=policy.etag)})
    assert reached(run, TRIGGER) == 403
