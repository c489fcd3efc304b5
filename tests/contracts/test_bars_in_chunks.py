"""Compare lake and server where the server's bars are stored in chunks, as TimescaleDB stores them.

A child table is enough for the look-up that is made for chunks; TimescaleDB itself is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import psycopg
import pytest

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.lake import Lake
from factorlab_lake.schema import table
from factorlab_lake.schema.spec import identifiers
from factorlab_lake.server_lake import open_server_lake
from factorlab_lake.sync.postgres import ddl
from factorlab_lake.sync.protocol import ROW_HASH
from tests.contracts.pair import Pair, method_call
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.sync.comparing import by_hand
from tests.unit.sync.postgres_server import Server

_FILES = ("market_caps", "split_basis", "ratios")
_MONTHS = {"start": "2018-12-15", "end": "2021-12-31", "freq": "ME"}
_CAPS = "SELECT count(*) FROM market_caps(%s::text[], %s::date[])"
_LIMITED = """
SELECT symbol, date, price_date, close_price FROM market_caps(
    $symbols::text[], ARRAY['2020-12-27', '2021-12-31']::date[], price_age_limit := {limit})
ORDER BY symbol, date
"""
_LOOK_UPS = (
    "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_xact_user_tables WHERE relname = 'price_data'"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Return one lake with the cases of several files."""
    cases = LakeBuilder()
    for name in _FILES:
        cases.add(import_module(f"tests.unit.query.test_{name}").CASES, prefix=f"{name}.")
    return cases.build(tmp_path_factory.mktemp("chunks"))


@pytest.fixture(scope="module")
def url(made: Lake, postgres: Server) -> Iterator[str]:
    """Yield the address of a server whose bars are partly in a chunk."""
    with postgres.database() as address:
        made.sync(address)
        stored = identifiers([*table("price_data").names(), ROW_HASH])
        by_hand(address, "CREATE TABLE chunk () INHERITS (price_data)")
        by_hand(
            address, f"ALTER TABLE chunk ADD UNIQUE {ddl.key_columns(table('price_data'))}"
        )  # a child inherits no key
        by_hand(
            address,
            f"WITH moved AS (DELETE FROM ONLY price_data WHERE year = 2020 RETURNING {stored}) "
            f"INSERT INTO chunk ({stored}) TABLE moved",
        )
        yield address


def _symbols(lake: Lake) -> list[str]:
    return sorted(lake.sql("SELECT DISTINCT symbol FROM price_data")["symbol"])


@pytest.mark.parametrize("vintage", ["known", "latest"])
def test_every_month_has_the_same_rows(made: Lake, url: str, vintage: str) -> None:
    """Caps and factors are equal for each case over three years, around splits and gaps too."""
    with Pair(fl.open(made.path), open_server_lake(url, availability=CLOSE)) as pair:
        for name in ("market_caps", "factors"):
            rows = pair.ask(method_call(name, _symbols(made), **_MONTHS, vintage=vintage))
            assert rows["reason"].n_unique() > 3
        if vintage == "known":
            assert pair.ask(method_call("ratios", _symbols(made))).height > 20


def test_all_dates_and_limits_have_the_same_rows(made: Lake, url: str) -> None:
    """Rows are equal for each day, days far apart, the first and last possible days, and long limits."""
    symbols = [*_symbols(made)[::4], "NONE"]
    with Pair(fl.open(made.path), open_server_lake(url, availability=CLOSE)) as pair:
        pair.ask(lambda q: q.market_caps(symbols, start="2020-07-01", end="2020-09-30", freq="D"))
        for days in (["0001-01-01", "2020-12-31", "9999-12-31"], ["2020-12-31", "2008-02-29"], []):
            pair.ask(lambda q, days=days: q.market_caps(symbols, days))  # type: ignore[misc]
        for limit in (0, 1, 4000):
            text = _LIMITED.format(limit=limit)
            pair.ask(lambda q, text=text: q.sql(text, symbols=symbols))  # type: ignore[misc]


def test_the_bars_of_a_symbol_are_read_once_for_all_dates(made: Lake, url: str) -> None:
    """A look-up per date would unpack a block of a thousand bars each time."""
    symbols = _symbols(made)
    days = [f"{year}-{month:02}-28" for year in (2019, 2020, 2021) for month in range(1, 13)]
    with psycopg.connect(url) as con:
        assert con.execute(_CAPS, [symbols, days]).fetchone() == (len(symbols) * len(days),)
        [look_ups] = con.execute(_LOOK_UPS).fetchone() or [0]
    assert 0 < look_ups <= 2 * len(symbols)
