"""The rule of availability of a session: from which day on a filing may be used.

The tables hold the lake's own rule, ``close``. Where a session sets ``factorlab.availability_lag_days``,
every view and function counts that many calendar days from a filing's date instead (0 is ``same_day``):
``SET factorlab.availability_lag_days = '0'``.
"""

from __future__ import annotations

from factorlab_lake.functions.sql_placeholders import availability_with_lag
from factorlab_lake.schema import TableSpec

__all__ = ["LAG_SETTING", "available"]

LAG_SETTING = "factorlab.availability_lag_days"
# In a query of its own, so that it is looked up once and not for each row.
_LAG = f"(SELECT nullif(current_setting('{LAG_SETTING}', true), '')::integer)"


def available(spec: TableSpec) -> str:
    """Return the first day on whose close a row of a table could be used, by the session's rule."""
    return f"CASE WHEN {_LAG} IS NULL THEN available_date ELSE {availability_with_lag(spec, _LAG)} END"
