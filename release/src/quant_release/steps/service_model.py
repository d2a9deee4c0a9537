"""A service, its job and its ledger as a model check sees them: small enough that every state can be visited.

`ServiceModel` answers as `quant_release.run.scopes.services.ServiceSteps` does, and `ModelMoves` does what
`quant_release.run.service_moves.Moves` does, one durable effect after the other. Which row comes next, under which
guards, and how it is taken back is not said here: the table says it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from enum import Enum
from typing import NamedTuple

from quant_release.steps.table import Action, Guard, Stage

__all__ = [
    "BEFORE",
    "CODE",
    "SETTINGS",
    "Course",
    "Held",
    "Mistake",
    "ModelMoves",
    "Revision",
    "Service",
    "ServiceModel",
]

CODE, SETTINGS = "code", "settings"
SOMEBODY = -1
"""Who wrote the newest template, if no run did."""


class Revision(NamedTuple):
    """A revision; run 0 is before the release. ``image`` and ``profile`` are the new ones or not."""

    run: int
    kind: str
    number: int
    image: bool
    profile: bool


BEFORE = Revision(0, "", 1, image=False, profile=False)


class Mistake(Enum):
    """What a release must not have done, though what it left no longer shows it."""

    UNREST = "nothing is written while a run is open or an order works"
    OVERWRITTEN = "nobody else's write is overwritten"
    MADE_TWICE = "no revision is made twice, and no environment is written twice"
    PAUSED_TWICE = "no job is paused twice"
    RESUMED = "no job is resumed that an operator had paused"


class Held(NamedTuple):
    """A service as a run found it."""

    serving: Revision
    writes: int


class Service(NamedTuple):
    """A service, its job, its ledger and what the journal knows of it.

    Attributes
    ----------
    failed, ready
        Of the revisions that runs made; one that is in neither has not started yet.
    tagged
        Those with an address of their own.
    writes, newest
        How often the service was written, and by whom its newest template was: a run, `SOMEBODY`, 0 before.
    paused, paused_by_operator
        Whether the job is paused, and whether an operator paused it and nobody else resumed it.
    halted, halted_by_operator
        Whether an operator's halt is on, and whether an operator has set it and not lifted it.
    running
        Whether a run of its accounts is open, or an order works.
    held, drained, opened, owed
        By run: how it was found, whether it came to rest, whether a person opened it, whether a pause is to be ended.
    looked_at
        What serves was looked at by a person who opens it.
    pauses
        How often runs paused the job and nobody resumed it since.
    touched
        Somebody else wrote it since it was held.
    """

    serving: Revision = BEFORE
    made: frozenset[Revision] = frozenset()
    failed: frozenset[Revision] = frozenset()
    ready: frozenset[Revision] = frozenset()
    tagged: frozenset[Revision] = frozenset()
    confirmed: frozenset[Revision] = frozenset()
    answered: frozenset[Revision] = frozenset()
    probed: frozenset[Revision] = frozenset()
    writes: int = 0
    newest: int = 0
    paused: bool = False
    paused_by_operator: bool = False
    hold: bool = False
    halted: bool = False
    halted_by_operator: bool = False
    running: bool = False
    held: tuple[tuple[int, Held], ...] = ()
    drained: frozenset[int] = frozenset()
    opened: frozenset[int] = frozenset()
    owed: frozenset[int] = frozenset()
    looked_at: Revision | None = None
    pauses: int = 0
    touched: bool = False
    mistakes: frozenset[Mistake] = frozenset()

    def held_by(self, run: int) -> Held | None:
        """Return how a run found it, None before."""
        return next((held for one, held in self.held if one == run), None)

    def but(self, mistake: Mistake, *, when: bool) -> Service:
        """Return it with a mistake made, if one was."""
        return self._replace(mistakes=self.mistakes | {mistake}) if when else self


class Course(NamedTuple):
    """What is done with services: ``back`` is the run that is rolled back, 0 where none is.

    Attributes
    ----------
    built
        Whether the image is in the journal.
    wrong
        Guards that do not hold of the services, whatever is done.
    """

    run: int
    back: int = 0
    is_switch: bool = False
    built: bool = True
    wrong: frozenset[Guard] = frozenset()


class ServiceModel:
    """What is answered about one service in one state."""

    def __init__(self, service: Service, course: Course) -> None:
        self.service, self.course = service, course

    # --- what it is to be ----------------------------------------------------------------------

    @property
    def held(self) -> Held | None:
        """How this run found it."""
        return self.service.held_by(self.course.run)

    @property
    def predecessor(self) -> Held | None:
        """Of a rollback, how the run that is rolled back found it."""
        return self.service.held_by(self.course.back) if self.course.back else None

    @property
    def owes(self) -> bool:
        """Whether a pause of this run, or of the one that is rolled back, is to be ended."""
        return bool({self.course.run, self.course.back} & self.service.owed)

    def goal(self, kind: str) -> tuple[bool, bool] | None:
        """Return image and profile of a revision to be made, None before the image is built."""
        if self.predecessor is not None:
            return self.predecessor.serving.image, self.predecessor.serving.profile
        base = self.held.serving if self.held else self.service.serving
        return (True, base.profile if kind == CODE else True) if self.course.built else None

    def attempt(self, kind: str) -> Revision:
        """Return the revision of a kind that the run made, or is to make next."""
        goal = self.goal(kind)
        assert goal is not None  # the rows are guarded
        number = 1 + sum(one[:2] == (self.course.run, kind) for one in self.service.failed)
        return Revision(self.course.run, kind, number, *goal)

    def _serves(self, kind: str) -> bool:
        serving = self.service.serving
        if self.predecessor is not None and self.predecessor.serving == serving and self.service.newest == serving.run:
            return True
        return serving in self.service.answered and serving[3:] == self.goal(kind)

    # --- questions -----------------------------------------------------------------------------

    def stage(self) -> Stage:
        """Return how far it has come."""
        service, run = self.service, self.course.run
        if self.goal(CODE) is None:
            return Stage.START
        if self._is_open():
            return Stage.OPEN
        if self.held is None or not service.hold or not service.paused:
            return Stage.START
        return self._stage_of_revisions() if run in service.drained else Stage.HELD

    def _is_open(self) -> bool:
        service = self.service
        if service.hold or (service.paused and self.owes):
            return False
        if self.course.run in service.opened:
            return True
        return self._serves(SETTINGS) and service.serving in service.probed

    def _stage_of_revisions(self) -> Stage:
        service = self.service
        if self._serves(SETTINGS):
            return Stage.PROBED if service.serving in service.probed else Stage.SWITCHED
        if self._serves(CODE) or service.serving == self.attempt(SETTINGS):
            return Stage.SHIFTED
        code = self.attempt(CODE)
        if code not in service.ready or (code not in service.tagged and code != service.serving):
            return Stage.DRAINED
        return Stage.CONFIRMED if code in service.confirmed else Stage.DEPLOYED

    def missing(self, guard: Guard) -> bool:
        """Whether a guard does not hold."""
        service, course = self.service, self.course
        answers: Mapping[Guard, Callable[[], bool]] = {
            Guard.IMAGE: self._lacks_image,
            Guard.AT_REST: lambda: service.running,
            Guard.HOLD: lambda: not (service.hold and service.paused),
            Guard.UNTOUCHED: self._is_touched,
        }
        if guard is Guard.PROFILE and course.back:
            return False
        return answers[guard]() if guard in answers else guard in course.wrong

    def _lacks_image(self) -> bool:
        service, course = self.service, self.course
        if course.back:
            return self.held is None and service.serving.run not in (0, course.back)
        if not course.built:
            return True
        is_served = service.serving.image and service.serving in service.answered
        return course.is_switch and self.held is None and not is_served

    def _is_touched(self) -> bool:
        service, held = self.service, self.held
        if held is None:
            return False
        if service.writes != held.writes and service.newest != self.course.run:
            return True
        known = [self.attempt(kind) for kind in (CODE, SETTINGS) if self.goal(kind) is not None]
        own = [one for one in known if one in service.made]
        answered = [one for one in own if one in service.answered]
        left = answered[-1] if answered else held.serving
        return service.serving not in (left, *(one for one in own if one not in answered))

    def may_be_taken_back(self) -> bool:
        """Whether the hold may be lifted: what serves then was open before, or was probed."""
        service, held, before = self.service, self.held, self.predecessor
        if held is None:
            return before is None or not (service.hold or self.owes)
        if service.serving in service.probed:
            return True
        was_open = before is None or before.serving == service.serving or self.course.back in service.opened
        return service.serving == held.serving and was_open


Effects = Iterator[Service]
"""The states that an action leads to, after each of its durable effects; `ModelMoves.now` may change in between."""


class ModelMoves:
    """The moves of one service in one run, planned on one state.

    Attributes
    ----------
    now
        The state as it is; whoever drives the moves sets it.
    starts
        Whether a revision that is made can start.
    """

    def __init__(self, plan: ServiceModel, *, starts: bool = True) -> None:
        self.plan, self.now, self.starts = plan, plan.service, starts

    def effects(self, action: Action) -> Effects:
        """Return what an action does."""
        moves: Mapping[Action, Callable[[], Effects]] = {
            Action.HOLD: self.hold,
            Action.DRAIN: self.drain,
            Action.DEPLOY: lambda: self.make(CODE),
            Action.CONFIRM: lambda: self.confirm(CODE),
            Action.SHIFT: lambda: self.shift(CODE, self.now.writes),
            Action.SWITCH: self.switch,
            Action.PROBE: self.probe,
            Action.OPEN: self.open,
        }
        return moves[action]()

    @property
    def _run(self) -> int:
        return self.plan.course.run

    # --- hold and drain ------------------------------------------------------------------------

    def hold(self) -> Effects:
        """Record what is there, pause the job, set the halt."""
        if self.plan.held is None:
            held = Held(self.plan.service.serving, self.plan.service.writes)
            found = self.now._replace(held=(*self.now.held, (self._run, held)))
            yield found._replace(touched=found.writes != held.writes)
        was_paused = self.now.paused
        if not was_paused or self.plan.owes:
            yield self.now._replace(owed=self.now.owed | {self._run})
        if not was_paused:
            paused = self.now._replace(paused=True, pauses=min(2, self.now.pauses + 1))
            yield paused.but(Mistake.PAUSED_TWICE, when=paused.pauses > 1)
        yield self.now._replace(hold=True)

    def drain(self) -> Effects:
        """Record that the accounts are at rest, if they are."""
        if not self.now.running:
            yield self.now._replace(drained=self.now.drained | {self._run})

    # --- revisions -----------------------------------------------------------------------------

    def make(self, kind: str) -> Generator[Service, None, bool]:
        """Make a revision and wait for it; return whether it has started and has an address."""
        revision, planned = self.plan.attempt(kind), self.plan.service.writes
        if revision not in self.plan.service.made:
            if self.now.writes != planned:
                return False
            yield self._written(revision)
        if revision not in self.now.ready:
            if not self.starts:
                yield self.now._replace(failed=self.now.failed | {revision})
                return False
            yield self.now._replace(ready=self.now.ready | {revision})
        return revision in self.now.tagged or revision == self.now.serving

    def _written(self, revision: Revision) -> Service:
        now = self.now
        twin = any(one[:2] == revision[:2] and one not in now.failed for one in now.made)
        tagged = frozenset(one for one in now.tagged if one.run != self._run) | {revision}
        made = now._replace(made=now.made | {revision}, tagged=tagged, newest=self._run)
        return self._marked(made).but(Mistake.MADE_TWICE, when=twin)

    def _marked(self, written: Service) -> Service:
        """Return a state with one more write of this run, and what was wrong with it."""
        service = written._replace(writes=written.writes + 1)
        return service.but(Mistake.UNREST, when=service.running).but(Mistake.OVERWRITTEN, when=service.touched)

    def confirm(self, kind: str) -> Effects:
        """Record that a revision said what it was meant to be."""
        yield self.now._replace(confirmed=self.now.confirmed | {self.plan.attempt(kind)})

    def shift(self, kind: str, planned: int) -> Effects:
        """Give a revision the traffic, record that it answers."""
        revision = self.plan.attempt(kind)
        if self.now.serving != revision:
            if self.now.writes != planned:
                return
            tagged = frozenset(one for one in self.now.tagged if one.run != self._run)
            yield self._marked(self.now._replace(serving=revision, tagged=tagged))
        if self.now.serving == revision:
            yield self.now._replace(answered=self.now.answered | {revision})

    def switch(self) -> Effects:
        """Make the settings' revision, confirm it and give it the traffic."""
        revision, served = self.plan.attempt(SETTINGS), self.plan.service.serving
        if not (yield from self.make(SETTINGS)):
            return
        planned = self.now.writes
        if self.now.newest != self._run or self.now.serving not in (served, revision):
            return
        if revision not in self.now.confirmed:
            yield from self.confirm(SETTINGS)
        yield from self.shift(SETTINGS, planned)

    # --- probe and open ------------------------------------------------------------------------

    def probe(self) -> Effects:
        """Record that what serves was probed."""
        yield self.now._replace(probed=self.now.probed | {self.plan.service.serving})

    def open(self) -> Effects:
        """Lift the halt, resume the job unless it was paused before."""
        yield self.lifted()
        if self.resumes():
            resumed = self.now._replace(paused=False, pauses=0)
            yield resumed.but(Mistake.RESUMED, when=resumed.paused_by_operator)
        yield self.now._replace(owed=self.now.owed - {self._run, self.plan.course.back})

    def lifted(self) -> Service:
        """Return the state without the halt of the release."""
        return self.now._replace(hold=False)

    def resumes(self) -> bool:
        """Whether the job is to be resumed."""
        return self.plan.owes and self.now.paused

    def open_by_hand(self) -> Effects:
        """Open it for a person who has looked at it."""
        self.now = self.now._replace(looked_at=self.now.serving)
        yield from self.open()
        yield self.now._replace(opened=self.now.opened | {self._run})
