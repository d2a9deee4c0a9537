"""`make demo-release`: the first bundle, released for real, to an origin in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quant_release.builders import VenvBuilder
from quant_release.git import Git
from quant_release.journal import Told
from quant_release.machine import StepFailed
from quant_release.planning import plan
from quant_release.rehearsal.baseline import BUNDLE, TARGET, bundle_text, copy_of, make_origin
from quant_release.releasing import Place, Site, apply, look
from quant_release.status import read_status
from quant_release.table import Scope
from quant_release.versions import tag_name
from quant_release.workshop import Installed, check_commits, installed_in

__all__ = ["tour"]

Say = Callable[[str], None]


def tour(checkout: Path, show_status: Callable[[dict[str, Any]], None], say: Say, told: Told) -> None:
    """Release the first bundle on a copy of a checkout's HEAD; leave nothing behind.

    Parameters
    ----------
    told
        Is told about every step.

    Raises
    ------
    StepFailed
        An app's environment does not have what the bundle names.
    """
    root = Git.at(checkout).root
    cache = root / ".cache"
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-demo-", dir=cache) as name:
        folder = Path(name).resolve()
        say("A copy of HEAD, and an origin with tags and pins that do not fit:")
        git = copy_of(root, folder / "work")
        make_origin(git, folder / "origin.git", bundle_text())
        show_status(read_status(git.root))
        store, images = f"file://{folder}/store", folder / "images"
        place = Place(git.root, "demo", store, local=True, builder=f"venv:{images}")
        site = look(place, BUNDLE)
        target = ", ".join(f"{package} {version}" for package, version in TARGET.items())
        say(f"The bundle: {target}. {len(plan(site.world, site.subjects))} steps:")
        apply(place, BUNDLE, told=told)
        say("Afterwards:")
        show_status(read_status(git.root))
        _show_environments(look(place, BUNDLE), VenvBuilder(images), say)


def _show_environments(site: Site, builder: VenvBuilder, say: Say) -> None:
    """Ask each app's environment what is installed there, and compare it with the tags at the origin."""
    origin = site.world.scene.remote.tags
    tags = {name: origin[tag_name(name, site.bundle.version(name))] for name in site.bundle.packages}
    for image in (subject for subject in site.subjects if subject.scope is Scope.IMAGE):
        built = site.world.image(image)
        if built is None:
            raise StepFailed(f"{image} is not in the journal")
        found = installed_in(builder.python(built.repository, built.commit), builder.folder, tags)
        _check_versions(built.app, found)
        check_commits(found, tags)
        for package, one in found.items():
            say(f"{built.app:11} has {package:21} {one.version:7} of commit {one.commit}, that of its tag")


def _check_versions(app: str, found: dict[str, Installed]) -> None:
    for package, version in TARGET.items():
        if found[package].version != version:
            raise StepFailed(f"{app} has {package} {found[package].version}, the bundle names {version}")
