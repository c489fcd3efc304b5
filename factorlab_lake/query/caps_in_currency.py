"""Convert market capitalisations to one currency, at the rate of the day of each price."""

from __future__ import annotations

import re

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.query.exchange_rates import ExchangeRates
from factorlab_lake.schema.columns import CURRENCY_PATTERN
from factorlab_lake.schema.quote_units import CURRENCY_SPELLINGS, MINOR_UNITS

__all__ = ["caps_in", "checked_currency"]

_PLACE = "_place"
_ISO_CODE = re.compile(CURRENCY_PATTERN)


def checked_currency(currency: str) -> str:
    """Return the ISO code of a currency; raise :class:`InvalidInput` for another text.

    >>> checked_currency("USD")
    'USD'
    """
    check_type(currency, str, "currency", "an ISO code such as 'USD'")
    in_capitals = currency.strip().upper()
    spelt = CURRENCY_SPELLINGS.get(in_capitals, currency)
    if not _ISO_CODE.fullmatch(currency) or spelt in MINOR_UNITS:
        meant = in_capitals if _ISO_CODE.fullmatch(in_capitals) else "USD"
        instead = MINOR_UNITS.get(spelt, meant)
        raise InvalidInput(
            f"currency is {currency[:20]!r}; expected an ISO code in capitals. Pass {instead!r}.",
            currency=currency,
        )
    return currency


def caps_in(rows: pl.DataFrame, currency: str, rates: ExchangeRates) -> pl.DataFrame:
    """Return rows of ``market_caps`` with the cap in a currency, and the rate of the day of the price.

    ``close_price`` stays in ``price_currency``. A cap without a rate is NULL with ``no_exchange_rate``, and
    one whose own currency is unknown with ``currency_unknown``.
    """
    placed = rows.rename({"currency": "price_currency"}).with_row_index(_PLACE)
    priced = placed.filter(pl.col("price_currency").is_not_null() & pl.col("price_date").is_not_null())
    parts = [pl.DataFrame(schema={_PLACE: pl.UInt32, "rate": pl.Float64, "rate_date": pl.Date})]
    for (own,), some in priced.partition_by("price_currency", as_dict=True).items():
        looked_up = rates.on_days(str(own), currency, some["price_date"])
        parts.append(pl.concat([some.select(_PLACE), looked_up], how="horizontal"))
    joined = placed.join(pl.concat(parts), on=_PLACE, how="left", maintain_order="left")
    missing = (
        pl.when(pl.col("price_currency").is_null()).then(pl.lit("currency_unknown"))
        .when(pl.col("rate").is_null()).then(pl.lit("no_exchange_rate"))
    )  # fmt: skip
    converted = joined.with_columns(
        pl.col("market_cap") * pl.col("rate"),
        currency=pl.lit(currency),
        exchange_rate="rate",
        exchange_rate_date="rate_date",
        reason=pl.coalesce("reason", missing),
    )
    return converted.select(_columns(rows.columns))


def _columns(names: list[str]) -> list[str]:
    """Return the columns of ``market_caps`` with those of the conversion at their places."""
    more = {"close_price": ["price_currency"], "split_evidence": ["exchange_rate", "exchange_rate_date"]}
    return [each for name in names for each in (name, *more.get(name, ()))]
