"""Deliberate defects of publishing and reading snapshots: a campaign that does not catch each proves nothing."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from quant_platform_kit.adapters import feature_loader
from quant_platform_kit.adapters.gs_store import GsStore
from quant_platform_kit.adapters.plain_folder import PlainFolder
from quant_platform_kit.adapters.snapshot_reading import latest_key
from quant_platform_kit.domain.errors import Conflict
from quant_platform_kit.domain.snapshot_checks import Moment
from snapshot_pipelines.publish import keeping, pruning, publishing, releasing
from snapshot_pipelines.publish.roots import version_key

__all__ = ["MUTANTS", "mutated"]

Patch = tuple[Any, str, Any]


@contextmanager
def mutated(patches: Sequence[Patch]) -> Generator[None]:
    """Put defects in place, and take them out again; processes that are forked meanwhile have them."""
    kept = [(place, name, getattr(place, name)) for place, name, _ in patches]
    for place, name, defect in patches:
        setattr(place, name, defect)
    try:
        yield
    finally:
        for place, name, value in kept:
            setattr(place, name, value)


def copies_first() -> list[Patch]:
    """Write what is for people before the version file."""
    known, kept = publishing.publish, keeping.keep

    def publish(given: Any, store: Any, copies: Any, **options: Any) -> Any:
        def keep(store: Any, snapshot: Any) -> str:
            for key, data in copies(snapshot).items():
                present = store.get(key)
                if data is not None and present is None:
                    store.create(key, data)
                elif data is not None and present is not None and present.data != data:
                    store.replace(key, data, present.generation)
            return kept(store, snapshot)

        with mutated([(publishing, "keep", keep)]):
            return known(given, store, copies, **options)

    return [(releasing, "publish", publish)]


def latest_first() -> list[Patch]:
    """Move `latest` before the version file is there."""
    known = keeping.keep

    def keep(store: Any, snapshot: Any) -> str:
        key = latest_key(snapshot.manifest.strategy_profile)
        present = store.get(key)
        if present is None:
            store.create(key, snapshot.found.data)
        elif present.data != snapshot.found.data:
            store.replace(key, snapshot.found.data, present.generation)
        return known(store, snapshot)

    return [(publishing, "keep", keep), (publishing, "_move", lambda *_: None)]


def manifest_first() -> list[Patch]:
    """Put the version's manifest before its rows."""
    known = keeping.keep

    def keep(store: Any, snapshot: Any) -> str:
        key = version_key(snapshot.manifest, snapshot.digest)
        if store.get(key) is None:
            store.create(key, snapshot.found.data)
        return known(store, snapshot)

    return [(publishing, "keep", keep)]


def no_precondition() -> list[Patch]:
    """Replace `latest` whatever it is by now."""

    def move(store: Any, key: str, stored: Any, newest: Any, new: Any) -> None:
        del stored, new
        while True:
            present = store.get(key)
            try:
                if present is None:
                    store.create(key, newest.found.data)
                else:
                    store.replace(key, newest.found.data, present.generation)
            except Conflict:
                continue
            return

    return [(publishing, "_move", move)]


def any_session() -> list[Patch]:
    """Publish a session before the latest one without being allowed to."""
    return [(publishing, "_chosen", lambda ordered, before, **_: ordered)]


def in_place() -> list[Patch]:
    """Write files of a folder in place, half of them first."""

    def write(self: Any, key: str, data: bytes, *_: Any) -> int:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for part in (data[: len(data) // 2], data[len(data) // 2 :]):
                file.write(part)
                file.flush()
        found = self.get(key)
        assert found is not None
        return found.generation

    return [(PlainFolder, "create", write), (PlainFolder, "replace", write)]


def loser_stays() -> list[Patch]:
    """Leave the version of a publisher that lost its race."""
    return [(PlainFolder, "delete", lambda self, key: None), (GsStore, "delete", lambda self, key: None)]


def prune_latest() -> list[Patch]:
    """Remove old versions whatever `latest` names."""
    return [
        (pruning, "_kept", lambda own, latest, keep, root: frozenset()),
        (pruning, "_remove", _remove_anything),
        (pruning, "_sweep", _sweep_anything),
    ]


def _remove_anything(root: Any, profile: str, place: Any) -> bool:
    del profile
    root.store.delete(place.key)
    return True


def _sweep_anything(root: Any, profile: str, removed: Any) -> list[str]:
    del profile
    for place in removed:
        root.store.delete(place.found.manifest.snapshot_path)
    return []


def no_second_look() -> list[Patch]:
    """Refuse a file that is not there without looking at `latest` again."""

    def snapshot(self: Any, session: Any) -> Any:
        return self._verified(Moment.of(session, self._cadence, self._calendar))

    return [(feature_loader._Reading, "_snapshot", snapshot)]  # pyright: ignore[reportPrivateUsage]


def unhashed() -> list[Patch]:
    """Read a file without comparing it with its manifest, and publish half of it."""
    known = keeping.keep

    def keep(store: Any, snapshot: Any) -> str:
        return known(store, replace(snapshot, data=snapshot.data[: len(snapshot.data) // 2]))

    return [(publishing, "keep", keep)]


MUTANTS: dict[str, tuple[str, Callable[[], list[Patch]]]] = {
    "copies-first": ("killed", copies_first),
    "latest-first": ("killed", latest_first),
    "manifest-first": ("killed", manifest_first),
    "any-session": ("killed", any_session),
    "in-place": ("killed", in_place),
    "half-a-file": ("killed", unhashed),
    "no-precondition": ("raced", no_precondition),
    "loser-stays": ("raced", loser_stays),
    "prune-latest": ("pruned", prune_latest),
    "no-second-look": ("pruned", no_second_look),
}
"""Each defect with the part of the campaign that has to catch it; `in-place` is one of folders."""
