"""Whether the code of today makes of past events what was made of them: normalized alike, and decided alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.events.envelope import Event, encode
from quant_platform_kit.events.errors import Unreadable

from event_trading_app.archive.files import Row
from event_trading_app.names import Topic
from event_trading_app.payloads import ExecuteTrade
from event_trading_app.reactor.commands import decided_again
from event_trading_app.reactor.deciding import Amounts
from event_trading_app.schemas import SCHEMAS

__all__ = ["Verdict", "judge"]

Normalize = Callable[[Event], list[Event]]


@dataclass(slots=True)
class Verdict:
    """What was compared, and what differs.

    Attributes
    ----------
    normalized, commands
        How many events were made again, and are the same.
    unreadable
        Raw events of which nothing can be made.
    differences
        In words, one for each event.
    """

    normalized: int = 0
    commands: int = 0
    unreadable: int = 0
    differences: list[str] = field(default_factory=list[str])


def judge(rows: Iterable[Row], normalize: Normalize) -> Verdict:
    """Return how the normalized events and commands among rows compare with what is made again.

    Parameters
    ----------
    rows
        Of raw and normalized events and commands of one span.
    """
    verdict, by_topic = Verdict(), dict[str, list[Row]]()
    for row in rows:
        by_topic.setdefault(row.event.event_type, []).append(row)
    # What the venue told twice came at two times, and was normalized twice.
    told, made = dict[str, set[bytes]](), dict[str, set[bytes]]()
    for row in by_topic.get(Topic.SWAP_DEMAND.value, []):
        told.setdefault(row.event.event_id, set()).add(row.message.value)
    for row in by_topic.get(Topic.RAW_QUOTE.value, []):
        try:
            for event in normalize(row.event):
                made.setdefault(event.event_id, set()).add(encode(event))
        except Unreadable:
            verdict.unreadable += 1
    _compare(told, made, verdict)
    for row in by_topic.get(Topic.EXECUTE_TRADE.value, []):
        _decide(row, verdict)
    return verdict


def _compare(told: dict[str, set[bytes]], made: dict[str, set[bytes]], verdict: Verdict) -> None:
    for name in sorted(told.keys() | made.keys()):
        if name not in made:
            verdict.differences.append(f"normalized event {name} has no raw event here that makes it")
        elif name not in told:
            verdict.differences.append(f"normalized event {name} is made now, and was not")
        elif told[name] != made[name]:
            verdict.differences.append(f"normalized event {name}: was {_told(told[name])}, is {_told(made[name])}")
        else:
            verdict.normalized += 1


def _told(values: set[bytes]) -> str:
    return " and ".join(map(repr, sorted(values)))


def _decide(row: Row, verdict: Verdict) -> None:
    try:
        command = SCHEMAS.check(row.event)
        assert isinstance(command, ExecuteTrade), row.event.event_type
        again = decided_again(command)
    except (Unreadable, InvalidInput) as error:
        verdict.differences.append(str(error))
        return
    was = Amounts(int(command.amount_in), int(command.amount_out))
    if again == was:
        verdict.commands += 1
    else:
        verdict.differences.append(f"command {command.command_id}: was {was}, is {again}")
