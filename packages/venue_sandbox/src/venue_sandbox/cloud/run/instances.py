"""The processes of revisions: started when they are needed, ended when nothing leads to them any more."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from venue_sandbox.cloud.run.builders import Builder, Command
from venue_sandbox.cloud.run.environment import Secrets, environment
from venue_sandbox.cloud.run.errors import NotReady, not_started
from venue_sandbox.cloud.run.fields import Document
from venue_sandbox.cloud.run.records import Revision
from venue_sandbox.cloud.run.specs import container
from venue_sandbox.cloud.values import read_duration
from venue_sandbox.servers.serving import HOST

__all__ = ["Instances"]

LOOK_SECONDS = 0.005
GRACE_SECONDS, LAST_SECONDS = 10.0, 1.0
"""How long a process that was asked to end may take: as with the service, and when this server ends."""

PARENT_DEATH = 1
"""The number of Linux's ``PR_SET_PDEATHSIG``."""


@dataclass(frozen=True, slots=True)
class _Instance:
    """A process that listens on a port."""

    process: asyncio.subprocess.Process
    port: int

    @property
    def alive(self) -> bool:
        return self.process.returncode is None


class Instances:
    """One process for each revision that serves.

    Parameters
    ----------
    builder
        Finds the command of an image.
    secrets
        Where secrets are read when a process starts.
    start_seconds
        How long a process may take until it listens.
    logs
        Folder for what the processes say, a file for each revision; None for this process's standard error.
    """

    def __init__(self, builder: Builder, secrets: Secrets, start_seconds: float, logs: Path | None) -> None:
        self._builder = builder
        self._secrets = secrets
        self._start_seconds = start_seconds
        self._logs = logs
        self._running: dict[str, _Instance] = {}
        self._starting: dict[str, asyncio.Lock] = {}
        self._busy: Counter[str] = Counter()
        self._wanted: set[str] = set()
        self._ending: dict[asyncio.Task[None], _Instance] = {}

    async def start(self, revision: Revision) -> int:
        """Have the process of a revision run; return its port.

        Raises
        ------
        NotReady
            It cannot be started, or does not listen in time.
        """
        async with self._starting.setdefault(revision.name, asyncio.Lock()):
            present = self._running.get(revision.name)
            if present is not None and present.alive:
                return present.port
            made = await self._begin(revision)
            self._running[revision.name] = made
            return made.port

    @asynccontextmanager
    async def serving(self, revision: Revision) -> AsyncGenerator[int]:
        """Yield the port of a revision's process, which is not ended before the request that this is for."""
        with self.held(revision.name):
            yield await self.start(revision)

    @contextmanager
    def held(self, revision: str) -> Generator[None]:
        """Let the process of a revision not be ended before the end of this context."""
        self._busy[revision] += 1
        try:
            yield
        finally:
            self._busy[revision] -= 1
            self._end_idle()

    def keep(self, revisions: Collection[str]) -> None:
        """Say which revisions requests may go to, by their full names; the processes of others end."""
        self._wanted = set(revisions)
        self._end_idle()

    def running(self) -> dict[str, int]:
        """Return the process ids of the revisions that run."""
        return {name: each.process.pid for name, each in self._running.items() if each.alive}

    async def run_to_end(self, execution: str, template: Document, attempt: int) -> int:
        """Run the task of a job's execution; return its exit status, minus the signal that ended it.

        Parameters
        ----------
        execution
            Its full name.

        Raises
        ------
        NotReady
            It cannot be started.
        """
        one = container(template)
        command = self._found(one["image"])
        project, job, name = execution.split("/")[1], *execution.split("/")[5::2]
        own = {"CLOUD_RUN_JOB": job, "CLOUD_RUN_EXECUTION": name, "CLOUD_RUN_TASK_INDEX": "0"}
        own |= {"CLOUD_RUN_TASK_COUNT": "1", "CLOUD_RUN_TASK_ATTEMPT": str(attempt)}
        env = {**command.env, **await environment(project, template, self._secrets), **own}
        words = [*(one.get("command") or command.words), *one.get("args", [])]
        with self._log(name) as output:
            try:
                process = await _spawned(words, env, output)
            except (OSError, ValueError) as error:
                raise NotReady("CONTAINER_MISSING", f"The container could not be started: {error}") from error
        made = _Instance(process, 0)
        try:
            return await asyncio.wait_for(process.wait(), read_duration("timeout", template["timeout"]))
        except TimeoutError:
            return -signal.SIGKILL
        finally:
            await _end(made, LAST_SECONDS)

    async def close(self) -> None:
        """End every process."""
        last = [*self._running.values(), *self._ending.values()]
        for task in self._ending:
            task.cancel()
        await asyncio.gather(*(_end(each, LAST_SECONDS) for each in last))

    def _end_idle(self) -> None:
        for name in list(self._running):
            if name not in self._wanted and not self._busy[name] and not self._starting[name].locked():
                instance = self._running.pop(name)
                task = asyncio.create_task(_end(instance, GRACE_SECONDS))
                self._ending[task] = instance
                task.add_done_callback(self._ending.pop)

    async def _begin(self, revision: Revision) -> _Instance:
        template, image = container(revision.template), container(revision.template)["image"]
        command = self._found(image)
        port = _free_port()
        own = {"PORT": str(port), "K_SERVICE": revision.service.rpartition("/")[2], "K_REVISION": revision.id}
        own["K_CONFIGURATION"] = own["K_SERVICE"]
        env = {**command.env, **await environment(revision.name.split("/")[1], revision.template, self._secrets), **own}
        words = [*(template.get("command") or command.words), *template.get("args", [])]
        with self._log(revision.id) as output:
            try:
                process = await _spawned(words, env, output)
            except (OSError, ValueError) as error:
                raise not_started(template["ports"][0]["containerPort"]) from error
        made, listens = _Instance(process, port), False
        try:
            listens = await self._listens(made)
        finally:
            if not listens:
                await _end(made, LAST_SECONDS)
        if not listens:
            raise not_started(template["ports"][0]["containerPort"])
        return made

    def _found(self, image: str) -> Command:
        try:
            command = self._builder.find(image)
        except (OSError, ValueError) as error:
            raise NotReady.unreadable(image, str(error)) from error
        if command is None:
            raise NotReady.no_image(image)
        return command

    async def _listens(self, instance: _Instance) -> bool:
        """Wait until a process listens; whether it does in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._start_seconds):
                while instance.alive:
                    with suppress(OSError):
                        _, writer = await asyncio.open_connection(HOST, instance.port)
                        writer.close()
                        return True
                    await asyncio.sleep(LOOK_SECONDS)
        return False

    @contextmanager
    def _log(self, name: str) -> Generator[int]:
        if self._logs is None:
            yield sys.stderr.fileno()
            return
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{name}.log").open("ab") as file:
            yield file.fileno()


async def _spawned(words: list[str], env: dict[str, str], output: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *words,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


async def _end(instance: _Instance, seconds: float) -> None:
    """End a process and what it has started: asked first, after so many seconds not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(instance.process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(instance.process.wait(), seconds)
            return


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((HOST, 0))
        return found.getsockname()[1]


def _end_with_parent() -> None:
    """Have Linux end this process when the server is killed."""
    ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGKILL)
