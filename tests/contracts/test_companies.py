"""Compare lake and server where a symbol passed to another company, and where quotes are in minor units."""

from __future__ import annotations

from pathlib import Path

import factorlab_lake as fl
from tests.contracts.pair import both
from tests.field_cases.given import INPUTS
from tests.unit.sync.postgres_server import Server

REUSED = ["2023-05-10", "2023-05-16", "2023-09-15", "2023-09-21", "2023-12-01"]


def test_answers_about_companies_and_units_are_the_same_on_a_server(tmp_path: Path, postgres: Server) -> None:
    """The server has the caps, years and factors of the index and of the SQL."""
    lake = fl.open(tmp_path / "lake")
    for name in ("09_ticker_reused", "19_pence_and_adr"):
        lake.migrate(INPUTS / name)
    symbols = ["SNDK", "BARC.L", "TSM"]
    steps: list[dict[str, tuple[str, float | None]]] = [
        {"BARC.L": ("GBP", None)},
        {"BARC.L": ("GBp", None), "TSM": ("USD", 5.0)},
    ]
    for day, profiles in zip(("2024-05-01", "2024-05-20"), steps, strict=True):
        rows = {
            "symbol": list(profiles),
            "currency": [currency for currency, _ in profiles.values()],
            "shares_per_receipt": [ratio for _, ratio in profiles.values()],
            "fetched_at": [f"{day}T12:00:00Z"] * len(profiles),
        }
        lake.load("company_profiles", rows)
    days = [*REUSED, "2024-05-10", "2024-05-31"]
    with postgres.database() as url, both(lake, url) as pair:
        caps = pair.ask(lambda of: of.market_caps(symbols, days))
        for question in ("ttm", "factors"):
            pair.ask(lambda of, name=question: getattr(of, name)(symbols, days))  # type: ignore[misc]
        pair.ask(lambda of: of.prices(symbols, "2024-05-01"))
        columns = "symbol, company_id, valid_from, valid_to, source, kind"
        history = f"SELECT {columns} FROM company_history ORDER BY symbol, valid_from"
        pair.ask(lambda of: of.sql(history))
        pair.ask(lambda of: of.sql("SELECT * FROM instruments ORDER BY symbol, valid_from"))
    by_sql = lake.sql(f"FROM market_caps({symbols}, $days::DATE[]) ORDER BY symbol, date", days=days)
    assert caps.equals(by_sql)
    barclays = caps.filter(symbol="BARC.L")["close_price"].to_list()
    assert barclays[-2:] == [210.0, 2.1]
