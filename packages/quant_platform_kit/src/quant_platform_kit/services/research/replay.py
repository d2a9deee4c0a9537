"""Past decisions, made again from what was recorded, and compared with what the report says of them."""

from __future__ import annotations

import os
import sys
import threading
import zoneinfo
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from quant_platform_kit.domain.cycle import Observation, decide
from quant_platform_kit.domain.digests import canonical_json
from quant_platform_kit.domain.errors import InvalidInput, QuantError, StoreError
from quant_platform_kit.domain.runs import RunReport
from quant_platform_kit.domain.sessions import ExchangeCalendar
from quant_platform_kit.domain.strategy import BoundStrategy
from quant_platform_kit.services.record.recorded_inputs import InputStore, RecordedInputs
from quant_platform_kit.services.record.report_store import ReportStore

__all__ = ["Finder", "Redecided", "Replay", "ReplayVerdict", "isolated", "replay", "replay_run"]

Finder = Callable[[str, Mapping[str, object]], BoundStrategy]
"""Finds the strategy of a profile and binds it to a recorded configuration; `InvalidInput` if it cannot."""


class ReplayVerdict(StrEnum):
    """What a replay found."""

    EQUAL = "equal"
    DIFFERS = "differs"
    DAMAGED = "damaged"
    NOT_REPLAYED = "not replayed"
    NOTHING = "nothing to replay"


@dataclass(frozen=True, slots=True)
class Redecided:
    """A decision by its session, with the digest in the report and the one it has now."""

    as_of: date
    recorded: str
    redecided: str

    @property
    def equal(self) -> bool:
        """Whether both are the same."""
        return self.recorded == self.redecided


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of replaying a run.

    Attributes
    ----------
    profile, as_of
        None when the report cannot be read.
    why
        Unless the verdict is `ReplayVerdict.EQUAL`: what is wrong, in words.
    decisions
        Ascending by session; missed sessions that the run made up for are among them.
    """

    run_id: str
    profile: str | None
    as_of: date | None
    verdict: ReplayVerdict
    why: str = ""
    decisions: tuple[Redecided, ...] = ()


def replay_run(run_id: str, reports: ReportStore, find: Finder, calendar: ExchangeCalendar) -> Replay:
    """Replay one run by its id; what stands in the way is part of the answer, so that others can be replayed."""
    report: RunReport | None = None
    try:
        report = _report(run_id, reports)
        return replay(report, reports.inputs, find, calendar)
    except QuantError as error:
        verdict = ReplayVerdict.DAMAGED if isinstance(error, StoreError) else ReplayVerdict.NOT_REPLAYED
        return Replay(run_id, report and report.profile, report and report.as_of, verdict, str(error))


def replay(report: RunReport, inputs: InputStore, find: Finder, calendar: ExchangeCalendar) -> Replay:
    """Decide again what a run decided, from its recorded inputs alone.

    Everything is read first; then each decision is made without network, programs or files.

    Raises
    ------
    StoreError
        A recorded object is missing or was changed; the message names it.
    InvalidInput
        The strategy is not installed, is another version, cannot decide, or reached for something else.
    """
    reasoning = report.reasoning
    if reasoning is None or reasoning.inputs.digest is None:
        why = "its inputs were not recorded" if reasoning or report.action else "it ended before it decided"
        return Replay(report.run_id, report.profile, report.as_of, ReplayVerdict.NOTHING, why)
    recorded, seen = inputs.read(reasoning.inputs.digest)
    strategy = find(recorded.profile, recorded.config)
    _check_fits(strategy, recorded, seen)
    decisions = tuple(
        _redecide(strategy, _as_seen(date.fromisoformat(as_of), seen, calendar), recorded, digest)
        for as_of, digest in sorted(reasoning.digests.items())
    )
    differing = ", ".join(str(decision.as_of) for decision in decisions if not decision.equal)
    verdict, why = (
        (ReplayVerdict.DIFFERS, f"decides otherwise on {differing}") if differing else (ReplayVerdict.EQUAL, "")
    )
    return Replay(report.run_id, report.profile, report.as_of, verdict, why, decisions)


def _report(run_id: str, reports: ReportStore) -> RunReport:
    report = reports.find(run_id)
    if report is None:
        raise StoreError(f"runs/{run_id} is not in the report store; check the id, or restore it from a backup")
    if report.run_id != run_id:
        raise StoreError(f"runs/{run_id} holds the report of run {report.run_id}; restore it from a backup")
    return report


def _as_seen(as_of: date, seen: Observation, calendar: ExchangeCalendar) -> Observation:
    """Return what the run saw when it decided ``as_of``: of a missed session, all but the session is the run's own."""
    return seen if as_of == seen.session.date else replace(seen, session=calendar.session(as_of))


def _check_fits(strategy: BoundStrategy, recorded: RecordedInputs, seen: Observation) -> None:
    """Refuse a strategy that cannot be the one that decided, saying how it can be told."""
    profile = strategy.manifest.profile
    if profile != recorded.profile:
        raise InvalidInput(f"the strategy is of profile {profile}, the run of {recorded.profile}")
    own, then = strategy.config_values, recorded.config
    other = sorted(name for name in {*own, *then} if _setting(own, name) != _setting(then, name))
    if other:
        raise InvalidInput(f"the installed {profile} has other settings than the one that decided: {', '.join(other)}")
    if absent := sorted({*strategy.manifest.history_symbols} - {*seen.history.symbols}):
        raise InvalidInput(f"the installed {profile} reads prices that were not recorded: {', '.join(absent)}")


def _setting(config: Mapping[str, object], name: str) -> bytes | None:
    return canonical_json(config[name]) if name in config else None


def _redecide(strategy: BoundStrategy, seen: Observation, recorded: RecordedInputs, digest: str) -> Redecided:
    with isolated(f"{strategy.manifest.profile} on {seen.session.date}"):
        decided = decide(strategy, seen, recorded.policy)
    return Redecided(seen.session.date, digest, decided.digest)


# --- a decision sees its inputs and nothing else ------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class _Isolation:
    """What is tried while a decision is made; ``others`` are the threads that have nothing to do with it."""

    others: frozenset[int | None]
    tried: list[str] = field(default_factory=list[str])


_isolations: list[_Isolation] = []


@contextmanager
def isolated(who: str) -> Generator[None]:
    """Deny this thread, and threads started meanwhile, the network, other programs and files.

    What Python needs by itself stays allowed: code, and what is installed with Python. This finds out what a strategy
    does by mistake; it is no wall against one that means harm.

    Parameters
    ----------
    who
        Named in the error.

    Raises
    ------
    InvalidInput
        Something was tried, even if the denial was caught.
    """
    _install()
    others = frozenset(thread.ident for thread in threading.enumerate()) - {threading.get_ident()}
    isolation = _Isolation(others)
    _isolations.append(isolation)
    try:
        yield
    except QuantError:
        if not isolation.tried:
            raise
    finally:
        _isolations.remove(isolation)
    if isolation.tried:
        raise InvalidInput(f"{who} tried to {isolation.tried[0]}: a decision follows from the recorded inputs alone")


@cache
def _install() -> None:
    """Listen to what the interpreter does; this cannot be undone, and costs next to nothing while nobody decides."""
    sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if _isolations and (tried := _forbidden(event, arguments)):
        for isolation in _isolations:
            if threading.get_ident() not in isolation.others:
                isolation.tried.append(tried)
                raise PermissionError(f"a replay may not {tried}")


_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"})
_CODE = (".py", ".pyc", ".so", ".pyd")
_INSTALLED = (sys.prefix, sys.base_prefix, *zoneinfo.TZPATH)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _forbidden(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Return what an event of the interpreter means, None if it is allowed."""
    if event.startswith("socket.") or event == "urllib.Request":
        return f"use the network ({' '.join([event, *_named(arguments)])})"
    if event in _PROGRAMS:
        return f"start a program ({' '.join([event, *_named(arguments)])})"
    if event == "sqlite3.connect":
        return f"open the database {arguments[0]}"
    if event == "open" and not isinstance(arguments[0], int) and not _of_python(arguments[0], arguments[2]):
        return f"open the file {os.fsdecode(arguments[0])}"
    return None


def _named(arguments: tuple[Any, ...]) -> list[str]:
    """Return the first argument that says what is meant, such as an address; of a URL, nothing that may be secret."""
    named = (str(argument) for argument in arguments if type(argument) in (str, bytes, tuple))
    return [text.partition("?")[0] for text in named][:1]


def _of_python(name: str | bytes, flags: int) -> bool:
    """Whether a file is opened by Python for itself: code or its cache, or something installed that is read."""
    path = Path(os.path.abspath(os.fsdecode(name)))
    if "__pycache__" in path.parts:
        return True
    installed = any(path.is_relative_to(folder) for folder in _INSTALLED)
    return not flags & _WRITES and (path.suffix in _CODE or installed)
