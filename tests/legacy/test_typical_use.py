"""Run the calls of a research notebook on a sample lake, in the order in which one makes them."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

from factorlab_lake.errors import SymbolNotHeldWarning
from factorlab_lake.lake import Lake

# Only the line of the import is of this package.
_NOTEBOOK = """
from datetime import datetime

import pandas as pd

from factorlab_lake.legacy import FMPProvider

provider = FMPProvider(api_key="demo")
symbols = ["AAPL", "googl", "DELISTED"]
start, end = "2020-01", datetime(2021, 3, 31, 15, 42)

prices = provider.get_prices(symbols, start, end)
returns = prices.pct_change().dropna()
momentum = prices.pct_change(60).iloc[-1]

factors = provider.get_fundamental_factors(symbols, start, end, frequency="daily", calculation_frequency="M")
panel = pd.concat({s: f for s, f in factors.items() if not f.empty}, names=["symbol"])
month_ends = {s: f.resample("ME").last() for s, f in factors.items() if not f.empty}
signal = pd.DataFrame({s: 1 / f["PE_ratio"] for s, f in month_ends.items()})
ranks = signal.rank(axis=1)
forward = prices.resample("ME").last().pct_change().shift(-1)
covered = (ranks * forward).dropna()

statements = provider.batch_fetch_statements(symbols)
income = pd.DataFrame(statements["AAPL"]["income_statement"])
margins = (income["netIncome"] / income["revenue"]).astype(float)
leverage = [r["debtEquityRatio"] for r in statements["googl"]["financial_ratios"] if r["debtEquityRatio"]]
summary = provider.get_fundamentals(symbols)
"""


def test_a_notebook_runs_without_a_changed_call(
    lake_2021: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Returns, factors, ranks, statements and ratios have rows, though one symbol is unknown."""
    monkeypatch.setenv("FACTORLAB_LAKE", str(lake_2021.path))
    script = tmp_path / "notebook.py"
    script.write_text(_NOTEBOOK, encoding="utf-8")
    with pytest.warns(SymbolNotHeldWarning, match="'DELISTED'") as caught:
        names = runpy.run_path(str(script))
    assert len(caught) == 4  # of prices, factors, statements and fundamentals
    assert {Path(each.filename) for each in caught} == {script}

    prices, returns = names["prices"], names["returns"]
    assert list(prices.columns) == ["AAPL", "googl"]
    assert len(returns) == len(prices) - 1 == 313
    assert names["momentum"].notna().all()
    assert set(names["panel"].columns) == {"PE_ratio", "PB_ratio", "ROE", "Debt_Equity"}
    assert (len(names["covered"]), list(names["covered"].columns)) == (14, ["AAPL", "googl"])
    assert len(names["income"]) == 20
    assert names["margins"].between(0.1, 0.5).all()
    assert len(names["leverage"]) == 20
    assert list(names["summary"].index) == ["AAPL", "googl"]
    assert names["summary"]["market_cap"].gt(1e12).all()


def test_a_column_of_nan_would_empty_the_returns(lake_2021: Lake) -> None:
    """The case that the missing column avoids: with the unknown symbol in the frame, no return is left."""
    from factorlab_lake.legacy import FMPProvider

    with pytest.warns(SymbolNotHeldWarning):
        prices = FMPProvider(lake_2021).get_prices(["AAPL", "DELISTED"], "2021-03-01", "2021-03-31")
    assert len(prices.pct_change().dropna()) == 22
    assert prices.assign(DELISTED=float("nan")).pct_change(fill_method=None).dropna().empty
    assert isinstance(prices.index, pd.DatetimeIndex)
