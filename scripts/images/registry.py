"""A registry of its own on 127.0.0.1, and what it says of an image."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from venue_sandbox.servers.loopback import ask

from .machine import Failed, free_port

__all__ = ["Pushed", "pushed", "registry"]

START_SECONDS = 20.0
TYPES = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image in a registry.

    Attributes
    ----------
    digest
        That of its manifest's bytes.
    size
        Bytes of its layers, compressed.
    """

    digest: str
    size: int


@contextmanager
def registry(folder: Path) -> Generator[int]:
    """Run a registry that keeps its images in a folder; yield its port."""
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(CONFIG.format(folder=folder / "registry", port=port), "utf-8")
    with (folder / "registry.log").open("w") as log:
        command = ["docker-registry", "serve", str(config)]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"the registry did not start on port {port}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def pushed(port: int, name: str, tag: str) -> Pushed:
    """Return what the registry has under a tag; its own word of the digest has to be that of the bytes it gives."""
    answer = ask(port, "GET", f"/v2/{name}/manifests/{tag}", headers={"Accept": TYPES})
    if answer.status != 200:
        raise Failed(f"the registry answers {answer.status} for {name}:{tag}")
    digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    said = {key.lower(): value for key, value in answer.headers.items()}.get("docker-content-digest")
    if said != digest:
        raise Failed(f"the registry says {said} for {name}:{tag}, and gives {digest}")
    return Pushed(digest, sum(layer["size"] for layer in json.loads(answer.body)["layers"]))


def _answers(port: int) -> bool:
    try:
        return ask(port, "GET", "/v2/").good
    except OSError:
        return False
