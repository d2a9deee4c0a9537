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
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from chaos.matrix.ibkr import IBKR_ROWS, ibkr
from chaos.matrix.longbridge import LONGBRIDGE_ROWS, longbridge, longport
from chaos.matrix.schwab import SCHWAB_ROWS, schwab
from chaos.matrix.stand import Row, Serve
from chaos.matrix.trial import Ended, run_row

AT_ONCE = 3


@dataclass(frozen=True)
class Page:
    """A page: its broker, what stands in its rows, and a column for each client library."""

    broker: str
    rows: Sequence[Row]
    columns: Mapping[str, Serve]


PAGES = {
    "ibkr": Page("Interactive Brokers", IBKR_ROWS, {"ib_async": ibkr}),
    "schwab": Page("Charles Schwab", SCHWAB_ROWS, {"schwab-py": schwab}),
    "longbridge": Page("LongBridge", LONGBRIDGE_ROWS, {"longbridge": longbridge, "longport": longport}),
}


def main() -> int:
    """Print the table; return 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m chaos.matrix", description=__doc__)
    parser.add_argument("broker", choices=PAGES)
    parser.add_argument("--write", action="store_true", help="to docs/reference/fault-matrix-BROKER.md")
    parser.add_argument("--only", default="", metavar="TEXT", help="the rows that contain this")
    arguments = parser.parse_args()
    chosen = PAGES[arguments.broker]
    rows = [row for row in chosen.rows if arguments.only in row.name]
    ended = {library: _column(library, serve, rows) for library, serve in chosen.columns.items()}
    lines = [
        f"| {' | '.join([row.name, *(str(column[n]) for column in ended.values())])} |" for n, row in enumerate(rows)
    ]
    text = "\n".join((*_head(arguments.broker, chosen), *lines)) + "\n"
    if arguments.write:
        Path(f"docs/reference/fault-matrix-{arguments.broker}.md").write_text(text, "utf-8")
    else:
        sys.stdout.write(text)
    return 1 if any(one.wrong for column in ended.values() for one in column) else 0


def _column(library: str, serve: Serve, rows: Sequence[Row]) -> list[Ended]:
    with ThreadPoolExecutor(AT_ONCE) as several:
        return list(several.map(partial(_ended, library, serve), rows))


def _ended(library: str, serve: Serve, row: Row) -> Ended:
    with tempfile.TemporaryDirectory(prefix="matrix-") as folder:
        ended = run_row(serve, row, Path(folder))
    sys.stderr.write(f"{library}: {row.name}: {ended}\n")
    return ended


def _head(name: str, page: Page) -> tuple[str, ...]:
    return (
        f"# Faults at {page.broker}",
        "",
        "Every fault of the venue, on a folder store, with the real client library: how the run that it strikes ends.",
        f"Made by `python -m chaos.matrix {name} --write`, which fails if the venue's book and the ledger differ in",
        "an order or a unit at the end, if a run ends neither resolved nor blocked with what to do, or if the next one",
        "does not trade on. What is left to an operator is settled by what the venue shows. After a 503 the scheduler",
        "tries again.",
        "",
        f"| fault | {' | '.join(f'{library} {version(library)}' for library in page.columns)} |",
        "|---" * (1 + len(page.columns)) + "|",
    )


if __name__ == "__main__":
    sys.exit(main())
