"""One service at one instant: what Cloud Run, the scheduler, its ledger and the journal say, each asked when needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.redaction import hide

from quant_release.bundle import Service
from quant_release.cloud.addresses import Caller, Said
from quant_release.cloud.calls import CloudError
from quant_release.cloud.environment import Environment, Variable, changes, switched, with_value
from quant_release.cloud.holds import ServiceLedger
from quant_release.cloud.run_api import Deployed, TrafficTarget
from quant_release.cloud.scheduler_api import Job
from quant_release.cloud.templates import (
    Revision,
    Template,
    changed,
    environment_of,
    failure_of,
    image_of,
    is_ready,
    is_same,
    template_of,
)
from quant_release.cloud.world import ServiceWorld
from quant_release.run.journal import Journal
from quant_release.run.service_records import Held, RevisionRecords, ServiceRecords

__all__ = ["CODE", "SETTINGS", "Attempt", "Course", "Goal", "ServiceState", "Wanted"]

CODE, SETTINGS = "c", "s"
"""The revisions that a run may make of a service: with the image, and then with the environment."""
_MOST_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Course:
    """What is done with services.

    Attributes
    ----------
    run
        The run that moves them, None before it is opened.
    back
        The run that is rolled back, None where none is.
    later
        Rollbacks after that run.
    is_switch
        Whether only environments are changed.
    """

    run: str | None = None
    back: str | None = None
    later: tuple[str, ...] = ()
    is_switch: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a bundle wants of a service.

    Attributes
    ----------
    input_mode
        Of the profile that it names, None if it names none.
    image
        The image to run, None before it is built.
    trigger
        The path that its job calls.
    has_accounts
        Whether it runs profiles on accounts. Without, a probe has no reports; what its job calls trades nothing.
    """

    service: Service
    input_mode: str | None
    image: str | None
    trigger: str
    has_accounts: bool


@dataclass(frozen=True, slots=True)
class Goal:
    """What a service is to be.

    Attributes
    ----------
    base
        The template that all else comes from: of what served when it was held, or of what is to serve again.
    code
        The environment to try the image in: that of before, with the image's name.
    final
        The environment that it is to run in.
    """

    base: Template
    image: str
    code: Environment
    final: Environment

    def template(self, kind: str) -> Template:
        """Return the template of one of the run's revisions."""
        return changed(self.base, self.image, self.code if kind == CODE else self.final)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A revision that a run makes: its name, and the revision, None before it is made.

    One that could not start is left where it is; the next attempt has another name.
    """

    name: str
    revision: Revision | None

    @property
    def is_ready(self) -> bool:
        """Whether it has started."""
        return self.revision is not None and is_ready(self.revision)


class ServiceState:
    """What is known of a service now; made anew after everything that is done."""

    def __init__(self, world: ServiceWorld, journal: Journal | None, course: Course, name: str, wanted: Wanted) -> None:
        self.world, self.journal, self.course, self.name, self.wanted = world, journal, course, name, wanted
        self.service = wanted.service
        self.full_name = f"{wanted.service.parent}/services/{name}"

    # --- what is there -------------------------------------------------------------------------

    @cached_property
    def deployed(self) -> Deployed:
        """The service's document."""
        return self.world.run.service(self.full_name)

    @cached_property
    def job(self) -> Job:
        """The job that triggers it."""
        return self.world.scheduler.job(f"{self.service.parent}/jobs/{self.service.schedule}")

    @cached_property
    def ledger(self) -> ServiceLedger:
        """Its ledger."""
        return self.world.ledger(self.name, self.service)

    @cached_property
    def caller(self) -> Caller:
        """Who calls it, with a token."""
        account = self.service.service_account or ""
        return Caller(account, self.world.tokens.token(account, self.service.audience or ""))

    @cached_property
    def serving(self) -> str:
        """The revision that has all the traffic.

        Raises
        ------
        Refused
            None has.
        """
        if self.deployed.serving is None:
            shares = ", ".join(f"{one.revision} {one.percent} %" for one in self.deployed.traffic if one.percent)
            raise Refused(
                f"the traffic of {self.name} is split: {shares or 'nobody has any'}; give one revision all of it: "
                f"gcloud run services update-traffic {self.name} --to-revisions REVISION=100"
            )
        return self.deployed.serving

    def revision(self, name: str) -> Revision | None:
        """Return a revision by its short name, None if it is not there."""
        if name not in self._revisions:
            self._revisions[name] = self.world.run.revision(self.full_name, name)
        return self._revisions[name]

    @cached_property
    def _revisions(self) -> dict[str, Revision | None]:
        return {}

    @cached_property
    def serving_revision(self) -> Revision:
        """The revision that serves; what may be secret of it is hidden from every text."""
        found = self._existing(self.serving)
        hide(one.value for one in environment_of(found) if one.value and one.may_be_secret)
        return found

    def _existing(self, name: str) -> Revision:
        found = self.revision(name)
        if found is None:
            raise CloudError(f"revision {name} of {self.name} is not there any more")
        return found

    @cached_property
    def said(self) -> Said | CloudError:
        """What the main address says of itself, or why it says nothing."""
        try:
            return self.world.addresses.version(self.deployed.address, self.caller)
        except CloudError as error:
            return error

    @property
    def other_tags(self) -> tuple[TrafficTarget, ...]:
        """Addresses of their own that others gave to revisions."""
        own = {self.tag(CODE), self.tag(SETTINGS)}
        return tuple(
            TrafficTarget(one.revision, tag=one.tag) for one in self.deployed.traffic if one.tag and one.tag not in own
        )

    # --- what the journal knows ----------------------------------------------------------------

    @cached_property
    def records(self) -> ServiceRecords | None:
        """What is recorded of it in this run, None without a run."""
        return self._records_of(self.course.run)

    def _records_of(self, run: str | None) -> ServiceRecords | None:
        return None if self.journal is None or run is None else ServiceRecords(self.journal, run, self.name)

    @cached_property
    def held(self) -> Held | None:
        """How it was found by this run, None before."""
        return None if self.records is None else self.records.held

    @cached_property
    def predecessor(self) -> Held | None:
        """Of a rollback, how the service was before the run that is rolled back.

        Raises
        ------
        Refused
            That run did not hold it.
        """
        records = self._records_of(self.course.back)
        if records is None:
            return None
        if records.held is None:
            raise Refused(f"run {self.course.back} did not touch {self.name}: there is nothing to go back to")
        return records.held

    @property
    def owing(self) -> tuple[ServiceRecords, ...]:
        """The records, of this run and of the one that is rolled back, by which the job is to be resumed."""
        known = (self.records, self._records_of(self.course.back))
        return tuple(one for one in known if one is not None and one.owes_resume)

    @property
    def is_held(self) -> bool:
        """Whether it is held, or its job paused, by one of those runs."""
        return self.ledger.hold() is not None or bool(self.owing)

    @property
    def may_be_reopened(self) -> bool:
        """Whether the hold may be lifted as if nothing had been done: what serves was open before, or was probed."""
        held, back = self.held, self._records_of(self.course.back)
        if held is None:
            return back is None or not self.is_held
        if self.seen("probed", self.serving):
            return True
        was_open = back is None or back.opened or self.serving == self.back_to
        return self.serving == held.revision and was_open

    @property
    def back_to(self) -> str | None:
        """Of a rollback, the revision whose image and environment are to serve again."""
        return self.predecessor.revision if self.predecessor else None

    def seen(self, what: str, revision: str) -> bool:
        """Whether a revision was ``confirmed``, has ``answered`` or was ``probed``."""
        return self.journal is not None and RevisionRecords(self.journal, self.full_name, revision).has(what)

    # --- what it is to be ----------------------------------------------------------------------

    @cached_property
    def goal(self) -> Goal | None:
        """What it is to be; None before its image is built."""
        held = self.held
        if self.back_to is not None:
            base = template_of(self._existing(self.back_to))
            before = environment_of(base)
            return Goal(base, image_of(base), before, before)
        image = self.wanted.image
        if image is None:
            return None
        base = template_of(self._existing(held.revision) if held else self.serving_revision)
        code = with_value(environment_of(base), Variable("IMAGE", image))
        return Goal(base, image, code, switched(code, self.service, self.wanted.input_mode))

    def serves(self, image: str, environment: Environment) -> bool:
        """Whether what serves has an image and an environment, and was seen to answer.

        What served before a run that is rolled back counts, if it still serves and nothing newer was written.
        """
        if self.serving == self.back_to and self.deployed.written_revision == self.back_to:
            return True
        return self.seen("answered", self.serving) and is_same(self.serving_revision, image, environment)

    # --- what the run makes --------------------------------------------------------------------

    def tag(self, kind: str) -> str:
        """Return the tag of the address at which a revision of the run is confirmed."""
        return f"{kind}{self._mark}"

    @property
    def _mark(self) -> str:
        return _mark_of(self.course.run)

    def attempt(self, kind: str) -> Attempt:
        """Return the revision of a kind that the run made, or is to make next: one that could not start is passed."""
        for number in range(1, _MOST_ATTEMPTS):
            name = f"{self.name}-{self._mark}-{kind}{number}"
            revision = self.revision(name) if self.course.run else None
            if revision is None or failure_of(revision) is None:
                return Attempt(name, revision)
        raise Refused(f"{_MOST_ATTEMPTS - 1} revisions of {self.name} could not start: look at their logs")

    def is_own(self, revision: str) -> bool:
        """Whether a revision has a name that only this run gives."""
        return revision.startswith(f"{self.name}-{self._mark}-")

    def may_be_rolled_back(self, revision: str) -> bool:
        """Whether a revision was made by the run that is rolled back, or a later rollback, or is the one before."""
        return revision == self.back_to or any(
            revision.startswith(f"{self.name}-{_mark_of(run)}-") for run in (self.course.back, *self.course.later)
        )

    def differences(self) -> str:
        """Return what the newest template has that what was held had not, for whoever asks what was changed."""
        held = self.held
        assert held is not None  # nothing is compared before
        template, before = self.deployed.document.template, self._existing(held.revision)
        found = [one.text for one in changes(environment_of(before), environment_of(template))]
        if image_of(template) != image_of(before):
            found.append(f"image {image_of(before)} -> {image_of(template)}")
        if template.service_account != before.service_account:
            found.append(f"service account {before.service_account} -> {template.service_account}")
        return ", ".join(found) or "nothing of image, environment or service account"


def _mark_of(run: str | None) -> str:
    """Return what the names of a run's revisions and tags have in them."""
    return sha256(run.encode())[:8] if run else "run"
