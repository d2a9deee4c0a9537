"""What has to be true of a journal and its attempts whenever the runs of a session have ended."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date

from quant_platform_kit.adapters.stores import open_store
from quant_platform_kit.domain.errors import QuantError
from trading_playbook.attempts import AttemptLog, Ending
from trading_playbook.backtest import backtest
from trading_playbook.days import trading_day
from trading_playbook.dp20.parameters import Dp20Parameters
from trading_playbook.journal.csv_form import sorted_rows
from trading_playbook.journal.record import TradeRecord
from trading_playbook.testing.invented import InventedSource

from chaos.playbook.places import Place
from chaos.playbook.worker import CALENDAR, Run

__all__ = ["Journal"]


@dataclass(slots=True)
class Journal:
    """A journal, and what it has to hold.

    Attributes
    ----------
    expected
        The rows of all sessions so far.
    started
        How many runs there were.
    """

    place: Place
    expected: list[TradeRecord] = field(default_factory=list[TradeRecord])
    started: int = 0

    def expect(self, symbol: str, session: date) -> int:
        """Expect the rows of a session and of those missed since the symbol's last; return how many."""
        last = max((row.trade_date for row in self.expected if row.symbol == symbol), default=None)
        due = [session] if last is None else CALENDAR.between(last, session)[1:]
        days = [trading_day(CALENDAR, day) for day in due]
        self.expected += backtest(InventedSource(symbol), days, CALENDAR, Dp20Parameters()).records
        return len(due)

    def lost(self, runs: Sequence[Run]) -> Counter[str]:
        """Return what runs that ended well have told and the journal does not hold."""
        rows, faults = self._rows()
        held = {(row.symbol, row.trade_date) for row in rows}
        told = {(run.task.symbol, run.task.session) for run in runs if run.is_done}
        return faults if faults or told <= held else Counter({"a row that was written is gone": 1})

    def judged(self) -> Counter[str]:
        """Return what is wrong with the rows once each session's runs have ended well."""
        rows, faults = self._rows()
        if not faults and sorted_rows(rows) != sorted_rows(self.expected):
            faults[f"{len(rows)} rows that are not the {len(self.expected)} expected"] += 1
        return faults

    def judged_attempts(self, runs: Sequence[Run], new: int, *, is_quiet: bool) -> tuple[Counter[str], Counter[str]]:
        """Return what is wrong with the attempts of all runs for a session and symbol, and how they ended.

        Parameters
        ----------
        new
            How many rows there were to write.
        is_quiet
            Whether the server was up all the while.
        """
        task = runs[0].task
        log = AttemptLog(open_store(self.place.store, endpoint=self.place.endpoint), task.symbol)
        attempts = log.between(task.session, task.session)
        endings = Counter(attempt.ending.value for attempt in attempts)
        written = sum(attempt.rows for attempt in attempts)
        ended = sum(run.is_done for run in runs)
        is_whole = is_quiet and not any(run.is_killed for run in runs)
        allowed = {Ending.WRITTEN.value, Ending.UNCHANGED.value} | (set() if is_quiet else {Ending.ERROR.value})
        wrong = {
            "fewer attempts than runs that ended": len(attempts) < ended,
            "more attempts than runs": len(attempts) > len(runs),
            "rows were written twice": written > new,
            "attempts do not tell of all rows": is_whole and written < new,
            f"attempts ended {', '.join(sorted({*endings} - allowed))}": bool({*endings} - allowed),
        }
        return Counter({fault: 1 for fault, is_so in wrong.items() if is_so}), endings

    def _rows(self) -> tuple[list[TradeRecord], Counter[str]]:
        """Return the rows as they are, not by way of a writer."""
        try:
            with closing(self.place.look()) as looking:
                return next(looking) or [], Counter()
        except QuantError as error:
            return [], Counter({f"cannot be read: {str(error)[:160]}": 1})
