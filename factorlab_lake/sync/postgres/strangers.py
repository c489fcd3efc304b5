"""Find objects on a server that could be taken for those of the lake, and rights that are too wide.

PostgreSQL selects a function or operator by its arguments. One that another program added with other
arguments can fit a call better than the lake's own, or make the call ambiguous.
"""

from __future__ import annotations

import re
from importlib.resources import files

from factorlab_lake.schema import TABLES
from factorlab_lake.sync.postgres.connection import Connection
from factorlab_lake.sync.postgres.object_changes import Change, signatures
from factorlab_lake.sync.postgres.server_functions import FUNCTIONS, statements

__all__ = ["strangers", "warnings"]

_RECORDS = (
    "factorlab_lake_target",
    "factorlab_lake_ledger",
    "factorlab_lake_written",
    "factorlab_lake_installed",
)
_SUPERUSERS = """
SELECT r.rolname, r.rolname = current_user
FROM pg_roles r LEFT JOIN pg_class c ON c.relowner = r.oid AND c.oid = to_regclass('factorlab_lake_target')
WHERE r.rolsuper AND (c.oid IS NOT NULL OR r.rolname = current_user)
ORDER BY c.oid NULLS LAST LIMIT 1
"""


def strangers(con: Connection) -> list[Change]:
    """Return each such object; it is a fault only if a query could take it for one of the lake's."""
    text = files(__package__).joinpath("sql", "strangers.sql").read_text(encoding="utf-8")
    own = {name for name, _ in signatures()}
    called = set(re.findall(r"\b([a-z_]\w*)\(", "".join(statements())))
    parameters = {
        "signatures": [f"{name}({types})" for name, types in signatures()],
        "functions": [*own],
        "called": [*called - own],
        "relations": [*TABLES, *_RECORDS, *(name for name in FUNCTIONS if name not in own)],
    }
    rows = con.execute(text.encode(), parameters).fetchall()
    return [Change(str(name), str(what), str(sql), "", bool(bad)) for name, what, sql, bad in rows]


def warnings(con: Connection) -> list[str]:
    """Return what makes a target less safe than it can be: an owner, or a user who syncs, with all rights."""
    row = con.execute(_SUPERUSERS).fetchone()
    if row is None:
        return []
    does = "syncs as" if row[1] else "is owned by"
    warning = (
        f"The target {does} {row[0]}, a superuser: its password gives access to the whole server. Use a "
        "role of its own: CREATE ROLE lake_owner LOGIN; CREATE DATABASE lake OWNER lake_owner; then sync "
        "there as lake_owner."
    )
    return [warning]
