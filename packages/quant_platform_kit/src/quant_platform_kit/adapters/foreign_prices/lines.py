"""The command that would import a file: what every other command says when it meets one."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from quant_platform_kit.adapters.foreign_prices.cells import dates_asked
from quant_platform_kit.adapters.foreign_prices.headings import recognise
from quant_platform_kit.adapters.foreign_prices.heads import Head, read_head
from quant_platform_kit.adapters.foreign_prices.layouts import LONG, Layout
from quant_platform_kit.adapters.foreign_prices.options import DateOrder, ImportOptions
from quant_platform_kit.adapters.foreign_prices.reading import symbol_in_name
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.strategy import Adjustment

__all__ = ["how_to_import", "import_words"]


LIKELY = 5
"""A file's name is taken for a symbol in an example if it has no more letters than most symbols."""


def how_to_import(path: Path, *, cells: bool = False) -> str | None:
    """Return what a file is taken for and the command that imports it; None for one that cannot be imported.

    Parameters
    ----------
    cells
        Whether only its cells are at fault: a file that has the columns of the long format is meant too.
    """
    if path.is_dir():
        return f"it is a folder; import its files first: {_line(path, ImportOptions())}"
    try:
        head = read_head(path)
        layout = recognise(head)
    except InvalidInput:
        return None
    if layout.source == LONG and head.is_plain and not cells:
        return None
    line = _line(path, _options(head, layout))
    if layout.source == LONG:
        return f"if its cells are only written otherwise, import it: {line}"
    carries = ", with what its closes carry (split, total_return or raw)" if _asked(layout) else ""
    return f"it is taken for {layout.source}; import it first{carries}: {line}"


def _line(path: Path, options: ImportOptions) -> str:
    """Return the command that imports a file; what only a person can decide stands there with one value of it."""
    return shlex.join(import_words([path], Path("prices.parquet"), options))


def _asked(layout: Layout) -> bool:
    return layout.adjustment is None and "adjustment" not in layout.said


def _options(head: Head, layout: Layout) -> ImportOptions:
    """Return options that the file needs."""
    options = ImportOptions(adjustment=Adjustment.SPLIT) if _asked(layout) else ImportOptions()
    if not layout.names_symbols:
        named = symbol_in_name(head.path) or ""
        options = replace(options, symbol=named if 0 < len(named) <= LIKELY else "SPY")
    first = head.rows[layout.headings][layout.date] if len(head.rows) > layout.headings else ""
    return replace(options, dates=DateOrder.MONTH_FIRST) if dates_asked(first) else options


def import_words(sources: list[Path], out: Path, options: ImportOptions) -> list[str]:
    """Return the words of the command that imports sources."""
    return ["quant", "prices", "import", *map(str, sources), "--out", str(out), *options.words()]
