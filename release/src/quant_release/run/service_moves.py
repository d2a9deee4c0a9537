"""What a release does to one service: each move can be made again after a crash, and takes effect once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from quant_platform_kit.domain.errors import Refused
from quant_platform_kit.domain.runs import Outcome

from quant_release.cloud.addresses import Said
from quant_release.cloud.calls import Changed, CloudError, Unclear
from quant_release.cloud.run_api import TrafficTarget
from quant_release.cloud.templates import failure_of, image_of
from quant_release.run.journal import Journal
from quant_release.run.service_records import Held, RevisionRecords, ServiceRecords
from quant_release.run.service_state import SETTINGS, Attempt, ServiceState

__all__ = ["Expected", "Moves"]

_POLL_SECONDS, _TRAFFIC_SECONDS = 0.1, 10.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What a revision has to say of itself; None and no package where nothing is known of it.

    Attributes
    ----------
    image
        What the environment names; one that was deployed by hand may name none.
    profile, display_name, input_mode
        Of the profile that the bundle names; they count once the environment is the bundle's.
    """

    service: str
    image: str | None
    commit: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    profile: str | None = None
    display_name: str | None = None
    input_mode: str | None = None

    @classmethod
    def again(cls, service: str, image: str | None, before: Said | None) -> Expected:
        """Return what a revision has to say that is to be as another one was."""
        if before is None:
            return cls(service, image)
        return cls(
            service, image, before.commit, before.packages, before.profile, before.display_name, before.input_mode
        )

    def mistakes(self, said: Said, revision: str, *, is_final: bool) -> list[str]:
        """Return where an answer differs from what is expected of a revision."""
        pairs: dict[str, tuple[str, str | None]] = {
            "service": (said.service, self.service),
            "revision": (said.revision, revision),
            "image": (said.image, self.image),
            "commit": (said.commit, self.commit),
            **{name: (said.packages.get(name, ""), commit) for name, commit in self.packages.items()},
        }
        if is_final:
            pairs |= {
                "profile": (said.profile, self.profile),
                "display name": (said.display_name, self.display_name),
                "input mode": (said.input_mode, self.input_mode),
            }
        return [
            f"{what} is {found or 'not told'} instead of {wanted}"
            for what, (found, wanted) in pairs.items()
            if wanted is not None and found != wanted
        ]


class Moves:
    """The moves of one service in one run.

    Parameters
    ----------
    state
        Returns what is known of the service now; ``forget`` makes it look again.
    """

    def __init__(
        self,
        state: Callable[[], ServiceState],
        forget: Callable[[], None],
        journal: Journal,
        run: str,
        expected: Expected,
    ) -> None:
        self._state_now, self._forget = state, forget
        self._journal, self._run, self._expected = journal, run, expected
        self._records = ServiceRecords(journal, run, state().name)

    @property
    def _state(self) -> ServiceState:
        return self._state_now()

    def _look_again(self) -> ServiceState:
        self._forget()
        return self._state

    # --- hold and drain ------------------------------------------------------------------------

    def hold(self) -> None:
        """Pause the job, then set the halt; what was there before is recorded first."""
        state = self._state
        if state.held is None:
            said = state.said
            document = state.deployed.document
            self._records.record_held(
                Held(
                    state.serving,
                    document.generation,
                    image_of(state.serving_revision),
                    state.job.name,
                    self._journal.who,
                    self._journal.store.now(),
                    None if isinstance(said, CloudError) else said,
                )
            )
        self._pause()
        self._set_hold(on=True)

    def _set_hold(self, *, on: bool) -> None:
        who = self._journal.who
        self._state.ledger.set_hold(who, f"release {self._run} by {who}", on=on)

    def _pause(self) -> None:
        """Pause the job; one that an operator has paused stays so for good."""
        state = self._state
        is_paused = state.world.scheduler.job(state.job.name).paused
        if not is_paused or state.owing:
            self._records.record_pausing()
        if not is_paused:
            state.world.scheduler.set_paused(state.job.name, paused=True)

    def drain(self) -> None:
        """Wait until the runs of its accounts have ended; nothing is cancelled."""
        found = self._state.ledger.unrest(self._state.world.terms.patience)
        if found:
            raise CloudError("; ".join(one.text for one in found))
        self._records.record_drained()

    # --- revisions -----------------------------------------------------------------------------

    def make(self, kind: str) -> None:
        """Make a revision of the run without traffic, or wait for one that was made, until it is ready."""
        state = self._state
        goal, attempt, tag = state.goal, state.attempt(kind), state.tag(kind)
        assert goal is not None  # the row is guarded
        if attempt.revision is None:
            traffic = (TrafficTarget(state.serving, 100), *state.other_tags)
            try:
                with self._naming_who_changed():
                    state.world.run.write_template(state.deployed, goal.template(kind), attempt.name, tag, traffic)
            except Unclear:
                if self._look_again().attempt(kind).revision is None:
                    raise
        self._wait_until_ready(attempt)
        if not self._has_address(attempt.name, tag) and attempt.revision is not None:
            self._give_address(attempt.name, tag)
        if not self._has_address(attempt.name, tag):
            raise CloudError(f"revision {attempt.name} is ready, and its tag {tag} has no address")

    def _has_address(self, revision: str, tag: str) -> bool:
        """Whether a revision can be asked: at the main address once it has the traffic, and the tag is gone."""
        return self._state.serving == revision or self._state.deployed.tag_address(tag) is not None

    def _give_address(self, revision: str, tag: str) -> None:
        """Ask once more for the address of a revision that an earlier process made, and that came without one."""
        state = self._state
        traffic = (TrafficTarget(state.serving, 100), *state.other_tags, TrafficTarget(revision, tag=tag))
        with self._naming_who_changed():
            state.world.run.write_traffic(state.deployed, traffic)
        self._look_again()

    def _wait_until_ready(self, attempt: Attempt) -> None:
        world = self._state.world
        deadline = world.clock.monotonic() + world.terms.timeout
        while True:
            revision = self._look_again().revision(attempt.name)
            if revision is None:
                raise CloudError(f"revision {attempt.name} was written, and is not there")
            if Attempt(attempt.name, revision).is_ready and not self._state.deployed.document.reconciling:
                return
            if (failed := failure_of(revision)) is not None:
                raise CloudError(f"revision {attempt.name} cannot start: {failed}")
            if world.clock.monotonic() > deadline:
                raise CloudError(f"revision {attempt.name} is not ready after {world.terms.timeout:g} s")
            world.clock.sleep(_POLL_SECONDS)

    @contextmanager
    def _naming_who_changed(self) -> Generator[None]:
        """Let a write that is refused, since the service is no longer what was read, say who changed what."""
        try:
            yield
        except Changed as error:
            state = self._look_again()
            by, what = state.deployed.last_change, state.differences()
            raise Changed(f"{state.name} was changed by {by}: {what} ({error})") from error

    def confirm(self, kind: str) -> None:
        """Ask a revision at its own address what it is."""
        state = self._state
        name, address = state.attempt(kind).name, state.deployed.tag_address(state.tag(kind))
        assert address is not None  # it was made
        self._require_said(address, name, is_final=kind == SETTINGS)
        state.world.addresses.require_ready(address, state.caller)
        RevisionRecords(self._journal, state.full_name, name).record("confirmed")

    def _require_said(self, address: str, revision: str, *, is_final: bool) -> Said:
        state = self._state
        said = state.world.addresses.version(address, state.caller)
        if wrong := self._expected.mistakes(said, revision, is_final=is_final):
            raise CloudError(f"{address}/version: {'; '.join(wrong)}")
        return said

    def shift(self, kind: str) -> None:
        """Give a revision all the traffic by name, and see that the main address answers with it."""
        state = self._state
        name = state.attempt(kind).name
        if state.deployed.serving != name:
            try:
                with self._naming_who_changed():
                    state.world.run.write_traffic(state.deployed, (TrafficTarget(name, 100), *state.other_tags))
            except Unclear:
                if self._look_again().deployed.serving != name:
                    raise
        self._wait_for_traffic(name)
        self._require_said(self._state.deployed.address, name, is_final=kind == SETTINGS)
        RevisionRecords(self._journal, state.full_name, name).record("answered")

    def _wait_for_traffic(self, name: str) -> None:
        clock = self._state.world.clock
        deadline = clock.monotonic() + _TRAFFIC_SECONDS
        while (found := self._look_again().deployed.serving) != name:
            if clock.monotonic() > deadline:
                raise CloudError(f"the traffic was given to {name}, and is still with {found or 'several revisions'}")
            clock.sleep(_POLL_SECONDS)

    def switch(self) -> None:
        """Give the service its environment, as a revision of its own, confirmed and shifted like the other."""
        name, served = self._state.attempt(SETTINGS).name, self._state.serving
        self.make(SETTINGS)
        state = self._state
        if state.serving not in (served, name) or not state.is_own(state.deployed.written_revision):
            raise Changed(
                f"{state.name} was changed by {state.deployed.last_change} while revision {name} started: "
                f"{state.serving} has the traffic, {state.differences()}"
            )
        if not self._state.seen("confirmed", name):
            self.confirm(SETTINGS)
        self.shift(SETTINGS)

    # --- probe and open ------------------------------------------------------------------------

    def probe(self) -> None:
        """Let the service run in mode probe, and see that it is what was meant."""
        state = self._state
        said = self._require_said(state.deployed.address, state.serving, is_final=True)
        if said.stale:
            raise CloudError(f"settings of a snapshot are there, and the profile takes none: {', '.join(said.stale)}")
        told = self._probed_accounts(said) if state.wanted.has_accounts else self._probed()
        RevisionRecords(self._journal, state.full_name, state.serving).record("probed", told)

    def _probed(self) -> str:
        """Let a service without accounts look at what its run needs; what is not there is an error."""
        state = self._state
        state.world.addresses.require_probe(f"{state.deployed.address}{state.wanted.trigger}", state.caller)
        return "all is there"

    def _probed_accounts(self, said: Said) -> str:
        reports = self._reports()
        for report in reports:
            if wrong := _mistakes(report, said):
                raise CloudError(f"the probe of account {report['account_id']}: {'; '.join(wrong)}")
        return "; ".join(f"{one['account_id']} {one['outcome']}: {', '.join(one['reasons'])}" for one in reports)

    def _reports(self) -> list[dict[str, Any]]:
        """Return the reports of a probe that looked: one that met an open run says so, and is made again."""
        state, clock = self._state, self._state.world.clock
        deadline = clock.monotonic() + state.world.terms.patience
        while True:
            reports = state.world.addresses.probe(state.deployed.address, state.caller)
            skipped = next((one for one in reports if one.get("outcome") == Outcome.SKIPPED.value), None)
            if skipped is None:
                return reports
            if clock.monotonic() > deadline:
                reasons = ", ".join(map(str, skipped.get("reasons") or ()))
                raise CloudError(f"the probe of account {skipped['account_id']} looked at nothing: {reasons}")
            clock.sleep(_POLL_SECONDS)

    def open(self) -> None:
        """Lift the halt of the release, and resume the job unless an operator had paused it."""
        state, held = self._state, self._records.held
        assert held is not None  # it was held
        self._set_hold(on=False)
        if owing := state.owing:
            state.world.scheduler.set_paused(held.job, paused=False)
            for records in owing:
                records.record_resumed()

    def open_by_hand(self, why: str) -> None:
        """Open a service that a person has looked at, once what serves answers.

        Raises
        ------
        Refused
            It was not held, or does not answer.
        """
        state = self._state
        if self._records.held is None:
            raise Refused(f"{state.name} is not held by this release")
        if isinstance(state.said, CloudError):
            raise Refused(f"{state.name} does not answer, and is not opened: {state.said}")
        if state.said.revision != state.serving:
            raise Refused(
                f"{state.name} is not opened: its address is answered by {state.said.revision}, and the traffic is "
                f"with {state.serving}"
            )
        self.open()
        self._records.record_opened(why)


def _mistakes(report: Mapping[str, Any], said: Said) -> list[str]:
    """Return where the report of a probe differs from what the service says of itself."""
    key: Mapping[str, Any] = report.get("key") or {}
    found = {
        "mode": (key.get("mode"), "probe"),
        "profile": (report.get("profile"), said.profile),
        "display name": (report.get("display_name"), said.display_name),
        "input mode": (report.get("input_mode"), said.input_mode),
    }
    wrong = [f"{what} is {value!r} instead of {wanted!r}" for what, (value, wanted) in found.items() if value != wanted]
    if said.input_mode == "snapshot" and not _features(report):
        wrong.append(f"no feature snapshot was read: {', '.join(map(str, report.get('reasons') or ()))}")
    if report.get("outcome") == Outcome.FAILED.value:
        wrong.append(f"it failed: {', '.join(map(str, report.get('reasons') or ()))}")
    return wrong


def _features(report: Mapping[str, Any]) -> object:
    """Return which feature snapshot a probe read, in the words of its report; nothing where it read none."""
    reasoning: Mapping[str, Any] = report.get("reasoning") or {}
    inputs: Mapping[str, Any] = reasoning.get("inputs") or {}
    return inputs.get("features")
