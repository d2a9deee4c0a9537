"""``python -m chaos.restore``: stores are lost and restored, and nodes lost; two tables; status 1 if anything is wrong.

With ``--mutant NAME`` something has a deliberate defect, and status 1 means that it was caught; ``--mutant all`` goes
through all of them, and status 0 means that all were caught.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from quant_platform_kit.domain.boundaries import Boundary

from chaos.arguments import positive
from chaos.restore.daily import lose_daily
from chaos.restore.futures import lose_futures
from chaos.restore.mutants import FAULTS, IN_FUTURES, IN_SERVICES
from chaos.restore.node_loss import CASES, Found, lose_nodes, node_table
from chaos.restore.rows import Row, table
from chaos.restore.trading import STORES, lose_trading
from chaos.stores import KINDS

T = TypeVar("T")
ALL_TOGETHER, FUTURES = "all", "futures"
DRILLS = (*(f"ledger-{kind}" for kind in KINDS), *STORES, ALL_TOGETHER, FUTURES, "node-loss")
FEW_ORDERS = 12
FEW = tuple(Boundary)[5:14:2]
"""Where runs stand in a bucket, which takes one write of an object a second."""


def tell(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the drills that the command line asks for."""
    parser = argparse.ArgumentParser(prog="chaos.restore", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--drill", choices=DRILLS, action="append", help="which one, several times; default: all")
    parser.add_argument("--commands", type=positive, default=120, help="quotes or orders before the loss (%(default)s)")
    parser.add_argument("--open", type=positive, default=500, help="commands open at a node's loss (%(default)s)")
    parser.add_argument("--seed", type=positive, default=5)
    parser.add_argument("--mutant", choices=(*FAULTS, "all"), default="")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each drill instead of tables")
    given = parser.parse_args()
    if given.mutant == "all":
        missed = [name for name in FAULTS if not caught(name, given.seed)]
        tell(json.dumps({"mutants": len(FAULTS), "missed": missed}))
        return 1 if missed else 0
    if given.mutant:
        return 1 if caught(given.mutant, given.seed) else 0
    drills: Sequence[str] = given.drill or DRILLS
    rows = [_restored(name, given.commands, given.seed) for name in drills if name != "node-loss"]
    nodes: list[Found] = []
    for case in CASES if "node-loss" in drills else ():
        nodes.append(_in_a_folder(lambda folder, case=case: lose_nodes(case, folder, given.seed, given.open)))
    if given.json:
        for found in (*rows, *nodes):
            tell(json.dumps(found.document()))
    else:
        tell((table(rows) if rows else "") + (f"\n{node_table(nodes)}" if nodes else ""))
    return 0 if all(found.good for found in (*rows, *nodes)) else 1


def caught(mutant: str, seed: int) -> bool:
    """Run the drill that looks for a defect; return whether it shows what it has to."""
    if mutant in IN_SERVICES:
        found = _in_a_folder(lambda folder: lose_nodes(CASES[0], folder, seed, 30, mutant))
        shown = found.second
    elif mutant in IN_FUTURES:
        shown = getattr(_in_a_folder(lambda folder: lose_futures(folder, seed, FEW_ORDERS, mutant)), FAULTS[mutant])
    else:
        row = _in_a_folder(lambda folder: lose_daily("file", folder, seed, mutant))
        database = _in_a_folder(lambda folder: lose_trading(("database",), folder, seed, 30, mutant))
        # A database is halted by another command than a ledger, and both have to show it.
        shown = min(getattr(row, FAULTS[mutant]), getattr(database, FAULTS[mutant]))
    tell(json.dumps({"mutant": mutant, "caught": shown > 0, FAULTS[mutant]: shown}))
    return shown > 0


def _restored(name: str, commands: int, seed: int) -> Row:
    if name.startswith("ledger-"):
        kind = name.removeprefix("ledger-")
        boundaries = FEW if kind == "gs" else tuple(Boundary)
        return _in_a_folder(lambda folder: lose_daily(kind, folder, seed, boundaries=boundaries))
    if name == FUTURES:
        return _in_a_folder(lambda folder: lose_futures(folder, seed, commands))
    lost = STORES if name == ALL_TOGETHER else (name,)
    return _in_a_folder(lambda folder: lose_trading(lost, folder, seed, commands))


def _in_a_folder(run: Callable[[Path], T]) -> T:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        return run(Path(folder) / "drill")


if __name__ == "__main__":
    sys.exit(main())
