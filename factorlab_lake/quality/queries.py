"""The SQL of this part, by file; what each asks and gives is said at its head."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from factorlab_lake.functions.sql_placeholders import fill, rule_placeholders

__all__ = ["sql_text"]

_COMMENT = re.compile(r"--.*")
_SHARED = ("missing_bars",)


@cache
def sql_text(name: str) -> str:
    """Return a query without its comments, which would be taken for names of tables; parts are filled in."""
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    text = _COMMENT.sub("", text).strip()
    for part in _SHARED:
        if "{{" + part + "}}" in text:
            text = text.replace("{{" + part + "}}", f"{sql_text(part).removesuffix(',')}")
    return fill(text, rule_placeholders)
