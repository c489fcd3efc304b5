"""Check a lake: coverage, freshness, quality findings, and an HTML report. This module loads their SQL."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from factorlab_lake.functions.rule_placeholders import fill, rule_placeholders

__all__ = ["sql_text"]

_COMMENT = re.compile(r"--.*")
_SHARED = ("missing_bars",)


@cache
def sql_text(name: str) -> str:
    """Return the query of a file in ``sql/``, with shared parts and the limits of rules inserted.

    Comments are removed: a session would take words in them for the names of tables to read.
    """
    text = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    text = _COMMENT.sub("", text).strip()
    for part in _SHARED:
        if "{{" + part + "}}" in text:
            text = text.replace("{{" + part + "}}", f"{sql_text(part).removesuffix(',')}")
    return fill(text, rule_placeholders)
