"""`make demo-release`: the first bundle, released for real, to an origin in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quant_release.demo.baseline import BUNDLE, TARGET, bundle_text, copy_of, make_origin
from quant_release.images.builders import VenvBuilder
from quant_release.inspect.preview import plan
from quant_release.inspect.status import read_status
from quant_release.repository.git import Git
from quant_release.repository.versions import tag_name
from quant_release.run.apply import Watching, apply
from quant_release.run.clean_environments import Installed, check_commits, installed_in
from quant_release.run.journal import StepListener
from quant_release.run.opening import Options, Release, read_release
from quant_release.steps.machine import StepFailed
from quant_release.steps.table import Scope

__all__ = ["tour"]

Say = Callable[[str], None]


def tour(checkout: Path, show_status: Callable[[dict[str, Any]], None], say: Say, listener: StepListener) -> None:
    """Release the first bundle on a copy of a checkout's HEAD; leave nothing behind.

    Parameters
    ----------
    listener
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
        options = Options(git.root, "demo", store, local=True, builder=f"venv:{images}")
        release = read_release(options, BUNDLE)
        target = ", ".join(f"{package} {version}" for package, version in TARGET.items())
        say(f"The bundle: {target}. {len(plan(release.executor, release.subjects))} steps:")
        apply(options, BUNDLE, watching=Watching(listener))
        say("Afterwards:")
        show_status(read_status(git.root))
        _show_environments(read_release(options, BUNDLE), VenvBuilder(images), say)


def _show_environments(release: Release, builder: VenvBuilder, say: Say) -> None:
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
            say(f"{built.app:11} has {package:21} {one.version:7} of commit {one.commit}, that of its tag")


def _check_versions(app: str, found: dict[str, Installed]) -> None:
    for package, version in TARGET.items():
        if found[package].version != version:
            raise StepFailed(f"{app} has {package} {found[package].version}, the bundle names {version}")
