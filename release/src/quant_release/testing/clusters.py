"""A cluster, or a machine with compose, that is a file: programs named kubectl and docker ask and change it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quant_release.testing import cluster_double

__all__ = ["Cluster"]

World = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workloads by ``PLACE NAME``: the namespace or the project, and the name as in a bundle.

    Attributes
    ----------
    folder
        Goes in front of ``PATH``.
    """

    folder: Path

    def install(self, variable: str = "IMAGE") -> None:
        """Make the programs and a world without workloads; ``variable`` is the one by which compose names its image.

        The program of docker is named ``containers``: the stand-in of a rehearsal hands on to it what it does not know.
        """
        source = Path(cluster_double.__file__).read_text("utf-8")
        for name in ("kubectl", "containers"):
            (self.folder / name).write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{source}", "utf-8")
            (self.folder / name).chmod(0o755)
        world: World = {"calls": 0, "fault": {}, "late": 0, "variable": variable, "workloads": {}}
        (self.folder / "world.json").write_text(json.dumps(world))

    @property
    def world(self) -> World:
        """What there is now."""
        return json.loads((self.folder / "world.json").read_text())

    def change(self, how: Callable[[World], None]) -> None:
        """Change the world, as somebody else does."""
        world = self.world
        how(world)
        (self.folder / "world.json").write_text(json.dumps(world))

    def add(self, name: str, image: str, **more: object) -> None:
        """Add a workload that runs an image and is ready."""
        made: World = {"told": image, "runs": [image], "ready": True, "replicas": 1, "generation": 1, "given": []}
        made |= {"late": 0, "broken": [], "node": "", **more}
        self.change(lambda world: world["workloads"].update({name: made}))

    def edit(self, name: str, **values: object) -> None:
        """Change a workload."""
        self.change(lambda world: world["workloads"][name].update(values))

    def fail(self, call: int, what: str) -> None:
        """Let a call meet a fault: 1 is the next one."""
        self.change(lambda world: world.update(fault={"call": world["calls"] + call, "what": what}))

    def told(self) -> dict[str, str]:
        """Return the image that each workload was given last, or had before."""
        return {name: one["told"] for name, one in self.world["workloads"].items()}

    def given(self) -> dict[str, list[str]]:
        """Return the images that each workload was given, in order."""
        return {name: one["given"] for name, one in self.world["workloads"].items()}

    def calls(self) -> list[str]:
        """Return every call, as it was typed."""
        file = self.folder / "cluster.log"
        return file.read_text().splitlines() if file.exists() else []
