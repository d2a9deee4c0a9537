"""A snapshot's file has the bytes that its rows make, gives back what was written, and never loads pandas."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from quant_platform_kit.adapters.snapshot_files import read_rows, write_rows
from quant_platform_kit.domain.errors import InvalidInput
from quant_platform_kit.domain.snapshot_manifest import Column

COLUMNS = (
    Column("as_of", "date", False),
    Column("symbol", "string", False),
    Column("is_stock", "int8", False),
    Column("sector_code", "int16", False),
    Column("history", "int32", False),
    Column("vol_63", "float64", True),
)
CELLS = {
    "as_of": np.full(3, np.datetime64("2018-11-30")),
    "symbol": ["ÄA", "BB", ""],
    "is_stock": np.array([1, 1, 0]),
    "sector_code": [45, 10, 0],
    "history": np.array([1741, 70000, 0]),
    "vol_63": np.array([0.1, np.nan, 1e300]),
}


def test_rows_are_read_back_as_they_were_written() -> None:
    rows = read_rows(write_rows(COLUMNS, CELLS))
    assert rows.columns == COLUMNS
    assert rows.row_count == 3
    assert rows.symbols == ("ÄA", "BB", "")
    assert rows.days["as_of"].tolist() == CELLS["as_of"].tolist()
    assert rows.number("history").tolist() == [1741, 70000, 0]
    np.testing.assert_array_equal(rows.number("vol_63"), CELLS["vol_63"])
    by_symbol = rows.table()
    assert by_symbol["ÄA"] == {"is_stock": 1.0, "sector_code": 45.0, "history": 1741.0, "vol_63": 0.1}
    assert np.isnan(by_symbol["BB"]["vol_63"])


def test_the_same_rows_are_the_same_bytes_and_any_tool_opens_them() -> None:
    data = write_rows(COLUMNS, CELLS)
    assert data == write_rows(COLUMNS, {name: np.array(cells) for name, cells in CELLS.items()})
    file = pq.ParquetFile(pa.BufferReader(data))
    assert [str(field.type) for field in file.schema_arrow] == [
        *("date32[day]", "string", "int8", "int16", "int32", "double")
    ]
    assert [field.nullable for field in file.schema_arrow] == [column.nullable for column in COLUMNS]
    assert file.read().column("vol_63").to_pylist() == [0.1, None, 1e300]
    assert file.metadata.metadata is None, "neither of pandas nor of Arrow"
    chunks = [file.metadata.row_group(0).column(at) for at in range(len(COLUMNS))]
    assert {chunk.compression for chunk in chunks} == {"ZSTD"}
    assert not any(chunk.is_stats_set or chunk.has_dictionary_page for chunk in chunks)


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("is_stock", [1, 1, 300], "column is_stock holds what int8 cannot"),
        ("is_stock", [1, 0.5, 0], "column is_stock holds what int8 cannot"),
        ("history", [1, np.nan, 0], "column history, row 2 is empty"),
        ("as_of", np.array(["2018-11-30", "NaT", "2018-11-30"], dtype="M8[D]"), "column as_of, row 2 is empty"),
        ("symbol", ["A", None, "C"], "column symbol, row 2 is no text"),
        ("vol_63", [0.1], "column vol_63 has 1 rows; as_of has 3"),
    ],
)
def test_what_a_type_cannot_hold_is_refused(name: str, cells: list[float], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        write_rows(COLUMNS, {**CELLS, name: cells})


@pytest.mark.filterwarnings("error")
def test_a_file_that_is_cut_or_changed_is_no_readable_parquet_file_or_other_rows() -> None:
    data = write_rows(COLUMNS, CELLS)
    for damaged in (b"", b"PAR1", data[: len(data) // 2], data[:-1], b"\0" * len(data), b"\0" * 40 + data[40:]):
        with pytest.raises(InvalidInput, match="is no readable parquet file") as refused:
            read_rows(damaged)
        assert "\n" not in str(refused.value)


def test_columns_of_other_types_are_named_and_left_out() -> None:
    table = pa.Table.from_arrays([pa.array([1.0], pa.float32()), pa.array([True])], names=["vol_63", "flag"])
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    rows = read_rows(sink.getvalue().to_pybytes())
    assert rows.columns == (Column("vol_63", "float32", True), Column("flag", "bool", True))
    assert (rows.texts, rows.days, rows.numeric) == ({}, {}, ())


def test_nothing_where_there_should_be_something_is_read_as_nothing() -> None:
    arrays = [
        pa.array([None, 17836], pa.int32()).cast(pa.date32()),
        pa.array([None, "A"]),
        pa.array([None, 1], pa.int8()),
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, names=["as_of", "symbol", "member"]), sink)
    rows = read_rows(sink.getvalue().to_pybytes())
    assert str(rows.days["as_of"].tolist()) == "[None, datetime.date(2018, 11, 1)]"
    assert rows.symbols == (None, "A")
    assert np.isnan(rows.number("member")[0])
    assert rows.number("member")[1] == 1


BOTH_WAYS = """
import sys
import numpy as np
from quant_platform_kit.adapters.snapshot_files import read_rows, write_rows
from quant_platform_kit.domain.snapshot_manifest import Column
columns = [Column("as_of", "date", False), Column("symbol", "string", False), Column("vol_63", "float64", True)]
cells = {"as_of": np.full(2, np.datetime64("2018-11-30")), "symbol": ["A", "B"], "vol_63": np.array([0.1, np.nan])}
print(read_rows(write_rows(columns, cells)).table()["A"])
print(sorted(name for name in ("pandas", "pyarrow") if name in sys.modules))
"""


def test_writing_and_reading_rows_does_not_load_pandas() -> None:
    assert find_spec("pandas"), "without pandas installed this proves nothing"
    said = subprocess.run([sys.executable, "-c", BOTH_WAYS], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["{'vol_63': 0.1}", "['pyarrow']"]
