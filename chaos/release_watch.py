"""Looks at services every 20 ms while releases move them, from a process of its own: what may never be seen."""

import http.client
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.services.operate.switches import halts
from quant_release.cloud.holds import scope_of
from quant_release.demo.baseline import AFTER
from quant_release.run.service_records import RevisionRecords
from venue_sandbox.servers.loopback import ask

from chaos.release_site import ServiceSite

__all__ = ["watched"]

_FORK = multiprocessing.get_context("fork")
PERIOD = 0.02


@contextmanager
def watched(site: ServiceSite, found: Counter[str]) -> Generator[None]:
    """Look on; what was seen that may never be is counted, and ``looks`` how often was looked."""
    ports = {name: int(site.service(name).uri.rpartition(":")[2]) for name in site.made.services}
    result, stop = Path(site.made.rehearsal.tools) / "watch.json", _FORK.Event()
    process = _FORK.Process(target=_watch, args=(site, ports, result, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join()
    found.update(json.loads(result.read_text()))


def _watch(site: ServiceSite, ports: Mapping[str, int], result: Path, stop: Any) -> None:
    seen: Counter[str] = Counter()
    while not stop.is_set():
        began = time.monotonic()
        for name, port in ports.items():
            seen["looks"] += 1
            seen.update(_look(site, name, port))
        time.sleep(max(0.0, PERIOD - (time.monotonic() - began)))
    result.write_text(json.dumps(seen))


def _look(site: ServiceSite, name: str, port: int) -> list[str]:
    """Return what is wrong with what is seen.

    What serves is asked before and after, and whether it was probed last of all: a hold that is off was lifted, and a
    probe recorded, before that.
    """
    first = _version(port)
    is_held = scope_of(name) in halts(open_store(site.made.ledger)).on()
    scheduler = site.made.cloud.scheduler.port
    job = ask(scheduler, "GET", f"/v1/{site.place('jobs', name)}").document
    second = _version(port)
    if first is None or second is None or first["revision"] != second["revision"]:
        return []
    found: list[str] = []
    if first["profile"] == AFTER and first["commit"].endswith("-before"):
        found.append("a profile without its code")
    revision = first["revision"]
    is_own = revision != f"{name}-00001"
    may_trade = not is_held or job["state"] == "ENABLED"
    if is_own and may_trade:
        records = RevisionRecords(site.journal, site.place("services", name), revision)
        if not records.has("probed"):
            found.append("a service may trade that was not probed")
    return found


def _version(port: int) -> Any:
    try:
        answer = ask(port, "GET", "/version")
    except (OSError, http.client.HTTPException):
        return None
    return answer.document if answer.good else None
