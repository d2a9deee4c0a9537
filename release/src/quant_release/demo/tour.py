"""`make demo-release`: the first bundle, released for real, to an origin in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from venue_sandbox.servers.launch import Unhealthy

from quant_release.demo.baseline import BUNDLE, SERVICES, TARGET, copy_of, make_origin, pinned
from quant_release.demo.cutover import cut_over
from quant_release.demo.services import Services, bundle_of, services_on_this_machine
from quant_release.images.builders import VenvBuilder
from quant_release.inspect.overall import read_overall
from quant_release.inspect.preview import plan
from quant_release.inspect.status import read_status
from quant_release.repository.git import Git
from quant_release.repository.versions import tag_name
from quant_release.run.apply import Watching, apply
from quant_release.run.clean_environments import Installed, check_commits, installed_in
from quant_release.run.journal import StepListener
from quant_release.run.opening import Release, read_release
from quant_release.steps.machine import StepFailed
from quant_release.steps.table import Scope

__all__ = ["Showing", "tour"]


@dataclass(frozen=True, slots=True)
class Showing:
    """How a tour is shown: headlines, lines, statuses, and every step."""

    say: Callable[[str], None]
    tell: Callable[[str], None]
    status: Callable[[dict[str, Any]], None]
    listener: StepListener


def tour(checkout: Path, showing: Showing) -> None:
    """Release the first bundle on a copy of a checkout's HEAD, through its services; leave nothing behind.

    Raises
    ------
    StepFailed
        An app's environment does not have what the bundle names, a service does what it must not, or a server of this
        machine does not do its part.
    """
    root = Git.at(checkout).root
    cache = root / ".cache"
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-demo-", dir=cache) as name:
        folder = Path(name).resolve()
        try:
            _tour_in(folder, root, showing)
        except (Unhealthy, GoogleAPIError, OSError) as error:
            raise StepFailed(f"a server of the rehearsal failed: {' '.join(str(error).split())}") from error


def _tour_in(folder: Path, root: Path, showing: Showing) -> None:
    showing.say("A copy of HEAD, and an origin with tags and pins that do not fit:")
    git = copy_of(root, folder / "work")
    make_origin(git, folder / "origin.git", bundle_of(SERVICES, folder))
    showing.status(read_status(git.root))
    showing.say("Each app from these pins, deployed as a service that trades at a venue of the sandbox:")
    with services_on_this_machine(git, SERVICES, folder) as services:
        for service in SERVICES:
            began = perf_counter()
            services.deploy(service)
            pins = ", ".join(f"{package} {version}" for package, version in pinned(services.apps[service]).items())
            showing.tell(f"{service:15} {pins}, in {perf_counter() - began:.1f} s")
        _release(services, showing)
        cut_over(services, showing.say, showing.tell, showing.listener)
        showing.say(f"release status {BUNDLE}, in which what went back does not fit:")
        showing.status(read_overall(services.options(), BUNDLE))


def _release(services: Services, showing: Showing) -> None:
    """Release the packages, pins and images of the bundle."""
    options = services.options()
    release = read_release(options, BUNDLE)
    target = ", ".join(f"{package} {version}" for package, version in TARGET.items())
    showing.say(f"The bundle: {target}. {len(plan(release.executor, release.subjects))} steps:")
    apply(options, BUNDLE, until="image", watching=Watching(showing.listener))
    showing.say("Afterwards:")
    showing.status(read_status(services.git.root))
    _show_environments(read_release(options, BUNDLE), VenvBuilder(services.folder / "images"), showing.tell)


def _show_environments(release: Release, builder: VenvBuilder, tell: Callable[[str], None]) -> None:
    """Ask each app's environment what is installed there, and compare it with the tags at the origin."""
    origin = release.executor.observed.remote.tags
    tags = {name: origin[tag_name(name, release.bundle.version(name))] for name in release.bundle.packages}
    for image in (subject for subject in release.subjects if subject.scope is Scope.IMAGE):
        built = release.executor.images.recorded(image)
        if built is None:
            raise StepFailed(f"{image} is not in the journal")
        found = installed_in(builder.python(built.repository, built.commit), builder.folder, tags)
        _check_versions(built.app, found)
        check_commits(found, tags)
        for package, one in found.items():
            tell(f"{built.app:11} has {package:21} {one.version:7} of commit {one.commit}, that of its tag")


def _check_versions(app: str, found: dict[str, Installed]) -> None:
    for package, version in TARGET.items():
        if found[package].version != version:
            raise StepFailed(f"{app} has {package} {found[package].version}, the bundle names {version}")
