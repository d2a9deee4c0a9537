"""Services on emulators that releases are killed and disturbed on, and the verdict on what they left behind."""

import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.services.operate.switches import halts
from quant_platform_kit.services.record.leases import lease_at
from quant_release.cloud.holds import scope_of
from quant_release.demo.baseline import AFTER, BEFORE, BUNDLE
from quant_release.demo.cloud import REGION, cloud_on_this_machine
from quant_release.run.apply import Watching, apply, switch
from quant_release.run.journal import Journal
from quant_release.run.locks import LEASE
from quant_release.run.rollback import rollback
from quant_release.steps.machine import Reached
from quant_release.testing.rehearsal import make_rehearsal, rehearsal_in
from quant_release.testing.services import ServiceRehearsal, register_images, release_images
from venue_sandbox.servers.loopback import ask

__all__ = ["COMMANDS", "PAIR", "ServiceSite", "Workshop", "workshop"]

_FORK = multiprocessing.get_context("fork")
_PATH = os.environ["PATH"]  # noqa: TID251 - as it was
PAIR = {"longbridge-hk": "longbridge", "longbridge-sg": "longbridge"}
"""Services that share an image."""
COMMANDS: Mapping[str, Any] = {"apply": apply, "switch": switch, "rollback": rollback}
WRITES = {
    "apply": {"patch": 4, "pause": 1, "resume": 1},
    "switch": {"patch": 2, "pause": 1, "resume": 1},
    "rollback": {"patch": 2, "pause": 1, "resume": 1},
}
"""How often each command writes a service and its job: two writes make a revision and give it the traffic."""
MADE = {"apply": ["c1", "s1"], "switch": ["s1"], "rollback": ["c1"]}


@dataclass(frozen=True)
class ServiceSite:
    """Services before a command, on emulators that nobody else uses meanwhile.

    Attributes
    ----------
    paused
        Whether an operator had paused their jobs.
    """

    made: ServiceRehearsal
    command: str
    paused: bool = False

    # --- what is done --------------------------------------------------------------------------

    def perform(self, command: str | None = None, reached: Reached | None = None, **terms: Any) -> None:
        """Carry a command out, or go on with it; `QuantError` where it stops."""
        wanted = command or self.command
        known = lease_at(open_store(self.made.rehearsal.store), LEASE)
        run = None if known is None or known.open_run is None else self.journal.run(known.open_run)
        resume = run is not None and run.command == wanted
        COMMANDS[wanted](self.made.options(**terms), BUNDLE, resume=resume, watching=Watching(reached=reached))

    def start(self, reached: Reached | None = None) -> ForkProcess:
        """Carry the command out in a process of its own."""
        child = _FORK.Process(target=self._in_child, args=(reached,))
        child.start()
        return child

    def _in_child(self, reached: Reached | None) -> None:
        try:
            self.perform(reached=reached)
        except QuantError as error:
            self.errors.open("a").write(f"{error}\n")
            os._exit(1)
        os._exit(0)

    def to_the_end(self, reached: Reached | None = None, *, attempts: int = 200) -> int:
        """Go on until the command is done; return how many processes were killed, -1 where one stopped otherwise."""
        for killed in range(attempts):
            child = self.start(reached)
            child.join()
            if child.exitcode != -signal.SIGKILL:
                return killed if child.exitcode == 0 else -1
        return -1

    # --- what is there -------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """The journal of the releases."""
        return Journal(open_store(self.made.rehearsal.store), "ana")

    @property
    def errors(self) -> Path:
        """Where processes write why they stopped."""
        return self.made.rehearsal.tools / "errors.log"

    def place(self, kind: str, name: str) -> str:
        """Return the full name of a service or a job."""
        return f"projects/{self.made.project}/locations/{REGION}/{kind}/{name}"

    def service(self, name: str) -> Any:
        """Return the document of a service."""
        return self.made.cloud.services.get_service(name=self.place("services", name))

    def revisions(self, name: str) -> list[str]:
        """Return the revisions of a service by their short names."""
        answer = ask(self.made.cloud.run.port, "GET", f"/v2/{self.place('services', name)}/revisions")
        return [one["name"].rpartition("/")[2] for one in answer.document.get("revisions", ())]

    def is_paused(self, name: str) -> bool:
        """Whether the job of a service is paused."""
        return self.made.cloud.jobs.get_job(name=self.place("jobs", name)).state.name != "ENABLED"

    def version(self, name: str) -> Any:
        """Return what the main address of a service says."""
        return ask(int(self.service(name).uri.rpartition(":")[2]), "GET", "/version").document

    # --- the verdict ---------------------------------------------------------------------------

    def faults(self, *, exactly: bool = True) -> list[str]:
        """Return what is wrong after the command was brought to its end.

        Parameters
        ----------
        exactly
            Whether everything has to have happened once: no revision was told not to start, nobody went back midway.
        """
        found = [f"{what} of a service" for name in self.made.services for what in self._wrong_of(name)]
        known = lease_at(open_store(self.made.rehearsal.store), LEASE)
        if known is None or known.open_run is not None:
            found.append("the run is open")
        if exactly:
            requests = self.made.cloud.run.requests() | self.made.cloud.scheduler.requests()
            for what, times in WRITES[self.command].items():
                wanted = 0 if self.paused and what != "patch" else times * len(self.made.services)
                if (count := requests.get(what, 0)) != wanted:
                    found.append(f"{what} {count} times instead of {wanted}")
            found += ["a revision too many, or too few" for name in self.made.services if not self._has_own(name)]
        errors = self.errors.read_text().splitlines() if self.errors.exists() else []
        return [*found, *(errors if exactly else [])]

    def _has_own(self, name: str) -> bool:
        mark = self._last_mark(name)
        return sorted(one.rpartition("-")[2] for one in self.revisions(name) if mark in one) == MADE[self.command]

    def _last_mark(self, name: str) -> str:
        return f"{name}-{self.revisions(name)[0].removeprefix(f'{name}-').partition('-')[0]}-"

    def _wrong_of(self, name: str) -> list[str]:
        said, store = self.version(name), open_store(self.made.ledger)
        is_after = self.journal.runs()[-1].command == "apply"
        checks = {
            "profile": said["profile"] == (AFTER if is_after else BEFORE),
            "code": said["commit"].endswith("-before") == (self.journal.runs()[-1].command == "rollback"),
            "image": said["image"] == self.service(name).template.containers[0].image,
            "pause": self.is_paused(name) is self.paused,
            "hold": scope_of(name) not in halts(store).on(),
        }
        return [what for what, holds in checks.items() if not holds]


@dataclass(frozen=True)
class Workshop:
    """The emulators, and a workspace whose packages, pins and images are released; beside it is one that stays so."""

    work: Path
    cloud: Any
    registry: Path

    @contextmanager
    def site(self, command: str, services: Mapping[str, str] = PAIR, *, paused: bool = False) -> Generator[ServiceSite]:
        """Make services as they are before a command; they are gone afterwards."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.work.with_name("pristine"), self.work)
        made = ServiceRehearsal(
            rehearsal_in(self.work), self.cloud, f"p{uuid4().hex[:12]}", self.registry, dict(services)
        )
        os.environ["PATH"] = f"{made.rehearsal.tools}{os.pathsep}{_PATH}"  # noqa: TID251 - for stand-ins
        made.deploy()
        made.write_bundle()
        site = ServiceSite(made, command, paused)
        if command != "apply":
            site.perform("apply")
        if command == "switch":
            self._other_settings(made)
        for name in services if paused else ():
            self.cloud.jobs.pause_job(name=site.place("jobs", name))
        self.forget()
        try:
            yield site
        finally:
            self.forget()
            for name in services:
                self.cloud.services.delete_service(name=site.place("services", name)).result(20)

    @staticmethod
    def _other_settings(made: ServiceRehearsal) -> None:
        path = f"release/bundles/{BUNDLE}.toml"
        text = (made.rehearsal.root / path).read_text()
        made.rehearsal.commit(path, text.replace(f'profile = "{AFTER}"', f'profile = "{BEFORE}"'), "Other settings")
        made.rehearsal.git.run("push", "--quiet", "origin", "main")

    def forget(self) -> None:
        """Disarm every fault, and count from zero."""
        for server in (self.cloud.run, self.cloud.scheduler):
            server.clear()
            server.forget_requests()


@contextmanager
def workshop(folder: Path) -> Generator[Workshop]:
    """Start the emulators, and release what services need."""
    registry = folder / "registry.json"
    registry.write_text(json.dumps({}))
    rehearsal = make_rehearsal(folder / "work")
    os.environ["PATH"] = f"{rehearsal.tools}{os.pathsep}{_PATH}"  # noqa: TID251 - for stand-ins
    release_images(rehearsal)
    register_images(rehearsal, registry)
    shutil.copytree(folder / "work", folder / "pristine")
    with cloud_on_this_machine(f"registry:{registry}", folder / "logs") as cloud:
        os.environ.update(cloud.settings)  # noqa: TID251 - for releases
        yield Workshop(folder / "work", cloud, registry)
