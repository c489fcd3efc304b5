"""Compare two answers; a different one stops the run, because its speed means nothing."""

from __future__ import annotations

import polars as pl

from factorlab_lake.schema import STATEMENT_TABLES

__all__ = ["agreement", "answers_agree"]

_TOLERANCE = 1e-12  # relative: the order of summing may move the last bits
_KEY = ["symbol", "date"]
_KEYS = {
    "statements": ["symbol", "statement_type", "fiscal_date"],
    "quarters": ["symbol", "fiscal_date"],
    "append": ["bars"],
}


def answers_agree(kind: str, ours: pl.DataFrame, peer: list[pl.DataFrame]) -> str:
    """Compare all columns that both answers to a kind of question have; see :func:`agreement`."""
    if kind == "statements" and len(peer) > 1:
        return _statements_agree(ours, peer)
    (other,) = peer
    key = _KEYS.get(kind, _KEY)
    return agreement(ours, other, _shared(ours, other, key), key)


def agreement(ours: pl.DataFrame, peer: pl.DataFrame, columns: list[str], key: list[str] = _KEY) -> str:
    """Compare columns of two answers by their key; return how many values are equal, or raise."""
    kinds = ours.select(*key, *columns).schema
    peer = peer.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    pairs = ours.select(*key, *columns).join(peer, on=key, how="full", coalesce=True)
    if not ours.height == peer.height == pairs.height:
        raise RuntimeError(f"Ours has {ours.height} rows, the peer's {peer.height}, together {pairs.height}.")
    for name in columns:
        off = pairs.filter(_differs(pl.col(name), pl.col(f"{name}_right"), kinds[name]))
        if off.height:
            shown = off.select(*key, name, f"{name}_right").head(3).rows()
            raise RuntimeError(f"{off.height} values of {name} differ, such as {shown}.")
    compared = sum(pairs[name].count() for name in columns)
    if not compared:
        raise RuntimeError(f"No row has a value of {', '.join(columns)}.")
    return f"equal: {compared:,}"


def _differs(ours: pl.Expr, peer: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if not kind.is_float():
        return ours.ne_missing(peer)
    one_is_null = ours.is_null() != peer.is_null()
    return one_is_null | ((ours - peer).abs() > _TOLERANCE * peer.abs()).fill_null(value=False)


def _shared(ours: pl.DataFrame, peer: pl.DataFrame, key: list[str]) -> list[str]:
    """Return the columns of numbers and days that both answers have."""
    compared = [n for n, kind in ours.schema.items() if kind.is_numeric() or kind == pl.Date]
    return [n for n in compared if n in peer.columns and n not in key]


def _statements_agree(ours: pl.DataFrame, peer: list[pl.DataFrame]) -> str:
    """Compare rows that hold line items as JSON with tables that have a column for each."""
    count, key = 0, ["symbol", "fiscal_date"]
    for kind, table in zip(STATEMENT_TABLES, peer, strict=True):
        rows = ours.filter(pl.col("statement_type") == kind)
        numbers = [n for n in table.columns if table[n].dtype.is_float() and table[n].count()]
        items = rows["metrics"].str.json_decode(pl.Struct(dict.fromkeys(numbers, pl.Float64))).struct.unnest()
        same = agreement(pl.concat([rows.select(key), items], how="horizontal"), table, numbers, key)
        count += int(same.removeprefix("equal: ").replace(",", ""))
    return f"equal: {count:,}"
