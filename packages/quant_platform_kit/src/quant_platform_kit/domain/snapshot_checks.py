"""Whether a snapshot's manifest may be decided on: for whom it was made, of which session, and where its rows are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from quant_platform_kit.domain.errors import UnknownSession
from quant_platform_kit.domain.features import FeatureContract
from quant_platform_kit.domain.sessions import Cadence, ExchangeCalendar
from quant_platform_kit.domain.snapshot_manifest import MANIFEST_TYPE, SnapshotManifest

__all__ = ["Asked", "Moment", "identity_faults", "path_faults", "session_faults"]

_DUE = {
    Cadence.SESSION: "the session decided on",
    Cadence.MONTH_START: "the newest month start",
    Cadence.MONTH_END: "the newest month end",
    Cadence.QUARTER_END: "the newest quarter end",
}
_SHOWN = 8
"""Digits of a digest that are shown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom a snapshot has to be made.

    Attributes
    ----------
    config_digest
        Of the configuration in force; None compares none.
    config_setting
        What names the configuration's file.
    """

    profile: str
    contract: FeatureContract
    config_digest: str | None = None
    config_setting: str = "--config"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a snapshot is decided on.

    Attributes
    ----------
    session
        The completed session decided on (exchange-local date).
    due
        The newest session up to it that the rule decides on in the ordinary course; None where nobody says.
    due_name
        What that session is, in words.
    """

    session: date
    due: date | None
    due_name: str

    @classmethod
    def of(cls, session: date, cadence: Cadence, calendar: ExchangeCalendar) -> Moment:
        """Return the moment of a session for a rule of a cadence."""
        due = None if cadence is Cadence.UNSTATED else calendar.last_decision(session, cadence)
        return cls(session, due, _DUE.get(cadence, ""))


def identity_faults(manifest: SnapshotManifest, asked: Asked) -> Iterator[str]:
    """Yield in what a manifest is of another kind, profile, contract or configuration, in this order."""
    if manifest.manifest_type != MANIFEST_TYPE:
        yield (
            f"manifest_type is {manifest.manifest_type}; expected {MANIFEST_TYPE}: correct the path to the manifest "
            "of a snapshot"
        )
    made_for, profile = manifest.strategy_profile, asked.profile
    if made_for != profile:
        yield f"made for {made_for}; this service runs {profile}: correct the path or the profile"
    if manifest.contract_version != asked.contract.name(profile):
        yield _other_contract(manifest.contract_version, asked)
    digest = asked.config_digest
    if digest is not None and manifest.config_sha256 != digest:
        yield (
            f"built with configuration {manifest.config_sha256[:_SHOWN]}..., the service has {digest[:_SHOWN]}...; "
            f"rebuild, or correct {asked.config_setting}"
        )


def _other_contract(found: str, asked: Asked) -> str:
    stem, wanted = asked.contract.name(asked.profile).rsplit(".", 1)
    version = found.removeprefix(f"{stem}.")
    if found == version:
        return f"contract {found}; this release reads {stem}.{wanted}: publish that"
    return (
        f"contract {found}; this release reads {wanted}: deploy the release that reads {version}, or publish {wanted}"
    )


def session_faults(
    manifest: SnapshotManifest, calendar: ExchangeCalendar, moment: Moment | None = None
) -> Iterator[str]:
    """Yield why a manifest is of no session, later than the one decided on, stale, or older than what it tells of.

    Parameters
    ----------
    moment
        When it is decided on; None takes a snapshot of any session.
    """
    as_of = manifest.snapshot_as_of
    if not _is_session(calendar, as_of):
        yield f"snapshot_as_of {as_of} is no {calendar.name} session; build it of one and publish that"
        return
    if moment is not None and as_of > moment.session:
        yield (
            f"as_of {as_of} is after the session decided on, {moment.session}; publish the snapshot of a session up to "
            "it, or correct the path"
        )
    if moment is not None and moment.due is not None and as_of < moment.due:
        count = len(calendar.between(as_of, moment.due)) - 1
        late = f"{count} session{'s' if count > 1 else ''}"
        ago = len(calendar.between(moment.due, moment.session)) - 1
        since = f", {ago} session{'s' if ago > 1 else ''} ago" if ago else ""
        yield f"stale: as_of {as_of} is {late} before {moment.due}, {moment.due_name}{since}; build and publish it"
    close = calendar.hours(as_of).close
    if manifest.generated_at < close:
        yield (
            f"generated_at {manifest.generated_at:%Y-%m-%dT%H:%M:%SZ} is before that session's close "
            f"({close:%H:%MZ}); build it after the close and publish that"
        )


def _is_session(calendar: ExchangeCalendar, day: date) -> bool:
    try:
        return calendar.is_session(day)
    except UnknownSession:
        return False


def path_faults(manifest: SnapshotManifest) -> Iterator[str]:
    """Yield why the path of a manifest names no file below its root that goes by its content."""
    path = manifest.snapshot_path
    steps = path.split("/")
    if not {"", ".", ".."}.isdisjoint(steps) or "\\" in path or ":" in path:
        yield f"snapshot_path {path} leaves the root; build and publish it again"
    if steps[-1] != f"{manifest.snapshot_sha256}.parquet":
        yield f"snapshot_path {path} does not end in its sha256; build and publish it again"
