"""Generate the parts of the SQL of factors that follow from the formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from factorlab_lake.factors.formulas import FACTORS, YEAR_BEFORE, Factor, Input
from factorlab_lake.schema import Column, identifier, literal

__all__ = ["factor_parts", "factor_placeholders", "figure", "signed_sum"]

# The reasons of a row, by the input's part, in the order in which they are written.
_PARTS = {
    "market_cap": "market_cap_reason",
    "company_market_cap": "company_market_cap_reason",
    "ttm": "income_reason",
    "cash_flow": "cash_flow_reason",
    "balance_sheet": "balance_sheet_reason",
    "ttm_year_before": f"income{YEAR_BEFORE}_reason",
    "balance_sheet_year_before": f"balance_sheet{YEAR_BEFORE}_reason",
}

_FOLLOWS = {
    "company_market_cap": "market_cap",
    "cash_flow": "ttm",
    "ttm_year_before": "ttm",
    "balance_sheet_year_before": "balance_sheet",
}


def factor_placeholders() -> dict[str, str]:
    """Return the placeholders of ``factors.sql`` for all factors of ``factors.csv``."""
    return factor_parts(list(FACTORS.values()))


def factor_parts(factors: Sequence[Factor]) -> dict[str, str]:
    """Return the placeholders of ``factors.sql`` for some factors, with their values."""
    names = [identifier(f.name) for f in factors]
    return {
        "factor_values": _list(f"{_value(f)} AS {identifier(f.name)}" for f in factors),
        "factor_names": ", ".join(names),
        "any_factor_missing": " OR ".join(f"{name} IS NULL" for name in names),
        "reason_texts": "".join(f",\n           {text} AS {name}" for name, text in _texts(factors).items()),
        "factor_reasons": "\n                    || ".join(map(_entry, factors)),
        "row_reasons": " || ".join(map(_row_reason, _PARTS)),
    }


def _row_reason(part: str) -> str:
    """Return the reason of a part of a row, unless the part that it follows from has the same reason."""
    value = f"'; {part}: ' || {_PARTS[part]}"
    if part in _FOLLOWS:
        value = f"CASE WHEN {_PARTS[_FOLLOWS[part]]} IS NULL THEN {value} END"
    return f"COALESCE({value}, '')"


def figure(column: Column) -> str:
    """Return the expression for a statement's figure: NULL where the vendor writes 0 for a missing one."""
    name = f"s.{identifier(column.name)}"
    if column.zero_unless:
        total, other = (f"s.{identifier(each)}" for each in column.zero_unless)
        kept = f"{name} <> 0 OR {other} <> 0 OR {other} IS NULL OR coalesce({total}, 0) = 0"
        return f"CASE WHEN {kept} THEN {name} END"
    return f"nullif({name}, 0)" if column.zero_is_missing else name


def signed_sum(value: str) -> str:
    """Return the sum of a figure over a period's components, each with its sign; NULL where one lacks it."""
    return f"CASE WHEN count({value}) = count(*) THEN sum(p.component_sign * {value}) END"


def _list(parts: Iterable[str]) -> str:
    return ",\n           ".join(parts)


def _value(factor: Factor) -> str:
    conditions = [_same(*pair) for pair in _currencies(factor)]
    if factor.denominator:
        conditions.insert(0, f"{factor.denominator} > 0")
    if "CASE" in factor.formula:  # least and greatest ignore a missing input
        conditions += [f"{identifier(i.name)} IS NOT NULL" for i in factor.required]
    quotient = f"({factor.numerator})"
    if factor.denominator:
        quotient += f" / NULLIF({factor.denominator}, 0)"
    return f"CASE WHEN {' AND '.join(conditions) or 'TRUE'} THEN {quotient} END"


def _entry(factor: Factor) -> str:
    """Return the factor's part of the JSON object, which begins with a comma; empty if it has a value."""
    start = literal(f',"{factor.name}":"')
    last = f'{factor.denominator}: not positive"' if factor.denominator else 'division by zero"'
    reason = f"COALESCE({', '.join([*_reasons(factor), literal(last)])})"
    return f"CASE WHEN {identifier(factor.name)} IS NULL THEN {start} || {reason} ELSE '' END"


def _texts(factors: Sequence[Factor]) -> dict[str, str]:
    """Return the texts of which reasons consist, by column name; one that does not hold is NULL.

    The reasons share these columns: DuckDB plans all factors 8 % faster than with each text in each reason.
    """
    texts: dict[str, str] = {}
    for factor in factors:
        texts |= _reasons(factor)
    return texts


def _reasons(factor: Factor) -> dict[str, str]:
    """Return the texts of the reasons against a factor by column name; the first that is not NULL holds."""
    parts = dict.fromkeys(part for i in factor.inputs if i in factor.required for part in _parts(i))
    reasons = {f"{p}_text": f"'{p}: ' || {_PARTS[p]} || '\"'" for p in parts}
    for one, other in map(sorted, _currencies(factor)):
        text = f"CASE WHEN NOT {_same(one, other)} THEN 'currencies_differ\"' END"
        reasons[f"{one}_{other}_text"] = text  # PostgreSQL cuts a name after 63 bytes
    for item in factor.required:
        text = literal(f'{item.name}: missing"')
        reasons[f"{item.name}_missing_text"] = f"CASE WHEN {identifier(item.name)} IS NULL THEN {text} END"
    return reasons


def _parts(item: Input) -> tuple[str, ...]:
    """Return the parts of a row that an input needs: the company has no cap where the symbol has none."""
    return ("market_cap", item.name) if item.name == "company_market_cap" else (_part(item),)


def _part(item: Input) -> str:
    if not item.statement_type:
        return item.name
    if item.statement_type == "cash_flow":
        return "cash_flow"
    part = "ttm" if item.statement_type == "income" else "balance_sheet"
    return f"{part}{YEAR_BEFORE}" if item.years_back else part


def _currencies(factor: Factor) -> Iterator[tuple[str, str]]:
    """Return each pair of the currencies of a factor's inputs."""
    currencies = dict.fromkeys(_currency(i) for i in factor.inputs if i.has_currency)
    return combinations(currencies, 2)


def _same(one: str, other: str) -> str:
    return f"COALESCE({one} = {other}, TRUE)"


def _currency(item: Input) -> str:
    """Return the currency column of an input; cash flows have the currency of the income statement."""
    if not item.statement_type:
        return "currency"
    kind = "income" if item.statement_type == "cash_flow" else item.statement_type
    return f"{kind}{YEAR_BEFORE if item.years_back else ''}_currency"
