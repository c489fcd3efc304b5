"""Keep the unreadable texts of stored rows that a merge drops: an older answer arrived with a better copy."""

from __future__ import annotations

import json

import polars as pl

from factorlab_lake.providers.records import fields
from factorlab_lake.schema import DATASETS, TableSpec
from factorlab_lake.storage.transaction import Transaction

__all__ = ["keep_lost_texts"]


def keep_lost_texts(tx: Transaction, spec: TableSpec, stored: pl.DataFrame, merged: pl.DataFrame) -> None:
    """Append to ``rejected_records`` what only the dropped rows had of values that cannot be read.

    The position of such a record is negative, since its place in the response is no longer known.
    """
    if "extra" not in spec.names() or spec.name not in DATASETS.values():
        return
    texts = stored.filter(pl.col("extra").is_not_null())
    lost = texts.join(merged, on=[*spec.told_key, "extra"], how="anti")
    dataset = next(d for d, name in DATASETS.items() if name == spec.name)
    known = {*fields(dataset), *spec.names()}
    unread = [known & json.loads(text).keys() for text in lost["extra"]]
    lost = lost.with_columns(_names=pl.Series([", ".join(sorted(n)) for n in unread], dtype=pl.String))
    lost = lost.filter(pl.col("_names") != "")
    if lost.is_empty():
        return
    before = tx.read("rejected_records").filter(pl.col("position") < 0).group_by("fetch_id").len()
    rows = lost.sort("fetch_id", *spec.told_key).join(
        before, on="fetch_id", how="left", maintain_order="left"
    )
    place = pl.col("len").fill_null(0).cast(pl.Int32) + pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over(
        "fetch_id"
    )
    key = pl.struct(pl.col(spec.told_key).cast(pl.String)).struct.json_encode()
    tx.append(
        "rejected_records",
        rows.select(
            "fetch_id",
            "symbol",
            "recorded_at",
            position=-place,
            data_type=pl.lit(spec.name),
            reason=pl.lit("unread: ")
            + pl.col("_names")
            + " cannot be read or is impossible; another copy is stored",
            record=key.str.strip_suffix("}") + "," + pl.col("extra").str.strip_prefix("{"),
        ),
    )
