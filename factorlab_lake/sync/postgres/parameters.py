"""Queries with ``$name`` parameters, as the lake's sessions take them, in the driver's form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from factorlab_lake.errors import InvalidInput, nearest

__all__ = ["driver_query"]

# Texts, quoted names and comments, in which a $name is none; a parameter; what the driver would take for one.
_TOKEN = re.compile(
    r"""(?P<other>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?<![\w$])\$(?P<name>[A-Za-z_]\w*)|(?P<percent>%)""",
    re.DOTALL | re.VERBOSE,
)


def driver_query(sql: str, params: Mapping[str, Any]) -> bytes:
    """Return a query with its parameters written as the driver has them.

    >>> driver_query("SELECT * FROM splits WHERE symbol = $s AND label <> '5% $s'", {"s": "AAPL"})
    b"SELECT * FROM splits WHERE symbol = %(s)s AND label <> '5%% $s'"
    """

    def written(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0].replace("%", "%%")
        if name not in params:
            raise InvalidInput(
                f"The query asks for ${name}, which was not given; give {name}=….{nearest(name, params)}",
                sql=sql,
            )
        return f"%({name})s"

    return _TOKEN.sub(written, sql).encode()
