"""What a question may not change: the tables and functions that every other answer of the session stands on.

A session is in memory and a user's own: tables and views made in it are welcome. Some of the lake's names are
tables there too, since their rows are kept for later questions; a change to one would make later answers
wrong without a word.
"""

from __future__ import annotations

import re

from factorlab_lake.errors import InvalidInput
from factorlab_lake.functions.duckdb_functions import FUNCTIONS, without_texts
from factorlab_lake.query.row_cache import COMPANIES
from factorlab_lake.query.row_cache_files import FEW_CELLS, KEPT_ROWS
from factorlab_lake.schema import TABLES

__all__ = ["reject_write"]

_NAME = r'(?P<name>"?\w+"?(?:\s*\.\s*"?\w+"?)*)'
_KIND = r"(?:table|view|macro(?:\s+table)?|function|schema)"
_CHANGES = (
    rf"(?P<verb>insert)\s+(?:or\s+\w+\s+)?into\s+{_NAME}",
    rf"(?P<verb>delete)\s+from\s+{_NAME}",
    rf"(?P<verb>merge)\s+into\s+{_NAME}",
    rf"(?P<verb>update|truncate)\s+(?:table\s+)?{_NAME}",
    rf"(?P<verb>drop|alter)\s+{_KIND}\s+(?:if\s+exists\s+)?{_NAME}",
    rf"(?P<verb>create)\s+(?:or\s+replace\s+)?(?:temp\s+|temporary\s+)?{_KIND}\s+(?:if\s+not\s+exists\s+)?{_NAME}",
    rf"(?P<verb>copy)\s+{_NAME}\s*(?:\([^)]*\)\s*)?from\b",
)
_CHANGE = [re.compile(rf"\b{change}", re.IGNORECASE) for change in _CHANGES]
_OURS = frozenset({*TABLES, *FUNCTIONS})
_SCHEMAS = frozenset({"main", COMPANIES, KEPT_ROWS, FEW_CELLS})  # whose end would be that of all in them


def reject_write(sql: str) -> None:
    """Raise :class:`InvalidInput` where a statement would change something of the lake's.

    >>> reject_write("CREATE TABLE mine AS SELECT * FROM price_data")
    >>> reject_write("DELETE FROM splits")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    factorlab_lake.errors.InvalidInput: A question only reads, but DELETE would change 'splits', ...
    """
    code = without_texts(sql, but_words=True)  # DuckDB takes a word in single quotes for a table's name
    for pattern in _CHANGE:
        for match in pattern.finditer(code):
            verb, name = match["verb"].upper(), match["name"].replace('"', "")
            if _is_ours(name.lower()):
                raise InvalidInput(
                    f"A question only reads, but {verb} would change {name!r}, on which answers of this lake "
                    "stand; make a table under another name, and bring rows into the lake with load.",
                    sql=sql,
                )


def _is_ours(name: str) -> bool:
    """Say whether a name, which may have a schema before it, is the lake's, or of what is kept beside it."""
    last = name.replace(" ", "").split(".")[-1]
    return last.removesuffix("_source").removesuffix("_rows") in _OURS or last in _SCHEMAS
