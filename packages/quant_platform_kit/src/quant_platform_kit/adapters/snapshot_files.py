"""The file of a snapshot's rows: parquet, the same bytes for the same rows, without pandas at either end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_manifest import Column
from quant_platform_kit.domain.snapshot_rows import Cells, SnapshotRows

__all__ = ["read_rows", "write_rows"]

_DTYPES = {"date": "datetime64[D]", "int8": "i1", "int16": "i2", "int32": "i4", "float64": "f8"}
_arrow = partial(arrow_module, task="a feature snapshot")


def write_rows(columns: Sequence[Column], cells: Mapping[str, ArrayLike | Sequence[str]]) -> bytes:
    """Return the parquet file of some rows: zstd, no dictionaries, no statistics; the same rows give the same bytes.

    Parameters
    ----------
    columns
        In the order they are to be written.
    cells
        By column, all of one length: datetime64[D] for date, texts for string, numbers for the others. NaN, which only
        a nullable float64 may have, is written as nothing.

    Raises
    ------
    InvalidInput
        A column is not there or of another length, or holds what its type cannot.
    """
    arrow = _arrow("pyarrow")
    length = len(cast("Sequence[object]", cells[columns[0].name])) if columns else 0
    arrays: list[Any] = []
    for column in columns:
        found = cast("Sequence[object]", cells.get(column.name, ()))
        if len(found) != length:
            raise InvalidInput(f"column {column.name} has {len(found)} rows; {columns[0].name} has {length}")
        arrays.append(_text_array(column, found) if column.type == "string" else _array(column, found))
    schema = arrow.schema([arrow.field(c.name, _type(c.type), nullable=c.nullable) for c in columns])
    sink = arrow.BufferOutputStream()
    table = arrow.Table.from_arrays(arrays, schema=schema)
    _arrow("pyarrow.parquet").write_table(
        table, sink, compression="zstd", use_dictionary=False, write_statistics=False, store_schema=False
    )
    return sink.getvalue().to_pybytes()


def read_rows(data: bytes) -> SnapshotRows:
    """Return what a parquet file holds, whatever its columns are.

    Raises
    ------
    InvalidInput
        It is no parquet file that can be read.
    """
    arrow, parquet = _arrow("pyarrow"), _arrow("pyarrow.parquet")
    try:
        with parquet.ParquetFile(arrow.BufferReader(data)) as file:
            table = file.read(use_threads=False)
    except (arrow.ArrowException, OSError, ValueError) as error:
        said = " ".join("".join(char if char.isprintable() else " " for char in str(error)).split())
        raise InvalidInput(f"is no readable parquet file: {said[:200]}") from None
    columns = tuple(Column(field.name, _name(field.type), field.nullable) for field in table.schema)
    cells = {
        column.name: _cells(column.type, table.column(at))
        for at, column in enumerate(columns)
        if column.type in (*_DTYPES, "string")
    }
    return SnapshotRows(columns, table.num_rows, cells)


# --- writing: arrays of pyarrow from the memory of numpy's, which takes no pandas ----------------


def _type(name: str) -> Any:
    arrow = _arrow("pyarrow")
    return arrow.date32() if name == "date" else getattr(arrow, name)()


def _array(column: Column, values: Sequence[object]) -> Any:
    arrow = _arrow("pyarrow")
    found: NDArray[Any] = np.asarray(values)
    empty = np.isnat(found) if column.type == "date" else np.isnan(found.astype("f8"))
    with np.errstate(invalid="ignore"):
        made = found.astype(_DTYPES[column.type])
    if not np.array_equal(found[~empty], made[~empty]):
        raise InvalidInput(f"column {column.name} holds what {column.type} cannot")
    if empty.any() and not (column.nullable and column.type == "float64"):
        raise InvalidInput(f"column {column.name}, row {int(empty.argmax()) + 1} is empty; it may not be")
    memory = made.astype("M8[D]").astype("i4") if column.type == "date" else np.where(empty, 0, made).astype(made.dtype)
    valid = arrow.py_buffer(np.packbits(~empty, bitorder="little")) if empty.any() else None
    return arrow.Array.from_buffers(_type(column.type), len(made), [valid, arrow.py_buffer(memory)])


def _text_array(column: Column, values: Sequence[object]) -> Any:
    arrow = _arrow("pyarrow")
    if odd := [number for number, text in enumerate(values, 1) if not isinstance(text, str)]:
        raise InvalidInput(f"column {column.name}, row {odd[0]} is no text")
    texts = [cast("str", text).encode() for text in values]
    ends = np.cumsum([0, *map(len, texts)], dtype="i4")
    buffers = [None, arrow.py_buffer(ends), arrow.py_buffer(b"".join(texts))]
    return arrow.Array.from_buffers(arrow.string(), len(texts), buffers)


# --- reading -----------------------------------------------------------------------------------


def _name(kind: Any) -> str:
    """Return how a manifest names a type of pyarrow."""
    return {"date32[day]": "date", "double": "float64", "float": "float32"}.get(str(kind), str(kind))


def _cells(kind: str, column: Any) -> Cells:
    """Return a column with NaN, NaT or None where it has nothing."""
    if kind == "string":
        return tuple(column.to_pylist())
    arrow = _arrow("pyarrow")
    chunk = column.combine_chunks()
    chunk = chunk.cast(arrow.int32()) if kind == "date" else chunk
    known = np.from_dlpack(chunk.drop_null() if chunk.null_count else chunk)
    known = known.astype("datetime64[D]") if kind == "date" else known.astype(np.float64, copy=False)
    if chunk.null_count == 0:
        return known
    cells = np.full(len(chunk), np.datetime64("NaT", "D") if kind == "date" else np.nan)
    cells[np.from_dlpack(chunk.is_valid().cast(arrow.int8())).astype(bool)] = known
    return cells
