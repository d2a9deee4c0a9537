"""The carry rule: a REBALANCE stays due until it is executed, superseded or too old.

Without it a month-end run that was missed, blocked or half filled would be lost for a month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from quant_platform_kit.domain.portfolio import PortfolioSnapshot
from quant_platform_kit.domain.strategy import Action, AllocationIntent, TargetMode

__all__ = ["CARRY_SESSIONS", "Due", "Evaluated", "carried_intent", "due", "supersedes"]

ZERO = Decimal(0)
CARRY_SESSIONS = 3
"""Sessions after its own in which a decision may still be executed."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One session's recorded decision, as far as the rule needs it."""

    as_of: date
    action: Action
    executed: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be executed in a session.

    Attributes
    ----------
    as_of
        The session of the decision to execute; None when nothing is due.
    behind
        Sessions of REBALANCE decisions that grew too old since the last execution: the account is behind target.
    """

    as_of: date | None
    behind: tuple[date, ...]


def supersedes(action: Action, *, every_session: bool) -> bool:
    """Whether a decision takes the place of every earlier one, decided or BLOCKED until now.

    Parameters
    ----------
    every_session
        Whether the profile decides in every session, so that a HOLD supersedes too.
    """
    return action is Action.REBALANCE or (action is Action.HOLD and every_session)


def due(
    evaluated: Sequence[Evaluated],
    sessions: Sequence[date],
    *,
    every_session: bool,
    carry_sessions: int = CARRY_SESSIONS,
) -> Due:
    """Return the newest REBALANCE that is still to be executed.

    Parameters
    ----------
    evaluated
        Decisions by ascending session, the present one last; BLOCKED ones may be among them and decide nothing.
    sessions
        The calendar's sessions up to the present ``as_of``, ascending; at least those since the oldest decision that
        may matter.
    every_session
        Whether the profile decides in every session, so that a HOLD supersedes an older REBALANCE.
    """
    age = {session: n for n, session in enumerate(reversed(sessions))}
    newest: Evaluated | None = None
    for decision in evaluated:
        if supersedes(decision.action, every_session=every_session):
            newest = decision
    if newest is None or newest.action is not Action.REBALANCE or newest.executed:
        return Due(None, ())
    if age.get(newest.as_of, carry_sessions + 1) > carry_sessions:
        return Due(None, (newest.as_of,))
    return Due(newest.as_of, ())


def carried_intent(
    intent: AllocationIntent,
    holdings_then: Mapping[str, Decimal],
    base_then: Decimal,
    now: PortfolioSnapshot,
    spent: Mapping[str, Decimal],
) -> AllocationIntent:
    """Return an older intent in today's terms.

    Weights hold as they are. Value targets scale by base now / base then. A buy-only intent carries the amount it has
    not spent yet.

    Parameters
    ----------
    holdings_then
        Value per symbol of what was held when the intent was decided.
    spent
        Amount per symbol that runs have bought for it since.
    """
    if intent.target_mode is TargetMode.WEIGHT:
        return intent
    if intent.buy_only:
        done = {symbol: holdings_then.get(symbol, ZERO) + spent.get(symbol, ZERO) for symbol in intent.targets}
        targets = {s: now.value(s) + max(ZERO, target - done[s]) for s, target in intent.targets.items()}
    else:
        scale = now.base / base_then if base_then > 0 else Decimal(1)
        targets = {symbol: target * scale for symbol, target in intent.targets.items()}
    return replace(intent, targets={s: t.quantize(intent.target_mode.step) if t else t for s, t in targets.items()})
