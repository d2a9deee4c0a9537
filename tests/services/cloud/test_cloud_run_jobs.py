"""Cloud Run Jobs through Google's own client, and run by the scheduler with an access token."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import google.api_core.exceptions as answers
import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from venue_sandbox.servers.launch import Server

Start = Callable[..., Server]
PARENT = "projects/house/locations/us-central1"
JOB = f"{PARENT}/jobs/nightly"
WORKS, FAILS = (f"registry.invalid/jobs@sha256:{letter * 64}" for letter in "ab")
TRIGGER = "nightly-job@house.iam.gserviceaccount.com"


@pytest.fixture
def run(start: Start, tmp_path: Path) -> Server:
    registry = tmp_path / "registry.json"
    seen = tmp_path / "seen"
    words = {
        WORKS: ["/bin/sh", "-c", f'echo "$CLOUD_RUN_JOB $SIZE $*" >> {seen}', "job"],
        FAILS: ["/bin/sh", "-c", f"echo attempt $CLOUD_RUN_TASK_ATTEMPT >> {seen}; exit 3"],
    }
    registry.write_text(json.dumps({image.partition("@")[2]: each for image, each in words.items()}))
    return start("cloud.run", "--builder", f"registry:{registry}")


@pytest.fixture
def jobs(run: Server) -> run_v2.JobsClient:
    options = {"api_endpoint": f"http://127.0.0.1:{run.port}"}
    return run_v2.JobsClient(transport="rest", credentials=AnonymousCredentials(), client_options=options)


def make(jobs: run_v2.JobsClient, image: str, **task: Any) -> run_v2.Job:
    container = {"image": image, "args": ["run", "--all"], "env": [{"name": "SIZE", "value": "2"}]}
    template = {"template": {"containers": [container], "max_retries": 1, **task}}
    return jobs.create_job(parent=PARENT, job={"template": template}, job_id="nightly").result(20)


def test_a_job_runs_to_its_end_with_its_arguments_and_variables(jobs: run_v2.JobsClient, tmp_path: Path) -> None:
    made = make(jobs, WORKS)
    assert (made.name, made.template.task_count, made.template.template.max_retries) == (JOB, 1, 1)
    execution = jobs.run_job(name=JOB).result(20)
    assert (execution.succeeded_count, execution.failed_count) == (1, 0)
    assert (tmp_path / "seen").read_text() == "nightly 2 run --all\n"
    assert jobs.get_job(name=JOB).execution_count == 1
    with pytest.raises(answers.Conflict):
        make(jobs, WORKS)


def test_a_task_that_fails_is_tried_again_as_often_as_the_job_says(jobs: run_v2.JobsClient, tmp_path: Path) -> None:
    make(jobs, FAILS)
    with pytest.raises(answers.GoogleAPICallError, match="exit status 3"):
        jobs.run_job(name=JOB).result(20)
    assert (tmp_path / "seen").read_text() == "attempt 0\nattempt 1\n"


def test_a_job_with_volumes_is_kept_and_not_run(jobs: run_v2.JobsClient) -> None:
    volumes = [{"name": "sources", "gcs": {"bucket": "b"}}]
    assert make(jobs, WORKS, volumes=volumes).template.template.volumes[0].gcs.bucket == "b"
    with pytest.raises(answers.MethodNotImplemented, match="nothing is mounted"):
        jobs.run_job(name=JOB)


@pytest.mark.parametrize(
    ("task", "said"),
    [({"max_retries": 11}, "from 0 to 10"), ({"timeout": {"seconds": 700_000}}, "604800s at most")],
)
def test_a_job_that_cannot_be_meant_is_refused(jobs: run_v2.JobsClient, task: dict[str, Any], said: str) -> None:
    with pytest.raises(answers.BadRequest, match=said):
        make(jobs, WORKS, **task)


def test_the_scheduler_runs_a_job_in_the_name_of_an_account_that_may(
    start: Start, run: Server, jobs: run_v2.JobsClient
) -> None:
    """The role is taken away once: the answer names the call and the job, and what the account may is what it was."""
    scheduler = start("cloud.scheduler", "--clock", "virtual", "--run", f"http://127.0.0.1:{run.port}")
    make(jobs, WORKS)
    address = f"http://127.0.0.1:{scheduler.port}/v1/{PARENT}/jobs"
    target = {"uri": f"https://run.googleapis.com/v2/{JOB}:run", "oauthToken": {"serviceAccountEmail": TRIGGER}}
    job = {"name": f"{PARENT}/jobs/nightly-run", "schedule": "30 * * * *", "httpTarget": target}
    made = requests.post(address, json=job, timeout=10)
    assert (made.status_code, made.json()["httpTarget"]["oauthToken"]) == (200, target["oauthToken"])

    def fired() -> tuple[int, str]:
        asked = {"job": "nightly-run", "schedule_time": f"{datetime(2026, 1, 5, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"}
        attempt = scheduler.control("POST", "fire", asked)["attempts"][-1]
        return attempt["status"], attempt["body"]

    status, body = fired()
    assert status == 403
    assert f"Permission 'run.jobs.run' denied on resource '{JOB}'" in body
    policy = {"bindings": [{"role": "roles/run.invoker", "members": [f"serviceAccount:{TRIGGER}"]}]}
    given = requests.post(f"http://127.0.0.1:{run.port}/v2/{JOB}:setIamPolicy", json={"policy": policy}, timeout=10)
    assert given.status_code == 200
    assert fired()[0] == 200

    outside = {**job, "name": f"{PARENT}/jobs/other", "httpTarget": {**target, "uri": "http://127.0.0.1:9/"}}
    refused = requests.post(address, json=outside, timeout=10)
    assert (refused.status_code, "an oauthToken goes to run.googleapis.com alone" in refused.text) == (400, True)
