"""From inputs to what is due: the decisions of this session and of any missed before it, and the one to execute."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from quant_platform_kit.domain.carry import CARRY_SESSIONS, Due, Evaluated, carried_intent, due, supersedes
from quant_platform_kit.domain.cycle import Decided, ExecutionPolicy, Observation, decide
from quant_platform_kit.domain.portfolio import PortfolioSnapshot
from quant_platform_kit.domain.runs import RecordedDecision
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import Action, AllocationIntent, BoundStrategy
from quant_platform_kit.services.record.ledger import DecisionLedger

__all__ = ["MADE_UP_SESSIONS", "Deciding", "Situation"]

MOST_MISSED = 45
"""Sessions back to which missed decisions are made up for; older ones could not be executed any more."""
ENTRY_SESSIONS = 70
"""Sessions back to which `--enter-now` looks for the decision that would still be held."""
MADE_UP_SESSIONS = max(MOST_MISSED, ENTRY_SESSIONS)
"""Sessions of history beyond a rule's own, so that missed sessions see as much as they would have."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a run decided and what follows.

    Attributes
    ----------
    today
        The decision of the present session.
    due
        Which decision is to be executed, and which grew too old.
    intent
        What to execute, in today's terms; None when nothing is due.
    digest
        Of the decision that is due.
    digests
        Of every decision evaluated now, by the session it is for (ISO date).
    carried
        Whether an earlier run recorded the decision that is due.
    """

    today: Decided
    due: Due
    intent: AllocationIntent | None
    digest: str | None
    digests: Mapping[str, str]
    carried: bool = False


@dataclass(frozen=True, slots=True)
class Deciding:
    """Everything a decision needs, for the present session and for missed ones.

    Attributes
    ----------
    undecided_since
        The first session that the profile was asked for on the account, and could not decide.
    """

    strategy: BoundStrategy
    policy: ExecutionPolicy
    calendar: ExchangeCalendar
    ledger: DecisionLedger
    run_id: str
    undecided_since: date | None = None
    carry_sessions: int = CARRY_SESSIONS

    def sessions(self, as_of: date, *, enter_now: bool) -> tuple[date, ...]:
        """Return the sessions that a run of ``as_of`` decides, that one last."""
        return (*self._missed(as_of, self.ledger.history(), enter_now=enter_now), as_of)

    def situation(self, now_of: Observation, *, enter_now: bool) -> Situation:
        """Decide every session since the last one decided, record the decisions, and say what is due.

        Missed sessions are decided with today's portfolio.
        """
        session = now_of.session
        known = self.ledger.history()
        made = {decision.as_of: decision for decision in known}
        today = decide(self.strategy, now_of, self.policy)
        evaluated = [
            decide(self.strategy, self._seen(missed, now_of), self.policy)
            for missed in self._missed(session.date, known, enter_now=enter_now)
        ]
        evaluated.append(today)
        for decided in evaluated:
            self._record(decided, made)
        digests = {decided.decision.as_of.isoformat(): decided.digest for decided in evaluated}
        ordered = sorted(made.values(), key=lambda decision: decision.as_of)
        ruling = self._due(
            ordered, session.date, enter_now=enter_now and not any(decision.executed for decision in known)
        )
        if known:
            ruling = replace(ruling, behind=(*self._lost(session.date, known, ordered), *ruling.behind))
        if ruling.as_of is None or today.portfolio is None:
            return Situation(today, ruling, None, None, digests)
        recorded = self.ledger.read(ruling.as_of, Action.REBALANCE)
        intent = self._in_todays_terms(recorded, session.date, today.portfolio)
        carried = any(decision.as_of == ruling.as_of for decision in known)
        return Situation(today, ruling, intent, recorded.digest, digests, carried)

    def _missed(self, as_of: date, known: list[Evaluated], *, enter_now: bool) -> tuple[date, ...]:
        """Return the earlier sessions to decide now: those that no run reached, and those that were BLOCKED until now.

        A BLOCKED decision is recorded nowhere, so both are sessions without a record. One that lies before the newest
        record is decided as long as its decision could still be carried.
        """
        if not known and enter_now:
            return self._back(as_of, ENTRY_SESSIONS)[:-1]
        if not known:
            since = self.undecided_since or as_of
            return tuple(session for session in self._back(as_of, self.carry_sessions + 1)[:-1] if session >= since)
        newest = max(decision.as_of for decision in known)
        young = self._back(as_of, self.carry_sessions + 1)
        return tuple(
            session
            for session in self._undecided(self._back(as_of, MOST_MISSED + 1)[:-1], known)
            if session > newest or session in young
        )

    def _lost(self, as_of: date, known: Collection[Evaluated], made: Collection[Evaluated]) -> tuple[date, ...]:
        """Return the session that the rule was to decide on and could not until it was too old, if there is one.

        It is told once, by the first run that comes too late for it: those before may not have taken place. While no
        session can be decided, it is told again.
        """
        decides = self.strategy.manifest.cadence.decides
        newest = max(decision.as_of for decision in known)
        begun, young = self._back(newest, self.carry_sessions + 1), self._back(as_of, self.carry_sessions + 1)
        aged = (past for past in self._back(as_of, MOST_MISSED + 1) if begun[0] <= past < young[0])
        return self._undecided((past for past in aged if decides(self.calendar.session(past))), made)[-1:]

    def _undecided(self, sessions: Iterable[date], made: Collection[Evaluated]) -> tuple[date, ...]:
        """Return those of some sessions that have no decision, and that none after them supersedes."""
        recorded = {decision.as_of for decision in made}
        begun = min(*sorted(recorded)[:1], self.undecided_since or date.max, date.max)
        every_session = self.strategy.manifest.every_session
        newer = (past.as_of for past in made if supersedes(past.action, every_session=every_session))
        last = max(newer, default=date.min)
        return tuple(session for session in sessions if session not in recorded and session >= begun and session > last)

    def _back(self, as_of: date, count: int) -> tuple[date, ...]:
        sessions = self.calendar.sessions
        stop = sessions.index(as_of) + 1
        return sessions[max(0, stop - count) : stop]

    def _seen(self, as_of: date, now_of: Observation) -> Observation:
        return replace(now_of, session=self.calendar.session(as_of))

    def _record(self, decided: Decided, made: dict[date, Evaluated]) -> None:
        decision = decided.decision
        if decision.action is Action.BLOCKED or decided.portfolio is None or decision.as_of in made:
            return
        holdings = {position.symbol: position.value for position in decided.portfolio.positions}
        self.ledger.record(RecordedDecision(decision, decided.digest, self.run_id, decided.portfolio.base, holdings))
        made[decision.as_of] = Evaluated(decision.as_of, decision.action)

    def _due(self, ordered: list[Evaluated], as_of: date, *, enter_now: bool) -> Due:
        carry = ENTRY_SESSIONS if enter_now else self.carry_sessions
        return due(
            ordered,
            self._back(as_of, max(carry, MOST_MISSED) + 1),
            every_session=self.strategy.manifest.every_session,
            carry_sessions=carry,
        )

    def _in_todays_terms(
        self, recorded: RecordedDecision, as_of: date, portfolio: PortfolioSnapshot
    ) -> AllocationIntent:
        intent = recorded.decision.intent
        assert intent is not None, "only a REBALANCE is due"
        if recorded.decision.as_of == as_of and recorded.run_id == self.run_id:
            return intent
        spent = self.ledger.spent(recorded.decision.as_of) if intent.buy_only else {}
        return carried_intent(intent, recorded.holdings, recorded.base, portfolio, spent)
