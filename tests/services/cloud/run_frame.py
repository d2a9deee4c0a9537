"""The Cloud Run emulator with a few images, through Google's own client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from google.api_core.future.polling import DEFAULT_POLLING
from google.auth.credentials import AnonymousCredentials
from google.cloud import run_v2
from venue_sandbox.servers.launch import Server

PARENT = "projects/house/locations/us-central1"
NAME = f"{PARENT}/services/web"
REPOSITORY = "us-docker.pkg.dev/house/apps/web"
FIRST, SECOND, BROKEN, NOWHERE = (f"{REPOSITORY}@sha256:{letter * 64}" for letter in "abcd")
SECONDS = 20
POLLING = DEFAULT_POLLING.with_delay(initial=0.01, maximum=0.05)
"""How often operations are looked at; the client's own way would take a second each time."""
LATEST, NAMED = run_v2.TrafficTargetAllocationType(1), run_v2.TrafficTargetAllocationType(2)


def registry(folder: Path) -> Path:
    """Write what images are: two that run, and one that ends at once."""
    app = ["python", "-I", "-S", str(Path(__file__).with_name("revision.py"))]
    file = folder / "registry.json"
    words = {FIRST: app, SECOND: app, BROKEN: ["python", "-I", "-S", "-c", "raise SystemExit(3)"]}
    file.write_text(json.dumps({image.partition("@")[2]: each for image, each in words.items()}))
    return file


class CloudRun:
    """The emulator, its client and its addresses."""

    def __init__(self, server: Server, ports: set[int]) -> None:
        self.server = server
        self.ports = ports
        options = {"api_endpoint": f"http://127.0.0.1:{server.port}"}
        anonymous = AnonymousCredentials()
        self.services = run_v2.ServicesClient(transport="rest", credentials=anonymous, client_options=options)
        self.revisions = run_v2.RevisionsClient(transport="rest", credentials=anonymous, client_options=options)

    def create(self, image: str = FIRST, service_id: str = "web", **env: str | dict[str, Any]) -> run_v2.Service:
        """Make a service; a variable that is an object is a reference to a secret."""
        wanted = {"template": {"containers": [container(image, env)]}}
        operation = self.services.create_service(parent=PARENT, service=wanted, service_id=service_id)
        return operation.result(SECONDS, polling=POLLING)

    def get(self, name: str = NAME) -> run_v2.Service:
        """Return a service."""
        return self.services.get_service(name=name)

    def write(self, change: Callable[[run_v2.Service], None], mask: str | None = None) -> run_v2.Service:
        """Read the service, change it, and write it back with the etag that was read."""
        service = self.get()
        service.template.revision = ""
        change(service)
        order: dict[str, Any] = {"service": service}
        if mask is not None:
            order["update_mask"] = mask
        return self.services.update_service(request=order).result(SECONDS, polling=POLLING)

    def deploy(self, image: str = SECOND, revision: str = "web-two", tag: str = "two") -> run_v2.Service:
        """Make a revision without traffic, with a tag."""

        def change(service: run_v2.Service) -> None:
            service.template.revision, service.template.containers[0].image = revision, image
            present = short(service.latest_ready_revision)
            service.traffic = [{"type_": NAMED, "revision": present, "percent": 100}]
            service.traffic.append({"type_": NAMED, "revision": revision, "tag": tag})

        return self.write(change)

    def shift(self, *targets: dict[str, Any]) -> run_v2.Service:
        """Give the traffic to targets, each a revision by name."""
        return self.write(
            lambda service: setattr(service, "traffic", [{"type_": NAMED, **each} for each in targets]), "traffic"
        )

    def ask(self, uri: str, path: str = "/", **options: Any) -> requests.Response:
        """Send a request to an address."""
        self.ports.add(urlsplit(uri).port or 0)
        return requests.request(options.pop("method", "GET"), f"{uri}{path}", timeout=SECONDS, **options)

    def served(self, uri: str, path: str = "/") -> str:
        """Return the revision that answers at an address."""
        answer = self.ask(uri, path)
        assert answer.status_code == 200, answer.text
        return answer.json()["env"]["K_REVISION"]

    def raw(self, method: str, path: str, document: Any = None, **headers: str) -> requests.Response:
        """Send a request to the API as it is."""
        url = f"http://127.0.0.1:{self.server.port}{path}"
        return requests.request(method, url, json=document, headers=headers, timeout=SECONDS)


def container(image: str, env: dict[str, str | dict[str, Any]]) -> dict[str, Any]:
    """Return a container."""
    variables = [
        {"name": name, "value": value} if isinstance(value, str) else {"name": name, "value_source": value}
        for name, value in env.items()
    ]
    return {"image": image, "env": variables}


def secret(name: str, version: str = "latest") -> dict[str, Any]:
    """Return a reference to a secret."""
    return {"secret_key_ref": {"secret": name, "version": version}}


def short(name: str) -> str:
    """Return the short name of a resource."""
    return name.rpartition("/")[2]


def tagged(service: run_v2.Service, tag: str) -> str:
    """Return the address of a tag."""
    return next(status.uri for status in service.traffic_statuses if status.tag == tag)
