"""The file of a snapshot's rows: parquet, the same bytes for the same rows, without pandas at either end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quant_platform_kit.adapters.arrow import arrow_module
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.prices import FloatArray
from quant_platform_kit.domain.snapshot_manifest import Column
from quant_platform_kit.domain.snapshot_rows import SnapshotRows

__all__ = ["read_rows", "write_rows"]

_NUMBERS = ("int8", "int16", "int32", "float64")

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
    return _rows(table)


# --- writing: arrays of pyarrow from the memory of numpy's, which takes no pandas ----------------


def _type(name: str) -> Any:
    arrow = _arrow("pyarrow")
    return arrow.date32() if name == "date" else getattr(arrow, name)()


def _array(column: Column, values: Sequence[object]) -> Any:
    arrow = _arrow("pyarrow")
    found: NDArray[Any] = np.asarray(values)
    empty = np.isnat(found) if column.type == "date" else np.isnan(found.astype("f8"))
    with np.errstate(invalid="ignore"):
        made = found.astype("datetime64[D]" if column.type == "date" else column.type)
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


# --- reading: numpy's arrays from the memory of pyarrow's ----------------------------------------

_NAMES = {"date32[day]": "date", "double": "float64", "float": "float32"}
"""Types whose name in a manifest is another one than pyarrow's."""


def _rows(table: Any) -> SnapshotRows:
    kinds = [_NAMES.get(name := str(kind), name) for kind in table.schema.types]
    columns = tuple(map(Column, table.column_names, kinds, [field.nullable for field in table.schema]))
    texts = {c.name: tuple(table.column(at).to_pylist()) for at, c in enumerate(columns) if c.type == "string"}
    days = {c.name: _days(table.column(at)) for at, c in enumerate(columns) if c.type == "date"}
    numeric = [at for at, column in enumerate(columns) if column.type in _NUMBERS]
    names = tuple(columns[at].name for at in numeric)
    return SnapshotRows(columns, table.num_rows, texts, days, names, _numbers(table.select(numeric)))


def _numbers(table: Any) -> FloatArray:
    """Return columns of numbers as one array, shape (columns, rows), NaN where there is nothing."""
    batches: list[Any] = table.to_batches() if table.num_columns else []
    if not batches:
        return np.empty((table.num_columns, table.num_rows))
    return np.concatenate([_of_batch(batch) for batch in batches], axis=1) if batches[1:] else _of_batch(batches[0])


def _days(column: Any) -> NDArray[np.datetime64]:
    """Return a column of dates, NaT where there is nothing."""
    arrow = _arrow("pyarrow")
    days = column.combine_chunks().view(arrow.int32())
    return _of_batch(arrow.RecordBatch.from_arrays([days], ["day"]))[0].astype("M8[D]")


def _of_batch(batch: Any) -> FloatArray:
    return np.asarray(batch.to_tensor(null_to_nan=True, row_major=False), np.float64).T
