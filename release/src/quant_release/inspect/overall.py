"""Where everything stands: git, the journal, the services and the workloads of a bundle, all asked at once."""

from __future__ import annotations

from functools import partial
from typing import Any

from quant_release.bundle import FOLDER, Bundle, find_bundle, read_bundle
from quant_release.cloud.world import ServiceWorld
from quant_release.inspect.asking import soon
from quant_release.inspect.journal import Known, read_known
from quant_release.inspect.services import ServiceReading, ask_services
from quant_release.inspect.status import read_status
from quant_release.inspect.workloads import WorkloadReading, ask_workloads
from quant_release.repository.git import Git
from quant_release.run.journal import Journal
from quant_release.run.opening import Options

__all__ = ["read_overall"]


def read_overall(options: Options, name: str | None) -> dict[str, Any]:
    """Return the status of a checkout with images, services and workloads, as a JSON document.

    Parameters
    ----------
    name
        The bundle whose services are shown; of None those of the last release, where a journal is named.

    Raises
    ------
    InvalidInput
        The bundle cannot be read.
    """
    asked = soon(partial(read_status, options.root))
    store = options.open_store(to_write=False)
    journal = None if store is None else Journal(store, options.who)
    known = soon(partial(read_known, journal) if journal else Known)
    bundle, notes = _bundle(options, journal, name)
    services = _nothing if bundle is None else ask_services(bundle, ServiceWorld(options.terms, options.clock))
    workloads = _nothing if bundle is None else ask_workloads(bundle, Git.at(options.root).root, options.terms)
    return _whole(asked(), known(), services(), workloads(), notes)


def _nothing() -> list[Any]:
    return []


def _bundle(options: Options, journal: Journal | None, name: str | None) -> tuple[Bundle | None, list[str]]:
    """Return the bundle whose services are shown, and why those of the last release are not."""
    root = Git.at(options.root).root
    if name is not None:
        return read_bundle(find_bundle(root, name)), []
    last = None if journal is None else journal.last_run()
    if last is None:
        return None, []
    if not (path := root / FOLDER / f"{last.bundle}.toml").is_file():
        return None, [
            f"the last release was of bundle {last.bundle}, which is not in {FOLDER}: its services are not shown"
        ]
    return read_bundle(path), []


def _whole(
    status: dict[str, Any],
    known: Known,
    services: list[ServiceReading],
    workloads: list[WorkloadReading],
    notes: list[str],
) -> dict[str, Any]:
    pins = {one["name"]: one["pins"] for one in status["apps"]}
    deployed = (*services, *workloads)
    mismatches = [*status["mismatches"], *(text for one in deployed for text in one.mismatches(known, pins))]
    whole = {
        **status,
        "services": [one.status(known) for one in services],
        "workloads": [one.status(known) for one in workloads],
        "notes": [*status["notes"], *notes],
        "mismatches": mismatches,
        "well": not mismatches,
    }
    if known.is_there:
        whole["images"] = [
            {"app": one.app, "commit": one.commit, "reference": one.reference, "at": one.at} for one in known.newest
        ]
    return whole
