"""Answer with chDB, the embedded ClickHouse, over the lake's Parquet files: ``ASOF JOIN`` as in its manual.

The project does not install it, because of its size (500 MB); it takes part where it is installed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from string import Template
from typing import Any

import polars as pl
from chdb.session import Session

from benchmarks.sources import Sources
from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["Answers"]

_CAPS = Path(__file__).resolve().parent / "sql" / "market_caps_chdb.sql"


class Answers:
    """Read the files by table functions; the files of other years are left out."""

    def __init__(self, sources: Sources) -> None:
        self._files = sources.files
        self._session = Session()

    def market_caps(self, symbols: list[str], dates: list[date]) -> pl.DataFrame:
        """Return symbol, date, market_cap."""
        first, last = min(dates) - timedelta(days=10), max(dates)
        query = Template(_CAPS.read_text(encoding="utf-8")).substitute(
            price_data=self._bars(first, last),
            income_statements=_table(self._files["income_statements"]),
            splits=_table(self._files["splits"]),
        )
        parameters = {"symbols": _array(symbols), "dates": _array(dates), "first": first, "last": last}
        return self._frame(query, parameters)

    def prices(self, symbol: str, first: date, last: date) -> pl.DataFrame:
        """Return one symbol's bars."""
        return self._rows(self._bars(first, last), "date", (symbol, first, last))

    def statements(self, symbol: str, first: date, last: date) -> list[pl.DataFrame]:
        """Return one symbol's statements of each type."""
        return [
            self._rows(_table(self._files[name]), "fiscal_date", (symbol, first, last))
            for name in STATEMENT_TABLES.values()
        ]

    def _bars(self, first: date, last: date) -> str:
        years = {f"year={year}" for year in range(first.year, last.year + 1)}
        return _table([p for p in self._files["price_data"] if Path(p).parent.name in years])

    def _rows(self, table: str, day: str, key: tuple[str, date, date]) -> pl.DataFrame:
        query = (
            f"SELECT * FROM {table} WHERE symbol = {{symbol:String}} "
            f"AND {day} BETWEEN {{first:Date32}} AND {{last:Date32}} ORDER BY {day}"
        )
        return self._frame(query, dict(zip(("symbol", "first", "last"), key, strict=True)))

    def _frame(self, query: str, parameters: dict[str, Any]) -> pl.DataFrame:
        return pl.DataFrame(self._session.query(query, "ArrowTable", params=parameters))


def _table(files: list[str]) -> str:
    """Return a table function over files in one folder, or in folders side by side."""
    paths = [Path(path) for path in files]
    folders = {path.parent for path in paths}
    names = _either(path.name for path in paths)
    if len(folders) == 1:
        return f"file('{paths[0].parent}/{names}', 'Parquet')"
    years = _either(folder.name for folder in folders)
    return f"file('{paths[0].parent.parent}/{years}/{names}', 'Parquet')"


def _either(names: Iterable[str]) -> str:
    """Return a pattern that matches each name; braces around a single one match none."""
    distinct = sorted(set(names))
    return distinct[0] if len(distinct) == 1 else f"{{{','.join(distinct)}}}"


def _array(values: Iterable[object]) -> str:
    """Return the text of an array parameter."""
    quoted = ",".join(f"'{value}'" for value in values)
    return f"[{quoted}]"
