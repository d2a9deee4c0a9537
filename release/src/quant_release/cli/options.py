"""Options that several commands share."""

from __future__ import annotations

import getpass
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from quant_platform_kit.domain.redaction import hide

from quant_release.cloud.world import MOST_SECONDS, Terms
from quant_release.commands import LONGEST
from quant_release.run.opening import Options
from quant_release.settings import store_url

__all__ = [
    "BuilderOption",
    "BundleArgument",
    "JsonOption",
    "LocalOption",
    "MergeWaitOption",
    "RootOption",
    "ServiceOption",
    "StoreOption",
    "TimeoutOption",
    "ViaBranchOption",
    "WhoOption",
    "WindowOption",
    "YesOption",
    "options_of",
    "terms_of",
]

USUAL = Terms()
_DAY = 24 * 60.0


def _minutes(value: float) -> float:
    return _within(value, 0.0, _DAY, "minutes")


def _seconds(value: float) -> float:
    return _within(value, 1.0, MOST_SECONDS, "seconds")


def _wait(value: float) -> float:
    return _within(value, 0.0, LONGEST.total_seconds() / 60, "minutes")


def _within(value: float, least: float, most: float, unit: str) -> float:
    """Return a number, unless it is none or out of bounds; a number that is not one is in no bounds."""
    if math.isnan(value) or not least <= value <= most:
        raise typer.BadParameter(f"{value:g} is not between {least:g} and {most:g} {unit}")
    return value


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
    float,
    typer.Option(
        "--merge-wait", metavar="MINUTES", callback=_wait, help="How long to wait for a merge; 20, at most 25."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

ServiceOption = Annotated[
    list[str] | None,
    typer.Option("--service", metavar="NAME", help="Only this service or roll of the bundle; repeatable."),
]
YesOption = Annotated[
    list[str] | None,
    typer.Option("--yes", metavar="NAME", help="Confirm this service, which trades live; repeatable."),
]
WindowOption = Annotated[
    float,
    typer.Option(
        "--window", metavar="MINUTES", callback=_minutes, help="Hold no service whose job is due within so many; 30."
    ),
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        callback=_seconds,
        help="How long one thing of Cloud Run, or a roll, may take; 600.",
    ),
]


def options_of(
    root: Path,
    store: str | None,
    who: str | None = None,
    builder: str | None = None,
    *,
    local: bool = False,
    services: Sequence[str] | None = None,
    terms: Terms = USUAL,
) -> Options:
    """Return where and as whom a command works, and on which services; a store's password is hidden from now on."""
    try:
        name = who or getpass.getuser()
    except (KeyError, OSError):
        raise typer.BadParameter("your login name is not known here: add --who NAME") from None
    url = store or store_url()
    try:
        password = urlsplit(url or "").password or ""
    except ValueError:
        raise typer.BadParameter("it is no address of a store", param_hint="'--store'") from None
    hide({password, unquote(password)})
    return Options(root, " ".join(name.split()), url, local, builder, tuple(dict.fromkeys(services or ())), terms)


def terms_of(window: float, timeout: float, yes: Sequence[str] | None) -> Terms:
    """Return how services are moved."""
    return Terms(window, timeout, confirmed=frozenset(yes or ()))
