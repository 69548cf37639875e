"""Exported rows as newline-delimited JSON, as CSV, or as a Parquet file."""

import csv
import json
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import islice
from typing import IO, Any, Protocol

from vrrpwatch.store.codec import Object
from vrrpwatch.store.exporting import CHUNK, Column
from vrrpwatch.wire.text import spreadsheet_text


class Sink(Protocol):
    """Where text goes."""

    def write(self, text: str, /) -> object: ...


def write_ndjson(file: Sink, kind: str, rows: Iterable[Object]) -> None:
    """One object per line, in ASCII, with its ``type`` in front."""
    for row in rows:
        file.write(json.dumps({"type": kind, **row}, separators=(",", ":")) + "\n")


def write_csv(file: Sink, columns: Sequence[Column], rows: Iterable[Object]) -> None:
    """RFC 4180 with a header; lists are separated by spaces, and no cell is a formula."""
    writer = csv.writer(file)
    writer.writerow([column.name for column in columns])
    for row in rows:
        writer.writerow([_cell(row[column.name]) for column in columns])


def write_parquet(file: IO[bytes], columns: Sequence[Column], rows: Iterable[Object]) -> None:
    """An Apache Parquet file; times are timestamps in microseconds UTC, lists JSON text.

    Needs the extra ``parquet``: raises :class:`ImportError` without it.
    """
    arrow = import_module("pyarrow")
    parquet = import_module("pyarrow.parquet")

    schema = arrow.schema([(column.name, _arrow_type(arrow, column)) for column in columns])
    remaining = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        # Before the first row, so that an export without any has its columns still.
        chunk = list(islice(remaining, CHUNK))
        while True:
            writer.write_table(
                arrow.table(
                    [
                        arrow.array([_arrow_value(column, row[column.name]) for row in chunk], schema.field(index).type)
                        for index, column in enumerate(columns)
                    ],
                    schema=schema,
                )
            )
            chunk = list(islice(remaining, CHUNK))
            if not chunk:
                return


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        value = " ".join(
            f"{item['source']}:{item['packet']}" if isinstance(item, dict) else str(item) for item in value
        )
    return spreadsheet_text(str(value))


def _arrow_type(arrow: Any, column: Column) -> Any:
    types = {
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "time": arrow.timestamp("us", tz="UTC"),
        "boolean": arrow.bool_(),
    }
    return types.get(column.kind, arrow.string())


def _arrow_value(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.kind == "time":
        from datetime import datetime

        return datetime.fromisoformat(value)
    return json.dumps(value) if column.kind == "list" else value
