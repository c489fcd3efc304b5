"""Read the mapping of SEC's tags to line items from ``fields.csv``.

A rule is a tag, or a formula of items and tags. The rules of an item are in order of priority: the first one
with a value counts.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["MAPPING_VERSION", "Rule", "Term", "all_tags", "cyclic_items", "direct_tags", "rules"]

# Raise it with every change of fields.csv or of the rules in items.py: rows of another version are remaps.
MAPPING_VERSION = "sec-1"

_TERM = re.compile(r"(?P<sign>[+-]?)\s*(?P<tag>us-gaap:)?(?P<name>\w+)(?P<optional>\??)")
_SUM_OF_CHANGES = "sum of all us-gaap:IncreaseDecreaseIn* of the period"


@dataclass(frozen=True, slots=True)
class Term:
    """Represent a part of a formula: an item or a tag with its sign; an optional one may be missing."""

    name: str
    sign: int
    is_tag: bool
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """Represent one way to get an item: a tag and the sign of its value, or the terms of a formula.

    A rule with neither is the sum of all changes in working capital.
    """

    priority: int
    tag: str = ""
    sign: int = 1
    terms: tuple[Term, ...] = ()


@cache
def rules(statement_type: str, taxonomy: str) -> dict[str, tuple[Rule, ...]]:
    """Return the rules of each item of a statement, for filings of one taxonomy.

    Filings under IFRS use the tags of ``ifrs-full`` and the formulas without tags. Items whose name starts
    with ``_`` are parts of other items.

    >>> [rule.tag for rule in rules("income", "us-gaap")["income_tax_expense"]]
    ['IncomeTaxExpenseBenefit', 'IncomeTaxExpenseBenefitContinuingOperations']
    """
    out: defaultdict[str, list[Rule]] = defaultdict(list)
    for row in _table():
        if row["statement_type"] != statement_type or row["kind"] == "ratio":
            continue
        rule = _rule(row, taxonomy)
        if rule is not None:
            out[row["item"]].append(rule)
    # A tag comes before a formula of the same priority: it is the figure of the company.
    return {item: tuple(sorted(each, key=lambda r: (r.priority, not r.tag))) for item, each in out.items()}


@cache
def direct_tags(statement_type: str, taxonomy: str, *items: str) -> frozenset[str]:
    """Return the tags that give some items directly.

    >>> sorted(direct_tags("balance_sheet", "ifrs-full", "total_assets"))
    ['Assets', 'EquityAndLiabilities']
    """
    known = rules(statement_type, taxonomy)
    return frozenset(rule.tag for item in items for rule in known.get(item, ()) if rule.tag)


@cache
def all_tags(statement_type: str, taxonomy: str) -> frozenset[str]:
    """Return the tags that some rule of a statement reads.

    >>> "Assets" in all_tags("balance_sheet", "us-gaap"), "Assets" in all_tags("income", "us-gaap")
    (True, False)
    """
    each = [rule for of_item in rules(statement_type, taxonomy).values() for rule in of_item]
    return frozenset(
        {r.tag for r in each if r.tag} | {term.name for r in each for term in r.terms if term.is_tag}
    )


@cache
def cyclic_items(statement_type: str, taxonomy: str) -> frozenset[str]:
    """Return the items whose formulas lead back to themselves.

    >>> sorted(cyclic_items("cash_flow", "us-gaap"))
    ['common_dividends_paid', 'dividends_paid']
    """
    parts = {
        item: {term.name for rule in each for term in rule.terms if not term.is_tag}
        for item, each in rules(statement_type, taxonomy).items()
    }
    reached = dict(parts)
    for _ in parts:
        reached = {i: names.union(*(reached.get(n, ()) for n in names)) for i, names in reached.items()}
    return frozenset(item for item, names in reached.items() if item in names)


def _rule(row: dict[str, str], taxonomy: str) -> Rule | None:
    priority, expression = int(row["priority"]), row["tag"]
    if row["taxonomy"] == taxonomy:
        return Rule(priority, expression, int(row["sign"]))
    if row["taxonomy"] != "formula" or (taxonomy != "us-gaap" and "us-gaap:" in expression):
        return None
    if expression == _SUM_OF_CHANGES:
        return Rule(priority)
    return Rule(priority, terms=tuple(_terms(expression)))


def _terms(expression: str) -> list[Term]:
    return [
        Term(part["name"], -1 if part["sign"] == "-" else 1, bool(part["tag"]), bool(part["optional"]))
        for part in _TERM.finditer(expression)
    ]


@cache
def _table() -> list[dict[str, str]]:
    text = files(__package__).joinpath("fields.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
