"""Snapshots to publish, processes that publish and prune them, and one that reads all the while."""

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
from quant_platform_kit.adapters import feature_loader
from quant_platform_kit.adapters.calendar_tables import load_calendar
from quant_platform_kit.adapters.feature_loader import FeatureLoader
from quant_platform_kit.adapters.gs_store import GsStore
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.adapters.snapshot_files import write_rows
from quant_platform_kit.adapters.snapshot_places import SnapshotSettings
from quant_platform_kit.adapters.snapshot_reading import MissingRows, latest_key, published, read_file
from quant_platform_kit.adapters.strategies import bind, load_strategy_file
from quant_platform_kit.domain.digests import sha256
from quant_platform_kit.domain.errors import QuantError
from quant_platform_kit.domain.snapshot_manifest import Column, SnapshotManifest, encode
from quant_platform_kit.domain.strategy import BoundStrategy
from snapshot_pipelines.cli.main import main as snapshots
from snapshot_pipelines.publish.copies import STATUS
from snapshot_pipelines.publish.pruning import prune
from snapshot_pipelines.publish.roots import Root, version_key
from venue_sandbox.servers.launch import Server

__all__ = ["KINDS", "LAST", "PROFILE", "Site", "days", "newest_at", "serve_site"]

KINDS = ("file", "gs")
PROFILE, ROWS = "chaos", 363
CALENDAR = load_calendar("XNYS")
LAST = date(2018, 12, 31)
"""The session that readers decide on: the latest snapshot is never of a later one."""
FEATURES = tuple(f"feature_{number}" for number in range(16))
LABELS = (
    *(Column("as_of", "date", False), Column("symbol", "string", False), Column("is_stock", "int8", False)),
    *(Column("member", "int8", False), Column("primary", "int8", False), Column("sector", "string", False)),
    *(Column("sector_code", "int16", False), Column("history", "int32", False)),
)
COLUMNS = (*LABELS, *(Column(name, "float64", True) for name in FEATURES))
STRATEGY = f"""
from pydantic import BaseModel
from quant_platform_kit.domain.features import FeatureContract, RankedRow
from quant_platform_kit.domain.strategy import InputName, StrategyManifest, TargetMode

class Chaos:
    class Config(BaseModel):
        pass

    manifest = StrategyManifest(
        profile="{PROFILE}", display_name="Chaos", target_mode=TargetMode.WEIGHT,
        required_inputs=frozenset({{InputName.FEATURE_SNAPSHOT}}), managed=("BIL",), history_sessions=0,
        sources=("campaign",), features=FeatureContract({FEATURES!r}, ("S000",), ("{FEATURES[0]}",)),
    )

    def evaluate(self, ctx, config):
        return self.manifest.hold(ctx)

    def ranking(self, snapshot, config):
        return [RankedRow(rank, symbol, 0.0) for rank, symbol in enumerate(sorted(snapshot.stocks), 1)]
"""
WRITE_INTERVAL = 0.1
"""Seconds in which the emulator takes one change of an object: a tenth of Cloud Storage's, for short campaigns."""
WRITE_PAUSES, READ_PAUSES = 0.01, 0.02
"""Seconds that a dawdling publisher may pause around a write, and a slow reader between a manifest and its file."""
POLL_SECONDS = 0.002
_NAMES = re.compile(r"\S*[0-9a-f]{12}\S*|\S*/\S*|[0-9]+")
_fork = get_context("fork")
Setup = Callable[[], None]


@dataclass(frozen=True)
class Site:
    """A place that snapshots are published to.

    Attributes
    ----------
    target
        Its address.
    endpoint
        The emulator behind a ``gs://`` address.
    """

    folder: Path
    target: str
    endpoint: str | None

    @property
    def strategy(self) -> BoundStrategy:
        """The profile."""
        return bind(load_strategy_file(f"{self.folder / 'chaos.py'}:Chaos"))

    def root(self) -> Root:
        """Open the place."""
        return Root(self.target, self.endpoint)

    def loader(self) -> FeatureLoader:
        """Return what a service reads with."""
        settings = SnapshotSettings("CHAOS", f"{self.target}/{latest_key(PROFILE)}")
        return FeatureLoader(settings, CALENDAR, endpoint=self.endpoint)

    def make(self, day: date, salt: int = 0) -> Path:
        """Build a snapshot of a session, as `snapshots build` leaves it; another salt makes another one."""
        strategy = self.strategy
        contract = strategy.manifest.features
        assert contract is not None
        data = write_rows(COLUMNS, _cells(day, salt))
        digest = sha256(data)
        manifest = SnapshotManifest(
            strategy_profile=PROFILE,
            contract_version=contract.name(PROFILE),
            config_name=PROFILE,
            config_path=None,
            config_sha256=strategy.config_digest,
            snapshot_path=f"versions/{day}/{digest}.parquet",
            snapshot_sha256=digest,
            snapshot_bytes=len(data),
            snapshot_as_of=day,
            row_count=ROWS,
            columns=COLUMNS,
            generated_at=CALENDAR.hours(day).close + timedelta(minutes=5),
            sources=(),
            code_version="campaign",
        )
        root = self.folder / "built" / f"{day}-{salt}"
        (root / manifest.snapshot_path).parent.mkdir(parents=True)
        (root / manifest.snapshot_path).write_bytes(data)
        (root / version_key(manifest, sha256(encode(manifest)))).write_bytes(encode(manifest))
        return root

    def publisher(self, root: Path, setup: Setup | None = None) -> BaseProcess:
        """Start `snapshots publish` in a process of its own; what it says is beside the root."""
        process = _fork.Process(target=self._publish, args=(root, setup))
        process.start()
        return process

    def dawdler(self, root: Path) -> BaseProcess:
        """Start a publisher that takes its time around every write, so that an instant may be anywhere among them."""
        return self.publisher(root, _dawdle)

    def said(self, root: Path) -> str:
        """Return what the last publisher of a root said on its standard error."""
        return root.with_suffix(".err").read_text("utf-8")

    def _publish(self, root: Path, setup: Setup | None) -> None:
        if setup:
            setup()
        given = ["--to", self.target, "--strategy", f"{self.folder / 'chaos.py'}:Chaos"]
        more = ["--endpoint", self.endpoint] if self.endpoint else []
        sys.argv = ["snapshots", "publish", str(root), *given, *more]
        with root.with_suffix(".err").open("w") as err, Path(os.devnull).open("w") as out:
            sys.stdout, sys.stderr = out, err
            snapshots()

    @contextmanager
    def reader(self, *, slow: bool = False) -> Generator[Callable[[], Counter[str]]]:
        """Read all the while in a process of its own; what is yielded returns what was wrong, and ends it."""
        ended, heard = _fork.Event(), _fork.SimpleQueue()
        process = _fork.Process(target=self._read, args=(ended, heard, slow))
        process.start()
        found: list[Counter[str]] = []

        def end() -> Counter[str]:
            if not found:
                ended.set()
                found.append(heard.get())
                process.join()
            return found[0]

        try:
            yield end
        finally:
            end()

    def _read(self, ended: Any, heard: Any, slow: bool) -> None:
        strategy, newest, found = self.strategy, date.min, Counter[str]()
        if slow:
            _slowed(found)
        loader = self.loader()
        while not ended.is_set():
            try:
                reading = loader.read(strategy, [LAST])[0]
            except QuantError as error:
                found[f"error: {_in_short(error)}"] += 1
                continue
            found["reads"] += 1
            if reading.snapshot is None:
                if newest != date.min or "no manifest at" not in reading.refused:
                    found[f"refused: {_in_short(reading.refused)}"] += 1
                continue
            if reading.snapshot.as_of < newest:
                found["older than before"] += 1
            newest = max(newest, reading.snapshot.as_of)
            time.sleep(POLL_SECONDS)
        heard.put(found)

    def pruner(self, keep: int) -> tuple[BaseProcess, Any]:
        """Start a process that prunes all the while; return it with what ends it."""
        ended = _fork.Event()

        def work() -> None:
            root = self.root()
            while not ended.is_set():
                if root.latest(PROFILE) is not None:
                    prune(root, PROFILE, keep)

        process = _fork.Process(target=work)
        process.start()
        return process, ended

    def audit(self, *, settled: bool) -> Counter[str]:
        """Return what is wrong with what is there now.

        Parameters
        ----------
        settled
            Whether a publisher has ended well: then copies are those of the latest snapshot, else of it or older ones.
        """
        try:
            return self._audited(self.root(), settled)
        except (QuantError, ValueError) as error:
            return Counter({f"what is there: {_in_short(error)}": 1})

    def _audited(self, root: Root, settled: bool) -> Counter[str]:
        found = Counter[str]()
        latest = root.latest(PROFILE)
        places = root.versions(PROFILE)
        for place in places:
            stored = root.store.get(place.found.manifest.snapshot_path)
            if stored is None or sha256(stored.data) != place.found.manifest.snapshot_sha256:
                found["a version without its rows"] += 1
        if latest is None:
            found["copies before anything is latest"] += root.store.get(STATUS) is not None
            return +found
        now = latest.found.manifest
        if all(place.found.digest != latest.found.digest for place in places):
            found["latest is no version"] += 1
        known = {place.found.manifest.snapshot_sha256: place.found.manifest.snapshot_as_of for place in places}
        copy, status = root.store.get(f"{PROFILE}_feature_snapshot_latest.parquet"), root.store.get(STATUS)
        if copy and known.get(sha256(copy.data), date.max) > now.snapshot_as_of:
            found["a copy of what was never latest"] += 1
        if status and json.loads(status.data)["as_of"] > now.snapshot_as_of.isoformat():
            found["a status of what was never latest"] += 1
        if settled and not (copy and status and sha256(copy.data) == now.snapshot_sha256):
            found["copies are not those of latest"] += 1
        elif settled and status and json.loads(status.data)["manifest_sha256"] != latest.found.digest:
            found["the status is not that of latest"] += 1
        return +found


@contextmanager
def serve_site(kind: str, folder: Path) -> Generator[Site]:
    """Yield a fresh place of a kind, on a private server of this campaign alone."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chaos.py").write_text(STRATEGY, "utf-8")
    if kind == "file":
        yield Site(folder, str(folder / "store"), None)
        return
    server = Server("venue_sandbox.cloud.storage", "--bucket", "snapshots", "--write-interval", str(WRITE_INTERVAL))
    try:
        yield Site(folder, "gs://snapshots/live", f"http://127.0.0.1:{server.port}")
    finally:
        server.stop()


def _cells(day: date, salt: int) -> dict[str, Any]:
    numbers = np.random.default_rng([day.toordinal(), salt]).normal(size=(len(FEATURES), ROWS))
    return {
        "as_of": np.full(ROWS, np.datetime64(day)),
        "symbol": [f"S{number:03}" for number in range(ROWS)],
        **{name: np.ones(ROWS, int) for name in ("is_stock", "member", "primary", "history")},
        "sector": ["Financials"] * ROWS,
        "sector_code": np.full(ROWS, 40),
        **dict(zip(FEATURES, numbers, strict=True)),
    }


def _dawdle() -> None:
    """Have this process pause around every write of its stores."""
    draw = np.random.default_rng(os.getpid())
    for kind in (PlainFolder, GsStore):
        for name in ("create", "replace", "delete"):
            known = getattr(kind, name)

            def slowly(self: Any, *arguments: Any, known: Any = known) -> Any:
                time.sleep(draw.uniform(0, WRITE_PAUSES))
                done = known(self, *arguments)
                time.sleep(draw.uniform(0, WRITE_PAUSES))
                return done

            setattr(kind, name, slowly)
    synced = os.fsync

    def slowly_synced(descriptor: int) -> None:
        time.sleep(draw.uniform(0, WRITE_PAUSES / 4))
        synced(descriptor)

    os.fsync = slowly_synced


def _slowed(found: Counter[str]) -> None:
    """Have this process pause between a manifest and its file, and count how often it had to look again."""
    draw = np.random.default_rng(os.getpid())

    def slowly(store: Any, manifest: Any) -> bytes:
        time.sleep(draw.uniform(0, READ_PAUSES))
        try:
            return read_file(store, manifest)
        except MissingRows:
            found["looked again"] += 1
            raise

    setattr(feature_loader, "read_file", slowly)  # noqa: B010  only of this process


def _in_short(error: object) -> str:
    """Return a message without the names and numbers that tell alike ones apart."""
    return _NAMES.sub("#", str(error))[:160]


def days(count: int) -> Sequence[date]:
    """Return sessions to publish snapshots of, ascending."""
    return CALENDAR.between(date(2012, 1, 3), LAST)[:count]


def newest_at(site: Site) -> date | None:
    """Return the session of what is latest; None where it cannot be read."""
    stored = site.root().store.get(latest_key(PROFILE))
    try:
        return published(stored.data).manifest.snapshot_as_of if stored else None
    except QuantError:
        return None
