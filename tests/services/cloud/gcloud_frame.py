"""The gcloud of this machine, led to the stand-ins of the cloud; what has no stand-in reaches nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from venue_sandbox.servers.launch import Server

ROOT = Path(__file__).resolve().parents[3]
GCLOUD = shutil.which("gcloud")
WITHOUT = "not run: gcloud is not installed on this machine"
PROJECT_APIS = ("SERVICEUSAGE", "IAM", "CLOUDRESOURCEMANAGER", "ARTIFACTREGISTRY", "LOGGING", "MONITORING")
CLOSED = "http://127.0.0.1:9"
"""A port of this machine at which nobody listens: a call whose address cannot be moved ends there."""
WRITES = (
    *("create", "enable", "set_", "update", "patch", "put", "delete", "add", "insert", "run_job", "pause", "resume"),
    *("destroy", "disable", "unknown"),
)
"""What operations that change something begin with."""


@dataclass(frozen=True)
class Emulators:
    """The servers, by what they stand for."""

    project: Server
    storage: Server
    secrets: Server
    run: Server
    scheduler: Server

    def environment(self, folder: Path, who: str = "ana@example.com") -> dict[str, str]:
        """Return the environment in which gcloud finds them, with a login that is none."""
        token = folder / "token"
        token.write_text(who)
        moved = dict.fromkeys(PROJECT_APIS, f"http://127.0.0.1:{self.project.port}/")
        moved |= {
            "STORAGE": f"http://127.0.0.1:{self.storage.port}/storage/v1/",
            "SECRETMANAGER": f"http://127.0.0.1:{self.secrets.port}/",
            "CLOUDSCHEDULER": f"http://127.0.0.1:{self.scheduler.port}/",
            # gcloud puts the region before the host name; the name is not looked up, since it goes through the proxy.
            "RUN": f"http://run.localhost:{self.run.port}/",
        }
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": address for api, address in moved.items()},
            "http_proxy": f"http://127.0.0.1:{self.run.port}",
            "https_proxy": CLOSED,
            "no_proxy": "127.0.0.1",
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
            "CLOUDSDK_CORE_ACCOUNT": who,
            "CLOUDSDK_CORE_SHOULD_PROMPT_TO_ENABLE_API": "false",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        }

    def servers(self) -> Mapping[str, Server]:
        """Return the servers by name."""
        names = ("project", "storage", "secrets", "run", "scheduler")
        return {name: getattr(self, name) for name in names}

    def forget(self) -> None:
        """Count requests from zero, and disarm faults."""
        for server in self.servers().values():
            server.clear()
            server.forget_requests()

    def counted(self) -> dict[str, int]:
        """Return how many requests of each operation came since `forget`, by server and operation."""
        return {
            f"{name} {operation}": count
            for name, server in self.servers().items()
            for operation, count in server.requests().items()
            if count
        }

    def written(self) -> dict[str, int]:
        """Return those that change something."""
        return {name: count for name, count in self.counted().items() if name.partition(" ")[2].startswith(WRITES)}


def bootstrap(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script that brings a project to where a release can move its services."""
    return subprocess.run(
        [ROOT / "scripts" / "gcp" / "bootstrap.sh", *words],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def write_variables(path: Path, **values: Any) -> Path:
    """Write a file of variables: those of a small project, with some of them replaced."""
    project = values.get("project", "rehearsal")
    small = {
        "project": project,
        "operators": ["user:ana@example.com"],
        "ledger": {"bucket": f"{project}-ledger", "location": "EU"},
        "reports": {"bucket": f"{project}-reports", "location": "EU", "retention_days": 1},
        "images": {"repository": "services", "region": "europe-west1"},
        "services": {},
        "secrets": {},
    }
    path.write_text(json.dumps(small | values))
    return path
