"""Options that several commands share."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from quant_release.run.opening import Options
from quant_release.settings import store_url

__all__ = [
    "BuilderOption",
    "BundleArgument",
    "JsonOption",
    "LocalOption",
    "MergeWaitOption",
    "RootOption",
    "StoreOption",
    "ViaBranchOption",
    "WhoOption",
    "options_of",
]

BundleArgument = Annotated[str, typer.Argument(metavar="BUNDLE", help="Name below release/bundles, or a .toml file.")]
RootOption = Annotated[Path, typer.Option("--root", help="The checkout; the one around this folder if absent.")]
StoreOption = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="Store of the journal; STORE_URL if absent.")
]
LocalOption = Annotated[bool, typer.Option("--local", help="Take a store that only this machine sees: a rehearsal.")]
BuilderOption = Annotated[
    str | None, typer.Option("--builder", metavar="NAME", help="Who builds images: docker, buildah or gcloud.")
]
WhoOption = Annotated[str | None, typer.Option("--who", metavar="NAME", help="Who does it; the login name if absent.")]
ViaBranchOption = Annotated[
    bool,
    typer.Option("--via-branch", help="Push to release/RUN and wait until a person has merged it; a run remembers it."),
]
MergeWaitOption = Annotated[
    float, typer.Option(metavar="MINUTES", min=0, max=25, help="How long to wait for a merge, at most 25.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def options_of(
    root: Path, store: str | None, who: str | None = None, builder: str | None = None, *, local: bool = False
) -> Options:
    """Return where and as whom a command works."""
    try:
        name = who or getpass.getuser()
    except (KeyError, OSError):
        raise typer.BadParameter("your login name is not known here: add --who NAME") from None
    return Options(root, " ".join(name.split()), store or store_url(), local, builder)
