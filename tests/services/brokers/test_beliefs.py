"""What the apps read at their venues, over unmodified client libraries: as their tables have it, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from quant_platform_kit.adapters.captures import lines_of
from quant_platform_kit.cli.captures import replayed
from quant_platform_kit.services.record.seen import Seen
from quant_platform_kit.testing.recorded_reads import noting, outside
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import Stand

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from chaos.made_documents import BROKERS, reading_of
from chaos.venue_captures import ACCOUNT, SESSION, capture_of, opening

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BY_THE_LIBRARY = {"instrument"}
"""What the client library is handed again at Interactive Brokers, so that it cannot be a document that notes."""


@pytest.fixture(params=BROKERS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Stand]:
    """Return each broker's stand, with one funded account."""
    with STANDS[request.param].open(opening(tmp_path)) as opened:
        yield opened


def test_a_venue_tells_what_is_believed_and_a_mapper_reads_what_its_table_has(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, take = dict[str, set[str]](), Seen.take

    def noted(seen: Seen, subject: str, document: Any) -> Any:
        take(seen, subject, document)
        if subject in BY_THE_LIBRARY or stand.name == "paper":  # pydantic looks at documents behind their backs
            return document
        return noting(document, read.setdefault(subject, set()))

    monkeypatch.setattr(Seen, "take", noted)
    capture = capture_of(stand, tmp_path, SESSION)
    monkeypatch.undo()
    assert capture.manifest.differences == ()
    tables = {table.subject: table for table in reading_of(stand.name).TABLES}
    strange = {subject: outside(tables[subject], paths) for subject, paths in read.items()}
    assert {subject: paths for subject, paths in strange.items() if paths} == {}
    found = replayed(capture)
    assert (found.texts, list(found.unreadable), found.strangers) == ((), [], [])
    assert found.counts.keys() >= {"account", "order"}
    assert ACCOUNT not in "".join(lines_of(capture).values())
