"""What a service of each app is on Cloud Run: one file, which Terraform reads too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["APPS", "FOLDER", "SECRET_SETTINGS", "App", "Retries"]

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "gcp"


@dataclass(frozen=True)
class Retries:
    """How often Cloud Scheduler tries again, and how long it waits before."""

    count: int
    min_backoff: str
    max_backoff: str


@dataclass(frozen=True)
class App:
    """A service of an app.

    Attributes
    ----------
    path
        What its job calls.
    job
        What the name of its job ends with.
    timeout
        How long a request may take, and an attempt of its job.
    settings
        Variables of every service; ``{store}`` and ``{reports}`` stand for buckets.
    needs
        Variables that each service has to name itself.
    image_of
        The member whose image it runs; its own name where that is not said.
    args
        What the image is started with.
    always_on
        Whether an instance of it runs all the time, with its processor; if not, only while it answers.
    """

    name: str
    memory: str
    timeout: str
    path: str
    job: str
    retries: Retries
    settings: Mapping[str, str]
    needs: tuple[str, ...]
    image_of: str
    args: tuple[str, ...] = ()
    always_on: bool = False


def _app(name: str, document: dict[str, Any]) -> App:
    more = {"retries": Retries(**document["retries"]), "needs": tuple(document["needs"])}
    return App(name, **{"image_of": name, **document, **more, "args": tuple(document.get("args", ()))})


APPS: Mapping[str, App] = {
    name: _app(name, document) for name, document in json.loads((FOLDER / "apps.json").read_text("utf-8")).items()
}
SECRET_SETTINGS = frozenset[str](json.loads((FOLDER / "secret-settings.json").read_text("utf-8")))
"""Variables that are secret: none of them is ever given as it is, since calls and states show what is."""
