"""Feature snapshots for a run: found, verified, and refused in words with what to do."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import chain

from quant_platform_kit.adapters.snapshot_places import PlaceOf, SnapshotPlace
from quant_platform_kit.adapters.snapshot_reading import MissingRows, Published, read_file, rows_of
from quant_platform_kit.domain.errors import InvalidInput, StoreError
from quant_platform_kit.domain.features import FeatureContract, FeatureReading, FeatureSnapshot, FeatureTable
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_checks import Asked, Moment, identity_faults, path_faults, session_faults
from quant_platform_kit.domain.strategy import BoundStrategy

__all__ = ["FeatureLoader"]


class FeatureLoader:
    """`FeatureSource` of published snapshots.

    A session is decided on the snapshot that `PublishedVersions.manifest_for` names, and on no older one where that is
    refused. The bytes of a file are read once: what is hashed is what is decided on.

    Parameters
    ----------
    where
        `SnapshotSettings` of a service, or a `SnapshotRoot`.
    endpoint
        The server that ``gs://`` addresses are asked of instead of Google's.
    """

    def __init__(self, where: PlaceOf, calendar: ExchangeCalendar, *, endpoint: str | None = None) -> None:
        self._where, self._calendar, self._endpoint = where, calendar, endpoint

    def read(self, strategy: BoundStrategy, sessions: Sequence[date]) -> tuple[FeatureReading, ...]:
        """Return what there is to read for each session decided on; see `FeatureSource.read`."""
        profile, contract = strategy.manifest.profile, strategy.manifest.features
        assert contract is not None, f"{profile} reads no snapshot"
        try:
            place = self._where.place(profile, self._endpoint)
        except InvalidInput as error:
            return tuple(_refused(profile, session, error) for session in sessions)
        reading = _Reading(strategy, contract, place, self._calendar)
        with _unreadable(profile, place.address):
            return tuple(reading.of(session) for session in sessions)


class _Reading:
    """What is read for one run: every manifest and every file once."""

    def __init__(
        self, strategy: BoundStrategy, contract: FeatureContract, place: SnapshotPlace, calendar: ExchangeCalendar
    ) -> None:
        self._profile, self._cadence = strategy.manifest.profile, strategy.manifest.cadence
        self._asked = Asked(self._profile, contract, strategy.config_digest, place.config_setting)
        self._place, self._calendar = place, calendar
        self._versions = place.versions(self._profile)
        self._rows: dict[str, FeatureTable | InvalidInput] = {}

    def of(self, session: date) -> FeatureReading:
        """Return what there is to read for a session."""
        try:
            return FeatureReading(session, self._snapshot(session))
        except InvalidInput as error:
            return _refused(self._profile, session, error)

    def _snapshot(self, session: date) -> FeatureSnapshot:
        moment = Moment.of(session, self._cadence, self._calendar)
        try:
            return self._verified(moment)
        except MissingRows:
            # Between the manifest and its file, a newer version may have been published and this one removed.
            self._versions = self._place.versions(self._profile)
            return self._verified(moment)

    def _verified(self, moment: Moment) -> FeatureSnapshot:
        found = self._versions.manifest_for(moment.session)
        if found is None:
            of = f" of {moment.session} or before" if self._place.versions_alone else ""
            raise InvalidInput(f"no manifest{of} at {self._place.address}; publish one or correct the path")
        manifest = found.manifest
        faults = chain(
            identity_faults(manifest, self._asked),
            session_faults(manifest, self._calendar, moment),
            path_faults(manifest),
        )
        if fault := next(faults, ""):
            raise InvalidInput(fault)
        age = len(self._calendar.between(manifest.snapshot_as_of, moment.session)) - 1
        return FeatureSnapshot(manifest.snapshot_as_of, found.digest, self._rows_of(found), moment.due, age)

    def _rows_of(self, found: Published) -> FeatureTable:
        known = self._rows.get(found.digest)
        if known is None:
            try:
                data = read_file(self._place.rows, found.manifest)
                known = rows_of(data, found.manifest, self._asked.contract).table()
            except MissingRows:
                raise
            except InvalidInput as error:
                known = error
            self._rows[found.digest] = known
        if isinstance(known, InvalidInput):
            raise known
        return known


def _refused(profile: str, session: date, why: InvalidInput) -> FeatureReading:
    return FeatureReading(session, None, f"feature snapshot {profile}: {why}")


@contextmanager
def _unreadable(profile: str, address: str) -> Generator[None]:
    """Say whose snapshot the store could not give now, and where it was looked for."""
    try:
        yield
    except StoreError as error:
        raise StoreError(f"feature snapshot {profile}: {address} cannot be read: {error}") from error
