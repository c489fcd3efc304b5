"""Generate the parts of ``factors.sql`` and ``ratios.sql`` that follow from the formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, combinations

from factorlab_lake.factors.formulas import FACTORS, YEAR_BEFORE, Factor, Input, factor_inputs
from factorlab_lake.schema import STATEMENT_TYPES, Column, identifier, literal

__all__ = ["MATCHES_COMPONENT", "factor_placeholders", "figure", "signed_sum"]

# Joins the statement ``s`` that a component ``p`` of a period names.
MATCHES_COMPONENT = (
    "s.symbol = p.symbol AND s.fiscal_date = p.component_date AND s.fiscal_period = p.component_period "
    "AND s.version = p.component_version"
)

_OPTIONAL = {i.name for f in FACTORS.values() for i in f.inputs} - {
    i.name for f in FACTORS.values() for i in f.required
}


def factor_placeholders() -> dict[str, str]:
    """Return the placeholders of ``factors.sql`` and ``ratios.sql`` with their values.

    Per statement type, ``…_figures`` computes the inputs of an interval from its components ``p`` and their
    statements ``s``. ``…_inputs`` selects them from the newest year ``n`` and the year before ``w``.
    ``…_names`` lists them. ``…_usable`` replaces an input by NULL where there is a reason against it.
    """
    inputs = {kind: [i for i in factor_inputs() if i.statement_type == kind] for kind in STATEMENT_TYPES}
    return {
        **{f"{kind}_figures": _list(dict.fromkeys(map(_figure, inputs[kind]))) for kind in STATEMENT_TYPES},
        **{f"{kind}_inputs": _list(map(_of_year, inputs[kind])) for kind in STATEMENT_TYPES},
        **{f"{kind}_names": ", ".join(identifier(i.name) for i in inputs[kind]) for kind in STATEMENT_TYPES},
        **{f"{kind}_usable": _list(map(_usable, inputs[kind])) for kind in STATEMENT_TYPES},
        "factor_columns": _list(f"{_value(f)} AS {identifier(f.name)}" for f in FACTORS.values()),
        "factors_of_period": _list(map(_of_period, FACTORS)),
        "factor_reasons": _list([*map(_missing, _required()), *dict.fromkeys(_not_positive())]),
        "same_currencies": " AND ".join(dict.fromkeys(chain(*map(_same_currency, FACTORS.values())))),
    }


def figure(column: Column) -> str:
    """Return the expression for a statement's figure: NULL where the vendor writes 0 for a missing one."""
    name = f"s.{identifier(column.name)}"
    return f"nullif({name}, 0)" if column.zero_is_missing else name


def signed_sum(value: str) -> str:
    """Return the sum of a figure over a period's components, each with its sign; NULL where one lacks it."""
    return f"CASE WHEN count({value}) = count(*) THEN sum(p.component_sign * {value}) END"


def _list(parts: Iterable[str]) -> str:
    return ",\n           ".join(parts)


def _plain(item: Input) -> str:
    return item.name.removesuffix(YEAR_BEFORE)


def _figure(item: Input) -> str:
    value = figure(item.column)
    if item.name in _OPTIONAL:  # counts as 0 in each statement without it
        value = f"coalesce({value}, 0)"
    if item.column.additive == "flow":
        value = signed_sum(value)
    elif item.column.additive == "shares":
        value = f"{value} * coalesce(l.cumulative_split_factor, 1)"
        value = f"max(CASE WHEN p.is_first AND p.component_reported THEN {value} END)"
    else:
        value = f"max({value})"  # there is one component; every engine has max
    return f"{value} AS {identifier(_plain(item))}"


def _of_year(item: Input) -> str:
    value = f"{'w' if item.years_back else 'n'}.{identifier(_plain(item))}"
    if item.years_back and not item.has_currency:  # averages of a quarter and a year differ
        value = f"CASE WHEN h.before_basis = h.basis THEN {value} END"
    return f"{value} AS {identifier(item.name)}"


def _usable(item: Input) -> str:
    name = identifier(item.name)
    return f"CASE WHEN {_no_reason(item)} THEN {name} END AS {name}"


def _no_reason(item: Input) -> str:
    reasons = [f"{item.statement_type}_reason"]
    if item.statement_type == "cash_flow":
        reasons.append("income_reason")
    if item.years_back:
        reasons.append(f"{item.statement_type}{YEAR_BEFORE}_reason")
    return " AND ".join(f"{reason} IS NULL" for reason in reasons)


def _value(factor: Factor) -> str:
    conditions = [f"{factor.denominator} > 0", *_same_currency(factor)]
    if "CASE" in factor.formula:  # least and greatest ignore a missing input
        conditions += [f"{identifier(i.name)} IS NOT NULL" for i in factor.required]
    return f"CASE WHEN {' AND '.join(conditions)} THEN {factor.formula} END"


def _of_period(name: str) -> str:
    return f"CASE WHEN f.fiscal_date = p.fiscal_date THEN f.{identifier(name)} END AS {identifier(name)}"


def _same_currency(factor: Factor) -> Iterator[str]:
    currencies = dict.fromkeys(_currency(i) for i in factor.inputs if i.has_currency)
    for one, other in combinations(currencies, 2):
        yield f"coalesce({one} = {other}, true)"


def _currency(item: Input) -> str:
    """Return the currency column of an input; cash flows have the currency of the income statement."""
    kind = "income" if item.statement_type == "cash_flow" else item.statement_type or "price"
    return f"{kind}{YEAR_BEFORE if item.years_back else ''}_currency"


def _required() -> list[Input]:
    inputs = dict.fromkeys(i for factor in FACTORS.values() for i in factor.required)
    return [i for i in inputs if i.statement_type]


def _missing(item: Input) -> str:
    name = identifier(item.name)
    return f"CASE WHEN {name} IS NULL AND {_no_reason(item)} THEN {literal(f'{item.name}: missing')} END"


def _not_positive() -> Iterator[str]:
    for factor in FACTORS.values():
        text = literal(f"{factor.denominator}: not positive")
        yield f"CASE WHEN {factor.denominator} <= 0 THEN {text} END"
