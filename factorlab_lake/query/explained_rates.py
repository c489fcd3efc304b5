"""Show in the explanation of a factor its exchange rates, and the caps of a company's classes of shares."""

from __future__ import annotations

import json
import re
from typing import Any

import polars as pl

from factorlab_lake.factors.formulas import Factor
from factorlab_lake.functions.question_texts import INPUTS
from factorlab_lake.query.converted_factors import RATE_OF

__all__ = ["with_class_caps", "with_numbers", "with_rates"]

_Row = dict[str, Any]


def with_rates(explained: pl.DataFrame, factor: Factor, answer: _Row, rates: _Row) -> pl.DataFrame:
    """Return an explanation with the rate and the converted value of each input, and the factor's value.

    ``answer`` is the row of ``factors``, and ``rates`` a row of the inputs with their rates.
    """
    rows = explained.to_dicts()
    last = rows.pop()
    shown: list[_Row] = []
    for place, row in enumerate(rows):
        shown.append(row)
        is_last = place + 1 == len(rows) or rows[place + 1]["step"] != row["step"]
        if is_last and row["value"] is not None:
            shown += _conversion(row, rates)
    value = answer[factor.name]
    known = {row["step"]: row["value"] for row in shown}
    note = json.loads(answer["reasons"])[factor.name] if value is None else with_numbers(factor, known)
    return pl.DataFrame([*shown, last | {"value": value, "note": note}], explained.schema, orient="row")


def with_class_caps(explained: pl.DataFrame, classes: pl.DataFrame, inputs: _Row) -> pl.DataFrame:
    """Return an explanation with a row per class before the cap of the company.

    ``classes`` has the cap of each, and ``inputs`` is the row of the factor's inputs.
    """
    name = "company_market_cap"
    rows = explained.to_dicts()
    [place] = [i for i, row in enumerate(rows) if row["step"] == name]
    company = rows[place] | {"value": inputs[name], "note": inputs[f"{name}_reason"] or "sum of the classes"}
    empty = dict.fromkeys(company) | {"step": name, "date": company["date"]}
    shown = [
        empty
        | {
            "value": row["market_cap"],
            "item": row["class_symbol"],
            "source": row["shares_source"],
            "note": row["reason"] or f"market_cap of {row['class_symbol']}, see explain_market_cap",
        }
        for row in classes.to_dicts()
    ]
    return pl.DataFrame([*rows[:place], *shown, company, *rows[place + 1 :]], explained.schema, orient="row")


def with_numbers(formula: Factor, known: dict[str, float | None]) -> str:
    """Return the formula with the inputs' numbers; optional inputs that are not reported count as 0."""
    text = formula.formula
    for item in sorted(formula.inputs, key=lambda i: -len(i.name)):
        text = re.sub(rf"\b{item.name}\b", repr(known[item.name] or 0.0), text)
    return text


def _conversion(row: _Row, rates: _Row) -> list[_Row]:
    """Return the rate of an input and its value in the currency of the price; nothing if it has no rate."""
    name = RATE_OF.get(INPUTS.get(row["step"], ("", ""))[1], "")
    rate = rates.get(name)
    if rate is None or row["step"] == "shares":
        return []
    part = name.removesuffix("_rate")
    pair = f"{rates['currency']} for one {rates[f'{part}_currency']}"
    day = rates[f"{name}_date"]
    kind = f"published on {day}"
    if part == "income":
        kind = f"mean of the rates published after {rates['income_rate_first']} up to {day}"
    empty = dict.fromkeys(row)
    return [
        empty
        | {
            "step": row["step"],
            "value": rate,
            "item": "exchange_rate",
            "date": day,
            "note": f"{pair}, {kind}",
        },
        empty | {"step": row["step"], "value": row["value"] * rate, "note": f"in {rates['currency']}"},
    ]
