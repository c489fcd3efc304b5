"""Which new bars hint at a split that the lake may not know yet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from factorlab_lake.ingest.normalize import normalize
from factorlab_lake.ingest.record_frames import group_by_shape, to_frame
from factorlab_lake.providers.result import FetchResult
from factorlab_lake.schema.rules import MIN_SPLIT_RATIO, SUSPICIOUS_DAILY_RATIO
from factorlab_lake.storage import data_files, snapshots
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.transaction import read_files

__all__ = ["detect_split"]


def detect_split(layout: Layout, answers: Sequence[FetchResult]) -> list[str]:
    """Return the symbols whose arriving bars differ from the held ones by a ratio, or jump within them.

    The first is how a provider's history looks after it was re-based by a split, the second how it looks
    when the split has happened and nothing was re-based yet. Give only answers for symbols that the lake
    holds already: of others, all that is known is asked for anyway.
    """
    prices = [a for a in answers if a.dataset == "price" and a.count]
    if not prices:
        return []
    bars = pl.concat(normalize(to_frame(g), "price", g[0].fields).rows for g in group_by_shape(prices))
    bars = bars.select("symbol", "date", arriving="close_price")
    held = _held(layout, bars)
    both = bars.join(held, on=["symbol", "date"])
    ratio = pl.col("arriving") / pl.col("held")
    moved = both.filter(pl.max_horizontal(ratio, 1 / ratio) > MIN_SPLIT_RATIO)["symbol"]
    known = bars.filter(pl.col("symbol").is_in(held["symbol"].implode())).sort("symbol", "date")
    step = (pl.col("arriving") / pl.col("arriving").shift(1)).log().abs().over("symbol")
    jumped = known.filter(step > math.log(SUSPICIOUS_DAILY_RATIO))["symbol"]
    return pl.concat([moved, jumped]).unique().sort().to_list()


def _held(layout: Layout, bars: pl.DataFrame) -> pl.DataFrame:
    """Return the closes that the lake holds of the symbols, in the years of the bars."""
    snapshot, symbols = snapshots.latest(layout), bars["symbol"].unique()
    first, last = (str(day) for day in (bars["date"].min(), bars["date"].max()))
    found = data_files.prune(
        data_files.files_of(layout, snapshot, "price_data"), symbols=symbols.to_list(), first=first, last=last
    )
    rows = read_files(layout, "price_data", found, symbols, columns=["symbol", "date", "close_price"])
    return rows.rename({"close_price": "held"})
