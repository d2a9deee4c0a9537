"""docs/reference/features.md, made out of the docstrings of the features and the tables that the builder reads."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator

from quant_platform_kit.adapters.strategies import catalog
from quant_platform_kit.domain.sectors import SECTOR_CODES, SECTOR_NAMES
from snapshot_pipelines.build import features as module
from snapshot_pipelines.build import fundamentals, membership, sectors
from snapshot_pipelines.build.features import FEATURES
from snapshot_pipelines.build.fundamentals import FACTS
from snapshot_pipelines.build.issuers import ISSUERS
from snapshot_pipelines.build.rows import LABELS

from reference.markdown import table

SAID = {
    "as_of": "t, the session the row is of",
    "symbol": "ascending: the stocks of the sectors file that are members at t or were within 366 days, if they have "
    "had a bar; and QQQ, SPY",
    "is_stock": "1, but 0 for QQQ and SPY, which are only compared with",
    "member": "1 if a stay covers t: start_date <= t < end_date; without a file of members 1 for every stock",
    "primary": "1 unless another line of the same issuer, a member with a bar at t, has the larger `dvol63_usd`; of "
    "equal ones the smaller symbol is primary",
    "sector": "as the sectors file names it",
    "sector_code": "its code, 0 for unknown",
    "history": "sessions of the unbroken run of bars that ends at t, since the first bar of any stock; 0 without one "
    "at t",
}
FILES = (
    (
        "`--prices`",
        "date, symbol, close, adj_close, volume",
        "adj_close carries splits and dividends; repeatable, but no "
        "symbol may stand in two files. Symbols that are neither in the sectors file nor QQQ or SPY are passed over",
    ),
    (
        "`--sectors`",
        ", ".join(sectors.COLUMNS),
        "one row per stock: the universe. A label may be dated after t, as there "
        "is no other; the summary counts those that are",
    ),
    (
        "`--membership`",
        ", ".join(membership.COLUMNS),
        "several stays of one symbol do not overlap; an empty end_date is open",
    ),
    ("`--fundamentals`", "ticker, published, facts", "see Facts of accounts"),
)


def page() -> str:
    """Return the page."""
    parts = (
        "# Features of a snapshot",
        "Generated from the code by `scripts/generate_reference.py`; the repository's check fails when it is out of "
        "date. What snapshots are for is said in [Feature snapshots](../concepts/snapshots.md); features of your own "
        "in [Your own features](../start/own-features.md).",
        "## Labels",
        table(("column", "type", "what it says"), ((f"`{c.name}`", c.type, SAID[c.name]) for c in LABELS)),
        "## Features",
        _flowing(module.__doc__ or "")
        + " Every feature is a float64. It is unknown, NaN, where the table says so, and "
        "never infinite; nothing is filled in. Prices are taken as float64 before anything is computed.",
        table(("column", "formula", "bars", "NaN"), _features()),
        "## Facts of accounts",
        _flowing(fundamentals.__doc__ or "") + " A build of t is refused where the file has facts of a stock of its "
        "rows, but none that was known: nothing is left empty instead. Where nothing was known of a stock by then, an "
        "older row with empty cells says so. Benchmarks have none.",
        table(("column", "or, in the file"), ((f"`{name}`", f"`{other}`") for name, other in FACTS.items())),
        "## Sectors",
        table(("code", "name in the file"), _sectors()),
        "## Issuers of several lines",
        ", ".join("/".join(lines) for lines in ISSUERS),
        "## Files",
        table(("option", "columns", "rule"), FILES),
        "A file of prices that holds QQQ or SPY and no stock of the sectors file has the role `benchmarks` in the "
        "manifest. Stocks without prices have no row: the summary beside a snapshot counts and names them.",
        "## Which profile reads what",
        table(("profile", "of stocks", "of benchmarks"), _profiles()),
    )
    return "\n\n".join(parts) + "\n"


def _features() -> Iterator[tuple[str, ...]]:
    for one in FEATURES:
        formula, nan, unknown = _flowing(one.text).partition("NaN ")
        yield (
            f"`{one.name}`",
            formula.strip().removesuffix("."),
            str(one.bars) if one.bars else "-",
            unknown if nan else "",
        )


def _sectors() -> Iterable[tuple[str, str]]:
    for code, name in sorted(SECTOR_NAMES.items()):
        others = [other for other, its in SECTOR_CODES.items() if its == code and other != name]
        yield str(code), ", ".join([name, *others])


def _profiles() -> Iterator[tuple[str, ...]]:
    for profile, strategy in catalog().items():
        if contract := strategy.manifest.features:
            of_benchmarks = f"{', '.join(contract.benchmark_reads)} of {', '.join(contract.benchmarks)}"
            yield f"`{profile}`", ", ".join(contract.reads), of_benchmarks if contract.benchmarks else "-"


def _flowing(text: str) -> str:
    """Return a docstring as one paragraph."""
    return " ".join(inspect.cleandoc(text).split()).replace("``", "`")
