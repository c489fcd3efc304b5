"""Compare converted caps and factors of a lake in its folder with those of the same lake on Snowflake."""

from __future__ import annotations

from pathlib import Path

from tests.contracts.pair import both
from tests.unit.query.test_currencies import CASES, DAY, published, rate_rows
from tests.unit.query.test_enterprise_value import CASES as CLASSES
from tests.unit.sync.snowflake_server import Account


def test_converted_figures_have_the_same_rows(tmp_path: Path, snowflake: Account) -> None:
    """The rates are read from the server, and the methods convert its answers as those of a folder."""
    lake = CASES.build(tmp_path)
    lake.load("fx_rates", rate_rows(published()))
    names = ["PARIS", "LONDON", "ZURICH", "UNKNOWN"]
    with snowflake.schema() as url, both(lake, url) as pair:
        caps = pair.ask(lambda q: q.market_caps(names, DAY, currency="USD"))
        factors = pair.ask(lambda q: q.factors(names, DAY))
    assert caps["market_cap"].null_count() == factors["pe_ratio"].null_count() + 1 == 2


def test_enterprise_values_of_several_classes_have_the_same_rows(tmp_path: Path, snowflake: Account) -> None:
    """The classes are found on the server, and their caps are its answers; its SQL function has none."""
    lake = CLASSES.build(tmp_path)
    lake.load("fx_rates", rate_rows(published()))
    names = ["TWO.A", "TWO.C", "BIG.B", "PRICELESS.A", "COUNTLESS.A", "ABROAD.A", "ALONE"]
    with snowflake.schema() as url, both(lake, url) as pair:
        values = pair.ask(lambda q: q.factors(names, [DAY]))
        pair.ask(lambda q: q.company_market_caps(names, [DAY]))
        pair.ask(lambda q: q.sql("SELECT * FROM multi_class_symbols ORDER BY symbol, class_symbol"))
    assert values["ev_to_ebitda"].null_count() == 2
