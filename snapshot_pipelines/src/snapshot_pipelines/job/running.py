"""A job: what is due is built, verified and published; done again, there is nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from quant_platform_kit.adapters.snapshot_reading import Published
from quant_platform_kit.adapters.snapshot_versions import VERSIONS
from quant_platform_kit.domain.errors import Conflict, InvalidInput, QuantError, Refused, StoreError
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.snapshot_checks import Asked, Moment
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.observe.notifying import Notices

from snapshot_pipelines.build.as_ofs import check_closed
from snapshot_pipelines.build.builder import Recipe, build
from snapshot_pipelines.build.versions import write_versions
from snapshot_pipelines.job.configuration import Job
from snapshot_pipelines.job.drift import drift_between, drift_key, keep_drift
from snapshot_pipelines.job.due import Due, due_at
from snapshot_pipelines.job.markets import Late, Markets
from snapshot_pipelines.job.results import Outcome, Result, notification_of
from snapshot_pipelines.publish.copies import copies_of
from snapshot_pipelines.publish.publishing import Copies, Given, LostRace, is_same, publish
from snapshot_pipelines.publish.roots import Place, Root
from snapshot_pipelines.publish.snapshots import Snapshot, Terms, ranking_of, verified

__all__ = ["Told", "Work", "run_job"]


@dataclass(frozen=True, slots=True)
class Told:
    """How the job was called.

    Attributes
    ----------
    now
        The instant that decides what is due, aware UTC.
    again
        Build and publish also what is published, or was rolled back.
    publish_daily
        Publish the session of a daily build, which is compared only otherwise.
    """

    now: datetime
    again: bool = False
    publish_daily: bool = False


@dataclass(frozen=True)
class Work:
    """What a job works with.

    Attributes
    ----------
    root
        Where it publishes.
    folder
        Where versions are built.
    code_version
        Of the code that builds.
    clock
        Returns the present, aware UTC: when a snapshot was made.
    """

    job: Job
    root: Root
    folder: Path
    markets: Markets
    notices: Notices
    calendar: ExchangeCalendar
    code_version: str
    clock: Callable[[], datetime]


def run_job(work: Work, told: Told) -> Iterator[Result]:
    """Yield what became of each snapshot; people were told of it.

    It is the same job however often it is called and wherever it was killed: what was published stays, and what was
    begun is finished.

    Raises
    ------
    InvalidInput
        A profile or its configuration is not right, or the session asked for has not closed: nothing was done.
    """
    strategies = {profile: work.job.strategy(profile) for profile in work.job.profiles}
    if work.job.as_of is not None:
        check_closed([work.job.as_of], work.calendar, told.now)
    for profile, strategy in strategies.items():
        one = _Profile(work, told, profile, strategy)
        for result in one.results():
            delivery = work.notices.deliver(notification_of(result)) if _is_news(result) else None
            yield replace(result, untold=delivery.error) if delivery and delivery.error else result


def _is_news(result: Result) -> bool:
    return result.outcome is not Outcome.DRIFT or result.document is not None


@dataclass(frozen=True)
class _Profile:
    """The job of one profile."""

    work: Work
    told: Told
    name: str
    strategy: BoundStrategy

    def results(self) -> Iterator[Result]:
        """Yield what became of the snapshot that is due, and of the session's if each is built."""
        work, cadence = self.work, self.strategy.manifest.cadence
        due = due_at(self.told.now, cadence, work.calendar)
        as_of = work.job.as_of or due.as_of
        result = self._guarded(as_of, lambda: self._due(as_of, due))
        yield result
        session = work.calendar.last_closed(self.told.now)
        if result.outcome.good and work.job.daily and work.job.as_of is None and session > as_of:
            yield self._guarded(session, lambda: self._daily(session, due))

    def _guarded(self, as_of: date, act: Callable[[], Result]) -> Result:
        """Turn what went wrong into a result, so that the other profiles are still built."""
        try:
            return act()
        except QuantError as error:
            if not isinstance(error, StoreError):
                with suppress(QuantError):
                    self._forget(as_of)
            return Result(self.name, as_of, _outcome_of(error), str(error))

    # --- the snapshot that is due --------------------------------------------------------------

    def _due(self, as_of: date, due: Due) -> Result:
        latest = self._latest()
        if self.told.again:
            self._forget(as_of)
        elif latest is not None and self._is_there(latest, as_of):
            return self._finished(latest, due)
        elif latest is not None and latest.found.manifest.snapshot_as_of < as_of and self._was_published(as_of):
            return self._withdrawn(latest, as_of)
        return self._publish(as_of)

    def _latest(self) -> Place | None:
        """Return what readers start from; None also for what cannot be read, which publishing cures."""
        try:
            return self.work.root.latest(self.name)
        except InvalidInput:
            return None

    def _is_there(self, latest: Place, as_of: date) -> bool:
        """Whether what is due, or a later session, is published, whole and for the configuration in force."""
        day = latest.found.manifest.snapshot_as_of
        if day < as_of or (day > as_of and self.work.job.as_of is not None):
            return False
        try:
            verified(self.work.root, latest, self._terms())
        except InvalidInput:
            return False
        return True

    def _finished(self, latest: Place, due: Due) -> Result:
        """Say that it is published; what a job that was killed did not come to is made up for."""
        work = self.work
        if work.root.store.get(self._key(latest)) is None:
            snapshot = verified(work.root, latest, self._terms())
            publish([Given(latest, lambda: snapshot)], work.root.store, self._copies)
            self._note(latest)
        manifest = latest.found.manifest
        text = f"{manifest.snapshot_as_of} {latest.found.digest[:12]} is published already; nothing to do"
        if self.work.job.as_of is None:
            text = f"{text}: the next one, of {due.next}, is due after its close at {due.next_close:%Y-%m-%d %H:%M} UTC"
        return Result(self.name, manifest.snapshot_as_of, Outcome.ALREADY, text, latest.found.digest)

    def _withdrawn(self, latest: Place, as_of: date) -> Result:
        text = (
            f"{as_of} was published and rolled back to {latest.found.manifest.snapshot_as_of}; nothing was published: "
            "run it with --again when its sources are right"
        )
        return Result(self.name, as_of, Outcome.WITHDRAWN, text, latest.found.digest)

    def _publish(self, as_of: date) -> Result:
        """Build a session, verify it and make it latest."""
        self._refuse_rollback(as_of)
        work, built = self.work, self._built(as_of)
        try:
            outcome = publish([Given(built.place, lambda: built.snapshot)], work.root.store, self._copies)
        except LostRace:
            latest = work.root.latest(self.name)
            if latest is None or not is_same(latest.found, built.place.found):
                raise
            return self._told(built, latest.found, "is published already, by another publisher", Outcome.ALREADY)
        self._note(Place(outcome.latest, ""))
        if not outcome.moved:
            return self._told(built, outcome.latest, "is published already", Outcome.ALREADY)
        before = f"; before it was {outcome.before.manifest.snapshot_as_of}" if outcome.before else ""
        return self._told(built, outcome.latest, f"is latest at {work.root.address}{before}", Outcome.PUBLISHED)

    def _refuse_rollback(self, as_of: date) -> None:
        """Refuse a session before `latest`: going back to one is a person's decision."""
        latest = self._latest()
        if latest is None or as_of >= (day := latest.found.manifest.snapshot_as_of):
            return
        root = self.work.root.address
        raise Refused(
            f"{as_of} is older than {day}, which is latest, and the job does not roll back; nothing was changed: "
            f"`snapshots publish {root}@{as_of} --to {root} --profile {self.name} --allow-older` does"
        )

    def _told(self, built: _Built, found: Published, what: str, outcome: Outcome) -> Result:
        manifest = found.manifest
        details = (
            f"{manifest.row_count} rows, made by {manifest.code_version}",
            *built.snapshot.told.get("in_words", ()),
        )
        text = f"{manifest.snapshot_as_of} {found.digest[:12]} {what}"
        return Result(self.name, manifest.snapshot_as_of, outcome, text, found.digest, details)

    def _copies(self, snapshot: Snapshot) -> Copies:
        return copies_of(snapshot, ranking_of(snapshot, self.strategy))

    # --- building ------------------------------------------------------------------------------

    def _built(self, as_of: date) -> _Built:
        """Return a session's snapshot, verified: one that a killed job put there already, or a new one."""
        work = self.work
        market, sources = work.markets.at(as_of)
        made = work.clock().replace(microsecond=0)
        recipe = Recipe(self.strategy, self._config_name(), market, sources, work.code_version, made)
        (written,) = write_versions(work.folder / "built", build(recipe, [as_of]))
        root = Root(str(work.folder / "built"))
        place = root.at(f"{VERSIONS}{as_of}/{written.manifest.name}")
        assert place is not None, "it was written"
        return self._begun(place) or _Built(place, verified(root, place, self._terms(as_of)))

    def _forget(self, as_of: date) -> None:
        """Let prices be pulled again, and keep those that something was built from that is published."""
        if self.work.job.pull is not None:
            places = self.work.root.versions(None, as_of)
            named = {source.sha256 for place in places for source in place.found.manifest.sources}
            self.work.markets.forget(as_of, named)

    def _begun(self, place: Place) -> _Built | None:
        """Return the same version below the root, put there by a job that was killed before it was latest."""
        root = self.work.root
        with suppress(InvalidInput):
            for other in root.versions(self.name, place.found.manifest.snapshot_as_of):
                if is_same(other.found, place.found):
                    return _Built(other, verified(root, other, self._terms(place.found.manifest.snapshot_as_of)))
        return None

    def _config_name(self) -> str | None:
        file = self.work.job.config.get(self.name)
        return file.name if file else None

    def _terms(self, session: date | None = None) -> Terms:
        """Return what a snapshot is held to; a session is the one decided on."""
        declared, calendar = self.strategy.manifest, self.work.calendar
        assert declared.features is not None, "a job takes no other profile"
        moment = Moment.of(session, declared.cadence, calendar) if session else None
        return Terms(Asked(self.name, declared.features, self.strategy.config_digest), calendar, moment)

    # --- what was published --------------------------------------------------------------------

    def _key(self, latest: Place) -> str:
        return f"{self._folder(latest.found.manifest.snapshot_as_of)}{latest.found.digest[:12]}.json"

    def _folder(self, as_of: date) -> str:
        return f"jobs/{self.name}/{as_of}-"

    def _note(self, latest: Place) -> None:
        """Note that a snapshot was latest with all that belongs to it: a rollback is told by it from a job killed."""
        with suppress(Conflict):
            self.work.root.store.create(self._key(latest), b'{"published": true}\n')

    def _was_published(self, as_of: date) -> bool:
        return bool(self.work.root.store.keys(self._folder(as_of)))

    # --- each session --------------------------------------------------------------------------

    def _daily(self, session: date, due: Due) -> Result:
        """Build a session and compare it with what is published."""
        if self.told.publish_daily:
            latest = self._latest()
            if latest is not None and self._is_there(latest, session):
                return self._finished(latest, due)
            return self._publish(session)
        return self._drift(session)

    def _drift(self, session: date) -> Result:
        root, latest = self.work.root, self._latest()
        if latest is None:
            raise InvalidInput(f"nothing of {self.name} is published to compare {session} with; see what was refused")
        day, key = latest.found.manifest.snapshot_as_of, drift_key(self.name, session, latest.found.digest)
        if root.store.get(key) is not None:
            text = f"{session} is compared with {day} already; {key} is the report"
            return Result(self.name, session, Outcome.DRIFT, text, latest.found.digest)
        published = verified(root, latest, self._terms())
        drift = drift_between(published, self._built(session).snapshot, self.strategy)
        keep_drift(root.store, key, drift)
        text = f"{session} compared with {day}, which stays published; {key} is the report"
        return Result(self.name, session, Outcome.DRIFT, text, latest.found.digest, drift.words, drift.document)


@dataclass(frozen=True, slots=True)
class _Built:
    """A version that was built, and its content."""

    place: Place
    snapshot: Snapshot


def _outcome_of(error: QuantError) -> Outcome:
    if isinstance(error, Late):
        return Outcome.LATE
    return Outcome.REFUSED if isinstance(error, (InvalidInput, Refused)) else Outcome.FAILED
