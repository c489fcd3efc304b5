"""Decode JSON records into frames, and map a provider's fields to columns.

Well-formed arrays take a vectorised reader; all others are decoded record by record.
"""

from __future__ import annotations

import csv
import json
import math
import re
from contextlib import suppress
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from factorlab_lake.providers.protocol import FetchResult
from factorlab_lake.providers.response_bounds import BoundExceeded, check_columns, check_names_of
from factorlab_lake.schema.limits import MAX_FIELDS

__all__ = [
    "Shapes",
    "check_names",
    "decode",
    "enclosed",
    "fields",
    "frame_of",
    "generations",
    "plain_frame",
    "ratio_names",
    "ratio_rows",
    "read_array",
]

# A text such as a time may have colons beside the one of its field.
_COLONS = 4
_HALF_CHARACTER = re.compile(rb"\\\x00*u\x00*[dD]")
# The columns of the last response by dataset: the next response almost always has the same columns.
Shapes = dict[str, dict[str, pl.DataType]]


def enclosed(text: bytes, member: str) -> tuple[dict[str, Any], bytes] | None:
    """Split an object's text into the object without the array ``member``, and the text of that array.

    Returns None when the text has another form or more than one array.

    >>> enclosed(b'{"symbol": "AAPL", "historical": [{"date": "2024-01-02"}]}', "historical")
    ({'symbol': 'AAPL', 'historical': []}, b'[{"date": "2024-01-02"}]')
    """
    start, end = text.find(f'"{member}"'.encode()), text.rfind(b"]") + 1
    start = text.find(b"[", start)
    try:
        envelope = _with_whole_characters(json.loads(text[:start] + b"[]" + text[end:]))
    except (ValueError, RecursionError):
        return None
    if start < 0 or not isinstance(envelope, dict) or envelope.get(member) != []:
        return None
    return envelope, text[start:end]


def plain_frame(array: bytes, dataset: str, shapes: Shapes) -> pl.DataFrame | None:
    """Read an array of plain records with the vectorised reader; return None where it could misread them."""
    if b"true" in array or b"false" in array:
        return None  # it would read them as numbers in a column that has both
    if b"\\ud" in array or b"\\uD" in array:
        return None  # it would read half a character as NUL, which PostgreSQL refuses
    records = read_array(array, shapes.get(dataset))
    if records is None or records.width == 0 or any(t.is_nested() for t in records.schema.values()):
        return None
    shapes[dataset] = {n: pl.Float64() if t.is_numeric() else t for n, t in records.schema.items()}
    return records


def decode(text: bytes) -> Any:
    r"""Decode JSON as Python does, bare NaN included; raise ``ValueError`` with the reason otherwise.

    Half a character, as a text cut within an emoji ends with, becomes U+FFFD: no file can store it.

    >>> decode(rb'["cut \ud83d"]') == ["cut \ufffd"]
    True
    """
    try:
        value = json.loads(text)
        # Only an escape can be half a character, and most texts have none.
        return _with_whole_characters(value) if _HALF_CHARACTER.search(text) else value
    except UnicodeDecodeError:
        raise ValueError("not text") from None
    except json.JSONDecodeError as error:
        if text.lstrip()[:1] == b"<":
            raise ValueError("HTML or XML instead of JSON") from None
        raise ValueError(f"not JSON, or cut short ({error})") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"JSON with a value that cannot be read ({error})") from None


def _with_whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        # Python's parser passes surrogates on; ASCII is the usual case, and the test for it is free.
        return (
            value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    if isinstance(value, list):
        return [_with_whole_characters(v) for v in value]
    if isinstance(value, dict):
        return {_with_whole_characters(k): _with_whole_characters(v) for k, v in value.items()}
    return value


def check_names(records: pl.DataFrame) -> None:
    """Raise ``ValueError`` for a field whose name polars would read as a pattern, and beyond a bound."""
    check_columns(records)
    for field in records.columns:
        if field == "*" or (field.startswith("^") and field.endswith("$")):
            raise ValueError(f"the field name {field!r} is a pattern that would match other fields")


def read_array(array: bytes, shape: dict[str, pl.DataType] | None = None) -> pl.DataFrame | None:
    """Parse a JSON array of objects with the columns of an earlier one, or else by scanning all records.

    The columns of ``shape`` make it twice as fast, if they match exactly and numbers are floats. A type
    inferred from the first records would cut 10.7 to 10.
    """
    if shape and array.count(b":", 0, array.find(b"}") + 1) <= len(shape) * _COLONS:
        with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
            numbers = {name: dtype for name, dtype in shape.items() if dtype.is_numeric()}
            frame = pl.read_json(array, schema_overrides=numbers, infer_schema_length=1)
            if frame.schema == shape:
                return frame
    check_names_of(array)
    with suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return pl.read_json(array, infer_schema_length=None)
    return None


def frame_of(records: list[Any], result: FetchResult) -> pl.DataFrame:
    """Return the records that are objects as a frame; ``result.broken`` gets the others."""
    objects = [(i, r) for i, r in enumerate(records) if isinstance(r, dict)]
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            result.broken.append(
                (i, f"a record is {type(record).__name__}, not an object", json.dumps(record)[:200])
            )
    names = dict.fromkeys(name for _, record in objects for name in record)
    if len(names) > MAX_FIELDS:
        raise BoundExceeded(f"{len(names):,} fields, more than {MAX_FIELDS:,}")
    columns = [_column(name, [record.get(name) for _, record in objects]) for name in names]
    return pl.DataFrame([pl.Series("_position", [i for i, _ in objects], pl.Int64), *columns])


def _column(name: str, values: list[Any]) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {bool}:
        return pl.Series(name, values, pl.Boolean if kinds else pl.Null)
    if kinds <= {int, float}:
        with suppress(OverflowError):
            return pl.Series(name, [None if v is None else float(v) for v in values], pl.Float64)
    return pl.Series(name, values if kinds == {str} else [_text(v) for v in values], pl.String)


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value if isinstance(value, str) else json.dumps(value)


@cache
def fields(dataset: str, generation: str | None = None) -> dict[str, str]:
    """Return ``{wire field: column}`` of an FMP dataset, for one API generation or for both.

    >>> fields("income")["fillingDate"], fields("income")["filingDate"]
    ('filing_date', 'filing_date')
    """
    return {
        row["field"]: row["column"]
        for row in _field_map()
        if row["dataset"] == dataset and generation in (None, row["generation"])
    }


def generations(dataset: str) -> list[str]:
    """Return the API generations that offer a dataset.

    >>> generations("price")
    ['v3', 'stable']
    """
    return list(dict.fromkeys(row["generation"] for row in _field_map() if row["dataset"] == dataset))


def ratio_names(generation: str) -> dict[str, str]:
    """Return ``{wire field: column}`` of FMP's ratios in one API generation.

    >>> ratio_names("v3")["debtEquityRatio"] == ratio_names("stable")["debtToEquityRatio"]
    True
    """
    return {name: row["column"] for row in ratio_rows() for name in row[generation].split()}


@cache
def ratio_rows() -> list[dict[str, str]]:
    """Return FMP's ratios: their names in each API generation, and the figures that make them."""
    return _rows("ratios.csv")


@cache
def _field_map() -> list[dict[str, str]]:
    return _rows("fields.csv")


def _rows(name: str) -> list[dict[str, str]]:
    # Read beside this module: an import of the vendor's package would load its HTTP client.
    text = files(__package__).joinpath("fmp", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
