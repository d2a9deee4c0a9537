"""The archiver: it gathers the messages of a partition, and each of them is done when its file is whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger
from quant_platform_kit.domain.errors import LeaseLost, StoreError
from quant_platform_kit.events.bus import Place, Received
from quant_platform_kit.events.errors import Duplicate
from quant_platform_kit.ports.clock import Clock

from event_trading_app.archive.files import Row
from event_trading_app.archive.writing import Claim, Files
from event_trading_app.executor.waiting import Io, in_thread

__all__ = ["Archiver"]


HOUR, NOTHING = timedelta(hours=1), timedelta(0)
STOPPING_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


@dataclass(slots=True, eq=False)
class _Batch:
    """Rows that wait for their file; ``done`` is when it is whole.

    Attributes
    ----------
    hour
        In which all of them came on the bus first.
    """

    hour: datetime
    begun: float
    done: asyncio.Future[None]
    rows: list[Row] = field(default_factory=list[Row])


@dataclass(slots=True)
class _Lane:
    """A partition: what is in whole files, what was claimed for the next, and what waits.

    Attributes
    ----------
    done
        The last offset that is in a whole file.
    claimed
        The file that another archiver has decided on and left unfinished.
    is_gone
        Whether the partition was given back: what waits comes again elsewhere.
    """

    done: int = -1
    claimed: Claim | None = None
    batch: _Batch | None = None
    is_gone: bool = False
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Archiver:
    """Gathers rows by partition.

    Attributes
    ----------
    rows, seconds
        A file has so many rows at most, and is written after so long.
    told
        Is told ``waiting`` and the reason while the store does not answer, and ``consuming`` when it does again.
    """

    files: Files
    clock: Clock
    rows: int
    seconds: float
    io: Io = in_thread
    told: Callable[[str], None] = lambda _: None
    counted: int = 0
    _lanes: dict[Place, _Lane] = field(default_factory=dict[Place, _Lane])
    _writing: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def assigned(self, place: Place) -> None:
        """Find out what of a partition is in files."""
        claim, is_whole = await self.io(lambda: self.files.last_claim(place))
        lane = self._lanes[place] = _Lane()
        if claim is not None:
            lane.done = claim.last if is_whole else claim.first - 1
            lane.claimed = None if is_whole else claim

    async def revoked(self, place: Place) -> None:
        """Forget a partition; what waits comes again elsewhere."""
        if (lane := self._lanes.pop(place, None)) is not None:
            lane.is_gone = True

    async def handle(self, message: Received) -> None:
        """Return when a message is in a whole file; see `handle_all`."""
        await self.handle_all((message,))

    async def handle_all(self, messages: Sequence[Received]) -> None:
        """Return when all messages, which are of one partition, are in whole files.

        Raises
        ------
        Unreadable
            One of them is no event.
        Duplicate
            One of them is in a file already.
        """
        place = messages[0].place
        lane, rows = self._lanes[place], [Row.of(message) for message in messages]
        if messages[0].offset <= lane.done:
            raise Duplicate(f"{place} at {messages[0].offset} is archived")
        batches = {self._gathered(lane, row) for row in rows}
        await asyncio.gather(*(asyncio.shield(batch.done) for batch in batches))

    def _gathered(self, lane: _Lane, row: Row) -> _Batch:
        """Return the batch that a row is in; one that is full is begun to be written."""
        batch = lane.batch
        if batch is not None and lane.claimed is None and not NOTHING <= row.event.ingested_at - batch.hour < HOUR:
            self._begin(lane)
        batch = lane.batch = lane.batch or self._new_batch(row)
        batch.rows.append(row)
        if self._is_full(lane, batch):
            self._begin(lane)
        return batch

    def _new_batch(self, row: Row) -> _Batch:
        return _Batch(row.hour, self.clock.monotonic(), asyncio.get_running_loop().create_future())

    async def run(self, stop: asyncio.Event) -> None:
        """Write what has waited long enough, until cancelled; once there is to be an end, all that waits."""
        while True:
            await asyncio.sleep(STOPPING_SECONDS if stop.is_set() else min(1.0, self.seconds / 4))
            now = self.clock.monotonic()
            for lane in tuple(self._lanes.values()):
                is_due = lane.batch is not None and (stop.is_set() or now - lane.batch.begun >= self.seconds)
                if is_due and lane.claimed is None:
                    self._begin(lane)

    def _is_full(self, lane: _Lane, batch: _Batch) -> bool:
        if lane.claimed is not None:
            return batch.rows[-1].message.offset >= lane.claimed.last
        return len(batch.rows) >= self.rows

    def _begin(self, lane: _Lane) -> None:
        batch, lane.batch = lane.batch, None
        claimed, lane.claimed = lane.claimed, None
        assert batch is not None, "there is something to write"
        task = asyncio.create_task(self._write(lane, batch, claimed))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write(self, lane: _Lane, batch: _Batch, claimed: Claim | None) -> None:
        """Write a file, and tell whoever waits for it how it went; files of a partition are written in their order."""
        async with lane.writing:
            try:
                claim = await self._written(lane, batch, claimed)
            except Exception as error:  # noqa: BLE001 - it is thrown where it is waited for
                batch.done.set_exception(error)
                batch.done.exception()  # it is heard of, also where nobody waits any more
                return
            lane.done = max(lane.done, claim.last)
            self.counted += len(batch.rows)
            batch.done.set_result(None)

    async def _written(self, lane: _Lane, batch: _Batch, claimed: Claim | None) -> Claim:
        """Write a file, again while the store does not answer: nothing overtakes it, and no row is gathered twice.

        Raises
        ------
        LeaseLost
            It cannot be written: the partition begins anew, from its last whole file.
        """
        pause = FIRST_PAUSE
        while not lane.is_gone:
            try:
                claim = await self.io(lambda: self.files.write(batch.rows, claimed))
            except LeaseLost:
                raise
            except StoreError as error:
                logger.warning("a file of the archive is written again in {:g} s: {}", pause, error)
                self.told(f"waiting: {error}")
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception as error:
                logger.exception("a file of the archive cannot be written")
                raise LeaseLost(f"a file of the archive cannot be written: {error!r}") from error
            else:
                self.told("consuming")
                return claim
        raise LeaseLost("the partition was given back before a file of it was written")
