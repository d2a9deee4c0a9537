"""The journal as CSV: exactly one text for the same rows, and no other is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quant_platform_kit.domain.errors import InvalidInput

from trading_playbook.journal.cells import cells_of, record_from
from trading_playbook.journal.record import COLUMNS, Key, TradeRecord

__all__ = ["parse", "render", "sorted_rows"]

_HEADER = ",".join(COLUMNS)
_REPAIR = "nothing was written; restore the file, or give another --output"


def sorted_rows(records: Iterable[TradeRecord]) -> list[TradeRecord]:
    """Return rows in the order of the journal: by date, symbol, strategy."""
    return sorted(records, key=lambda record: (record.trade_date, record.symbol, record.strategy))


def render(records: Iterable[TradeRecord]) -> bytes:
    """Return the journal of some rows, UTF-8, sorted, each line ended by a newline."""
    lines = (",".join(cells_of(record)) for record in sorted_rows(records))
    return "".join(f"{line}\n" for line in (_HEADER, *lines)).encode()


def parse(data: bytes, place: str) -> list[TradeRecord]:
    """Return the rows of a journal.

    Parameters
    ----------
    place
        Where it is, for the message.

    Raises
    ------
    InvalidInput
        It is not, byte for byte, what `render` writes: another header, a byte order mark, another line end, a cut last
        line, a row twice or out of order, a cell in another form.
    """
    lines = _lines(data, place)
    records: list[TradeRecord] = []
    seen: dict[Key, int] = {}
    for number, line in enumerate(lines, 2):
        try:
            record = record_from(line.split(","))
        except ValueError as error:
            raise InvalidInput(f"{place}: line {number} {error}; {_REPAIR}") from None
        if (first := seen.setdefault(record.key, number)) != number:
            what = f"{record.strategy} {record.symbol} {record.trade_date}"
            raise InvalidInput(f"{place}: line {number} has {what}, as line {first} has; {_REPAIR}")
        records.append(record)
    _check_order(records, place)
    return records


def _lines(data: bytes, place: str) -> Sequence[str]:
    """Return the lines below the header."""
    for found, what in (
        (data.startswith(b"\xef\xbb\xbf"), "begins with a byte order mark"),
        (b"\r" in data, "has CR LF line ends"),
        (not data.endswith(b"\n"), "is cut: its last line has no end" if data else "is empty"),
    ):
        if found:
            raise InvalidInput(f"{place} {what}, as no journal does; {_REPAIR}")
    try:
        header, *lines = data.decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{place} is not UTF-8 at byte {error.start}; {_REPAIR}") from None
    if header != _HEADER:
        raise InvalidInput(f"{place} has another header, {header[:80]!r}; a journal has {_HEADER[:40]}...; {_REPAIR}")
    return lines


def _check_order(records: list[TradeRecord], place: str) -> None:
    for number, (found, expected) in enumerate(zip(records, sorted_rows(records), strict=True), 2):
        if found is not expected:
            raise InvalidInput(
                f"{place}: line {number} is of {found.trade_date} {found.symbol}, {expected.trade_date} "
                f"{expected.symbol} comes first; {_REPAIR}"
            )
