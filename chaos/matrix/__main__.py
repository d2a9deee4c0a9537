"""Every fault of a broker's venue, with the real client libraries: how each ends, written as a table.

``python -m chaos.matrix ibkr|schwab|longbridge [--write]`` runs one account through three sessions per fault, at a
venue of its own: one without faults, one with the fault, one to carry what was left. What the run leaves to an operator
is settled by what the venue shows. It fails when the venue's book and the ledger differ in an order or a unit, when a
run ended neither resolved nor blocked with what to do, and when the next one does not trade on.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from venue_sandbox.stands.exchange_stand import ExchangeStand
from venue_sandbox.stands.registry import STANDS
from venue_sandbox.stands.stand import Subject

from chaos.matrix.page import Page
from chaos.matrix.rows import Row
from chaos.matrix.trial import Ended, run_row

AT_ONCE = 3


def _page(stand: type[ExchangeStand]) -> Page:
    own = f"chaos.matrix.{stand.name}"
    return import_module(own).PAGE if find_spec(own) else Page(stand)


PAGES: Mapping[str, Page] = {name: _page(stand) for name, stand in STANDS.items() if issubclass(stand, ExchangeStand)}
"""The paper venue, which has faults of its own, is in `chaos.fault_matrix`."""


def main() -> int:
    """Print the table; return 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m chaos.matrix", description=__doc__)
    parser.add_argument("broker", choices=PAGES)
    parser.add_argument("--write", action="store_true", help="to docs/reference/fault-matrix-BROKER.md")
    parser.add_argument("--only", default="", metavar="TEXT", help="the rows that contain this")
    arguments = parser.parse_args()
    chosen = PAGES[arguments.broker]
    rows = [row for row in chosen.rows if arguments.only in row.name]
    ended = {tested.library: _column(chosen, tested, rows) for tested in chosen.kind.libraries()}
    lines = [
        f"| {' | '.join([row.name, *(str(column[n]) for column in ended.values())])} |" for n, row in enumerate(rows)
    ]
    text = "\n".join((*_head(arguments.broker, chosen), *lines)) + "\n"
    if arguments.write:
        Path(f"docs/reference/fault-matrix-{arguments.broker}.md").write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    return 1 if any(one.wrong for column in ended.values() for one in column) else 0


def _column(page: Page, tested: Subject, rows: Sequence[Row]) -> list[Ended]:
    with ThreadPoolExecutor(AT_ONCE) as several:
        return list(several.map(partial(_ended, page, tested), rows))


def _ended(page: Page, tested: Subject, row: Row) -> Ended:
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        ended = run_row(page, tested.library, row, Path(folder))
    sys.stderr.write(f"{tested.library}: {row.name}: {ended}\n")
    return ended


def _head(name: str, page: Page) -> tuple[str, ...]:
    libraries = [tested.library for tested in page.kind.libraries()]
    return (
        f"# Faults at {page.kind.title}",
        "",
        "Every fault of the venue, on a folder store, with the real client library: how the run that it hits ends.",
        f"Made by `python -m chaos.matrix {name} --write`, which fails if the venue's book and the ledger differ in",
        "an order or a unit at the end, if a run ends neither resolved nor blocked with what to do, or if the next one",
        "does not trade on. What is left to an operator is settled by what the venue shows. After a 503 the scheduler",
        "tries again.",
        "",
        f"| fault | {' | '.join(f'{library} {version(library)}' for library in libraries)} |",
        "|---" * (1 + len(libraries)) + "|",
    )


if __name__ == "__main__":
    sys.exit(main())
