"""What must hold before a service is moved on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from quant_platform_kit.domain.errors import InvalidInput, Refused
from quant_platform_kit.domain.matrix import PlatformDescription, matrix
from quant_platform_kit.domain.strategy import StrategyManifest

from quant_release.cloud.calls import CloudError, NotThere
from quant_release.cloud.environment import PROFILE, Variable, is_live
from quant_release.cloud.templates import environment_of, image_of
from quant_release.run.guards.built import unfit_image
from quant_release.run.journal import ImageRecord
from quant_release.run.service_state import CODE, SETTINGS, ServiceState
from quant_release.steps.table import Guard

__all__ = ["ServiceGuards"]

ZONE = "America/New_York"
_LISTED = 5
_BESIDE = frozenset({Guard.IMAGE, Guard.PROFILE, Guard.SCHEDULE, Guard.LEDGER, Guard.OBEYS, Guard.LIVE, Guard.WINDOW})
"""Guards that leave it to others of the same row to say that the service or its job is not there."""


class ServiceGuards:
    """Says what is missing for a guard to hold of a service.

    Parameters
    ----------
    platform
        None of a service that runs no profile and has no account.
    manifests
        Of the profiles that the code of the bundle knows, by name.
    built
        The image that the bundle is to run, None before it is built; ``pins`` are those of the bundle.
    is_switch
        Whether only the environment is changed, the image being there.
    """

    def __init__(
        self,
        state: ServiceState,
        platform: PlatformDescription | None,
        manifests: Mapping[str, StrategyManifest],
        built: ImageRecord | None,
        pins: tuple[str, ...],
        *,
        is_switch: bool,
    ) -> None:
        self._state, self._platform, self._manifests = state, platform, manifests
        self._built, self._pins, self._is_switch = built, pins, is_switch

    def missing(self, guard: Guard) -> str | None:
        """Return what is missing, None if the guard holds."""
        answers: Mapping[Guard, Callable[[], str | None]] = {
            Guard.IMAGE: self._image,
            Guard.DEPLOYED: self._deployed,
            Guard.PROFILE: self._profile,
            Guard.SCHEDULE: self._schedule,
            Guard.LEDGER: self._ledger,
            Guard.OBEYS: self._obeys,
            Guard.LIVE: self._live,
            Guard.WINDOW: self._window,
            Guard.AT_REST: self._at_rest,
            Guard.HOLD: self._hold,
            Guard.UNTOUCHED: self._untouched,
        }
        try:
            return answers[guard]()
        except NotThere as error:
            return None if guard in _BESIDE else str(error)
        except (CloudError, InvalidInput, Refused) as error:
            return str(error)

    @property
    def _goes_back(self) -> bool:
        return self._state.back_to is not None

    # --- code before settings ------------------------------------------------------------------

    def _image(self) -> str | None:
        state = self._state
        if self._goes_back:
            assert state.back_to is not None
            if state.revision(state.back_to) is None:
                return f"revision {state.back_to}, which served before, is not there any more"
            if state.held is None and not state.may_be_rolled_back(state.serving):
                return f"revision {state.serving} serves, which is not of the run that is rolled back: look first"
            return None
        if (unfit := unfit_image(self._built, self._pins)) is not None:
            return unfit
        assert self._built is not None
        if not self._is_switch or state.held is not None:
            return None
        if image_of(state.serving_revision) != self._built.reference or not state.seen("answered", state.serving):
            return (
                f"revision {state.serving} serves {image_of(state.serving_revision)}, not the image of the bundle as a "
                "release confirmed it; code comes before settings: release apply"
            )
        return None

    def _profile(self) -> str | None:
        if self._goes_back or self._platform is None:
            return None
        known = _named(self._state, PROFILE)
        profile = known.value if known else None
        if not profile:
            return f"{PROFILE} of {self._state.name} is not set: nobody knows what it runs"
        manifest = self._manifests.get(profile)
        if manifest is None:
            return (
                f"it runs profile {profile}, which the code of this bundle does not know (it knows "
                f"{', '.join(self._manifests)}): move the service to one of those first, with the code it has"
            )
        (row,) = matrix([manifest], [self._platform])
        if not row.enabled:
            return f"it runs profile {profile}, which is not enabled on {self._platform.name}: {', '.join(row.reasons)}"
        return None

    # --- the service, its job and its ledger ---------------------------------------------------

    def _deployed(self) -> str | None:
        state = self._state
        try:
            state.deployed  # noqa: B018 - asked for
        except NotThere:
            others = state.world.run.services(state.service.parent)
            listed = ", ".join(others[:_LISTED]) + (" ..." if len(others) > _LISTED else "")
            return (
                f"{state.name} is not deployed in {state.service.region} of {state.service.project}, where there is: "
                f"{listed or 'none'}; a release makes and renames no service"
            )
        state.serving  # noqa: B018 - refused where traffic is split
        own = _named(state, "CLOUD_RUN_SERVICE")
        if own is None or own.value != state.name:
            found = "not set" if own is None else own.text
            return f"CLOUD_RUN_SERVICE of {state.name} is {found}: its accounts belong to that name; names never change"
        return None

    def _schedule(self) -> str | None:
        state, service = self._state, self._state.service
        try:
            job = state.job
        except NotThere as error:
            return f"{error}; schedule names a job in {service.region} of {service.project}"
        what = f"job {service.schedule}"
        if job.time_zone != ZONE:
            return f"{what} is in time zone {job.time_zone}: slots are of {ZONE}"
        targets = {f"{address.rstrip('/')}{state.wanted.trigger}" for address in state.deployed.addresses}
        if job.target not in targets:
            return f"{what} calls {job.target or 'nothing'}, and {state.name} is at {', '.join(sorted(targets))}"
        for key, found, wanted in (
            ("service_account", job.service_account, service.service_account),
            ("audience", job.audience, service.audience),
        ):
            if found != wanted:
                return f"{what} sends tokens with {key} {found or 'none'}; the bundle says {wanted}"
        for name, wanted in (("OIDC_SERVICE_ACCOUNT", service.service_account), ("OIDC_AUDIENCE", service.audience)):
            asked = _named(state, name)
            if asked is not None and asked.value not in (None, "", wanted):
                return f"{name} of {state.name} is {asked.text}; the bundle says {wanted}"
        return None

    def _ledger(self) -> str | None:
        state = self._state
        named, address = _named(state, "STORE_URL"), state.world.ledger_url(state.name, state.service)
        if named is not None and named.value is not None:
            if named.value.rstrip("/") == address.rstrip("/"):
                return None
            return f"the bundle names another ledger than STORE_URL of {state.name}: a hold there would hold nothing"
        if state.ledger.accounts():
            return None
        return (
            f"the ledger that the bundle names has no account of {state.name}, and its STORE_URL is a secret: nobody "
            "can tell that it is the right one"
        )

    def _obeys(self) -> str | None:
        state = self._state
        if not state.wanted.has_accounts or "release" in getattr(state.said, "halts", ()):
            return None
        if state.ledger.is_halted():
            return None
        if isinstance(state.said, NotThere):
            raise state.said
        way = f"halt it yourself meanwhile: quant halt service {state.name}"
        if isinstance(state.said, CloudError):
            return f"{state.said}; whether a hold would stop it is not known: {way}"
        return f"the code that serves knows no hold of a release: {way}"

    def _live(self) -> str | None:
        state, goal = self._state, self._state.goal
        if goal is None or not (is_live(goal.final, state.service.platform) or state.service.live):
            return None
        if not state.service.live:
            return f"{state.name} would trade live, and the bundle does not say so: live = true"
        if state.name not in state.world.terms.confirmed:
            return f"{state.name} trades live and was not confirmed: add --yes {state.name}"
        return None

    # --- the right moment ----------------------------------------------------------------------

    def _window(self) -> str | None:
        job, window = self._state.job, self._state.world.terms.window
        if job.due is None:
            return None
        left = job.due - self._state.world.clock.now()
        if left > timedelta(minutes=window):
            return None
        minutes = max(0, round(left.total_seconds() / 60))
        return (
            f"job {self._state.service.schedule} is due at {job.due:%H:%M:%S} UTC, in {minutes} min; no service is "
            f"held within {window:g} min before: wait, or give a smaller --window"
        )

    def _at_rest(self) -> str | None:
        found = self._state.ledger.unrest(self._state.world.terms.patience)
        return "; ".join(one.text for one in found) or None

    def _hold(self) -> str | None:
        if not self._state.job.paused:
            return f"job {self._state.service.schedule} was resumed by somebody: it is held again by --resume"
        if self._state.ledger.hold() is None:
            return "the halt of this release was lifted by somebody: it is held again by --resume"
        return None

    def _untouched(self) -> str | None:
        """Whether somebody has written the service since it was held."""
        state, held = self._state, self._state.held
        if held is None:
            return None
        code, settings = state.attempt(CODE), state.attempt(SETTINGS)
        own = [one for one in (code, settings) if one.revision is not None]
        document = state.deployed
        if document.document.generation != held.generation and not state.is_own(document.written_revision):
            return f"{state.name} was changed by {document.last_change}: {state.differences()}"
        answered = [one.name for one in own if state.seen("answered", one.name)]
        left = answered[-1] if answered else held.revision
        if state.serving in (left, *(one.name for one in own if one.name not in answered)):
            return None
        return (
            f"the traffic of {state.name} was given to {state.serving} by {document.last_change}; this release left it "
            f"with {left}"
        )


def _named(state: ServiceState, name: str) -> Variable | None:
    """Return a setting of what serves, None if it is not set."""
    found: Iterable[Variable] = environment_of(state.serving_revision)
    return next((one for one in found if one.name == name), None)
