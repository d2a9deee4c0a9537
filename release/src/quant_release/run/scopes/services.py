"""Services: held, given the image and then the environment of the bundle, looked at, and opened again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from quant_platform_kit.adapters.platforms import read_platform
from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.errors import QuantError, Refused

from quant_release.bundle import Service, is_of_platform
from quant_release.cloud.calls import NotThere
from quant_release.cloud.templates import image_of
from quant_release.cloud.world import ServiceWorld
from quant_release.repository.versions import tag_name
from quant_release.repository.workspace import RUN, App
from quant_release.run.guards.services import ServiceGuards
from quant_release.run.journal import Journal
from quant_release.run.reading import Reading
from quant_release.run.scopes.images import ImageSteps
from quant_release.run.service_moves import Expected, Moves
from quant_release.run.service_plan import commands_of, diff_of
from quant_release.run.service_state import CODE, SETTINGS, Course, Goal, ServiceState, Wanted
from quant_release.run.service_views import aspects
from quant_release.run.tools import Tools
from quant_release.steps.machine import Subject
from quant_release.steps.table import Action, Guard, Row, Scope, Stage, Undo

__all__ = ["ServiceSteps"]


class ServiceSteps:
    """Answers and acts for the services of a bundle.

    Attributes
    ----------
    course
        What is done with them.
    """

    def __init__(self, tools: Tools, reading: Reading, images: ImageSteps, world: ServiceWorld) -> None:
        self.tools, self.reading, self.images, self.world = tools, reading, images, world
        self.course = Course()
        self._states: dict[str, ServiceState] = {}

    def refresh(self) -> None:
        """Forget what was read."""
        self._states = {}

    def service(self, subject: Subject) -> Service:
        """Return what the bundle says of a service."""
        return self.reading.bundle.services[subject.name]

    def state(self, subject: Subject) -> ServiceState:
        """Return what is known of a service now."""
        if subject.name not in self._states:
            service = self.service(subject)
            manifest = catalog()[service.profile].manifest if service.profile else None
            built = self.images.recorded(Subject(Scope.IMAGE, service.image))
            app, mode = self._app(service), manifest.input_mode if manifest else None
            is_platform = is_of_platform(service, app)
            trigger = RUN if is_platform else service.trigger or next(iter(app.triggers), RUN)
            wanted = Wanted(service, mode, built.reference if built else None, trigger, is_platform)
            self._states[subject.name] = ServiceState(self.world, self.tools.journal, self.course, subject.name, wanted)
        return self._states[subject.name]

    def _app(self, service: Service) -> App:
        return self.reading.observed.workspace.apps[service.platform]

    # --- where services are --------------------------------------------------------------------

    def stage(self, subject: Subject) -> Stage:
        """Return how far a service has come."""
        try:
            return _stage(self.state(subject))
        except (NotThere, Refused):  # the guards of the first step say what is wrong
            return Stage.START

    def missing(self, guard: Guard, subject: Subject) -> str | None:
        """Return what is missing for a guard to hold."""
        return self._guards(subject).missing(guard)

    def _guards(self, subject: Subject) -> ServiceGuards:
        service, desired = self.service(subject), self.reading.desired
        app = self._app(service)
        pins = tuple(str(pin) for pin in desired.pins(app.name))
        return ServiceGuards(
            self.state(subject),
            read_platform(self.reading.git.root / app.platform) if is_of_platform(service, app) else None,
            {profile: strategy.manifest for profile, strategy in catalog().items()},
            self.images.recorded(Subject(Scope.IMAGE, service.image)),
            pins,
            is_switch=self.course.is_switch,
        )

    # --- what is done --------------------------------------------------------------------------

    def act(self, action: Action, subject: Subject) -> None:
        """Do what a row says."""
        moves = self._moves(subject)
        actions: Mapping[Action, Callable[[], None]] = {
            Action.HOLD: moves.hold,
            Action.DRAIN: moves.drain,
            Action.DEPLOY: lambda: moves.make(CODE),
            Action.CONFIRM: lambda: moves.confirm(CODE),
            Action.SHIFT: lambda: moves.shift(CODE),
            Action.SWITCH: moves.switch,
            Action.PROBE: moves.probe,
            Action.OPEN: moves.open,
        }
        actions[action]()

    def undo(self, undo: Undo, subject: Subject) -> bool:
        """Take a row back; return whether there was anything that could be."""
        if undo is Undo.REOPEN:
            self._require_reopenable(subject)
            self._moves(subject).open()
            return True
        raise Refused(f"{subject} has a revision of this release: {self._ways(subject)}")

    def open_by_hand(self, subject: Subject, why: str) -> None:
        """Lift the hold of a service that a person has looked at."""
        self._moves(subject).open_by_hand(why)
        self.refresh()

    def reopen_half_held(self, subject: Subject) -> None:
        """Resume the job of a service whose hold was begun and not finished."""
        if self.stage(subject) is not Stage.START:
            return
        self._require_reopenable(subject)
        if self.state(subject).held is not None:
            self._moves(subject).open()
            self.refresh()

    def is_at_goal(self, subject: Subject) -> bool:
        """Whether it serves what it is to be: one that a person opened may not."""
        state = self.state(subject)
        return state.goal is not None and state.serves(state.goal.image, state.goal.final)

    def is_held(self, subject: Subject) -> bool:
        """Whether it is held, or its job paused, by this run or the one that is rolled back."""
        return self.state(subject).is_held

    def _require_reopenable(self, subject: Subject) -> None:
        if not self.state(subject).may_be_reopened:
            raise Refused(f"{subject} is held for what serves now, which nobody has probed: {self._ways(subject)}")

    def _moves(self, subject: Subject) -> Moves:
        return Moves(lambda: self.state(subject), self.refresh, self._journal, self._run, self._expected(subject))

    def _expected(self, subject: Subject) -> Expected:
        """Return what a revision has to say of itself."""
        state, service, goal = self.state(subject), self.service(subject), self.state(subject).goal
        profile = catalog()[service.profile].manifest if service.profile else None
        before = state.predecessor.before if state.predecessor else None
        if state.predecessor is not None:
            told = next((one.value for one in goal.final if one.name == "IMAGE"), None) if goal else None
            return Expected.again(subject.name, told, before)
        built = self.images.recorded(Subject(Scope.IMAGE, service.image))
        remote, versions = self.reading.observed.remote.tags, self.reading.desired.versions
        uses = self._app(service).uses
        packages = {name: remote.get(tag_name(name, versions[name]), "") for name in uses}
        return Expected(
            subject.name,
            goal.image if goal else "",
            built.commit if built else None,
            packages,
            profile.profile if profile else None,
            profile.display_name if profile else None,
            profile.input_mode if profile else None,
        )

    @property
    def _journal(self) -> Journal:
        return self.tools.to_record()

    @property
    def _run(self) -> str:
        if self.course.run is None:
            raise Refused("no run is open: nothing is moved")
        return self.course.run

    # --- what is to come, and what others see --------------------------------------------------

    def identity(self, subject: Subject) -> str:
        """Return what others see of a service, in a line."""
        found = aspects(self.state(subject))
        return f"{found['image']} in {found['traffic']}"

    def aspects(self, subject: Subject) -> Mapping[str, str]:
        """Return what others see of a service, by what it is about; drift compares each."""
        return aspects(self.state(subject))

    def standing(self, subject: Subject) -> str:
        """Return what is live now of a service, and what to type, for whoever reads of a step that failed."""
        state = self.state(subject)
        try:
            live = f"live now: revision {state.serving}, image {image_of(state.serving_revision)}"
            held = state.ledger.hold()
            hold = f"held since {held.at:%H:%M:%S} UTC" if held else "not held"
            job = "job paused" if state.job.paused else "job not paused"
            return f"{live}; {hold}, {job}; type: {self._ways(subject)}"
        except QuantError as error:  # the ledger's and the journal's, too
            return f"what is live now cannot be told ({error}); type: {self._ways(subject)}"

    def _ways(self, subject: Subject) -> str:
        name = self.reading.bundle.name
        command = "rollback" if self.course.back else "switch" if self.course.is_switch else "apply"
        ways = f"release {command} {name} --resume"
        return ways if self.course.back else f"{ways}, or release rollback {name} --service {subject.name}"

    def commands(self, row: Row, subject: Subject) -> Sequence[str]:
        """Return what a row does, as it could be typed."""
        return commands_of(row.action, self.state(subject))

    def diff(self, row: Row, subject: Subject) -> str:
        """Return what a row changes of the environment."""
        return diff_of(row.action, self.state(subject))


def _stage(state: ServiceState) -> Stage:
    goal = state.goal
    if goal is None:
        return Stage.START
    if _is_open(state, goal):
        return Stage.OPEN
    if state.held is None or state.ledger.hold() is None or not state.job.paused:
        return Stage.START
    if state.records is None or not state.records.drained:
        return Stage.HELD
    return _stage_of_revisions(state, goal)


def _is_open(state: ServiceState, goal: Goal) -> bool:
    if state.ledger.hold() is not None or (state.job.paused and state.owing):
        return False
    if state.records is not None and state.records.opened:
        return True
    return state.serves(goal.image, goal.final) and state.seen("probed", state.serving)


def _stage_of_revisions(state: ServiceState, goal: Goal) -> Stage:
    """Return the stage of a service that is held and at rest."""
    if state.serves(goal.image, goal.final):
        return Stage.PROBED if state.seen("probed", state.serving) else Stage.SWITCHED
    if state.serves(goal.image, goal.code):
        return Stage.SHIFTED
    if state.is_own(state.serving) and state.serving == state.attempt(SETTINGS).name:
        return Stage.SHIFTED  # it has the traffic, and was not seen to answer
    code = state.attempt(CODE)
    has_address = state.serving == code.name or state.deployed.tag_address(state.tag(CODE)) is not None
    if not code.is_ready or not has_address:
        return Stage.DRAINED
    return Stage.CONFIRMED if state.seen("confirmed", code.name) else Stage.DEPLOYED
