"""What an image is built from: files of a published commit, nothing of a working tree.

::

    Dockerfile          of the app, with the commit and the pins baked in
    requirements.txt    the pins
    constraints.txt     every other package at the version and hashes of that commit's uv.lock
    app.txt             the app with the extras that are deployed
    app/                its folder
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from quant_platform_kit.domain.errors import Refused

from quant_release.commands import call
from quant_release.repository.archive import unpack
from quant_release.repository.git import Git
from quant_release.repository.pins import Pin
from quant_release.repository.workspace import App

__all__ = ["build_context"]


@contextmanager
def build_context(git: Git, app: App, commit: str, pins: tuple[Pin, ...]) -> Generator[Path]:
    """Make the context of an app's image at a commit, in a temporary folder.

    Raises
    ------
    Refused
        The commit has no Dockerfile for the app, or one into which the commit cannot be baked.
    """
    with tempfile.TemporaryDirectory(prefix="quant-release-") as folder:
        tree, context = Path(folder) / "tree", Path(folder) / "context"
        unpack(git.archive(commit), tree)
        context.mkdir()
        (tree / app.folder).rename(context / "app")
        dockerfile = context / "app" / "Dockerfile"
        if not dockerfile.is_file():
            raise Refused(f"commit {commit[:12]} has no {app.folder}/Dockerfile; add it, commit and push")
        baked = _baked(dockerfile.read_text("utf-8"), {"COMMIT_SHA": commit, "PINS": " ".join(pin.tag for pin in pins)})
        (context / "Dockerfile").write_text(baked, "utf-8")
        (context / "app" / "requirements.txt").rename(context / "requirements.txt")
        (context / "app.txt").write_text(f"./app{app.installs.removeprefix(app.folder)}\n", "utf-8")
        (tree / app.folder).mkdir()  # the lock is exported for a complete workspace
        (tree / app.folder / "pyproject.toml").write_bytes((context / "app" / "pyproject.toml").read_bytes())
        extras = [part for extra in app.extras for part in ("--extra", extra)]
        export = ["uv", "export", "--quiet", "--frozen", "--package", app.distribution, *extras, "--no-default-groups"]
        call([*export, "--no-emit-workspace", "--no-annotate", "-o", str(context / "constraints.txt")], tree)
        yield context


def _baked(dockerfile: str, values: dict[str, str]) -> str:
    """Return a Dockerfile with other defaults of its build arguments."""
    for name, value in values.items():
        dockerfile, count = re.subn(rf"(?m)^ARG {name}=.*$", f'ARG {name}="{value}"', dockerfile)
        if count != 1:
            raise Refused(f"the Dockerfile has {count} lines 'ARG {name}=...'; it needs one")
    return dockerfile
