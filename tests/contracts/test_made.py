"""Compare lake and server on every synthetic case: gaps, restatements, splits, currencies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

import pytest

import factorlab_lake as fl
from factorlab_lake.derive.availability_rule import CLOSE
from factorlab_lake.errors import InvalidInput
from factorlab_lake.lake import Lake
from factorlab_lake.server_lake import open_server_lake
from tests.contracts.pair import Pair, method_call
from tests.support import slow_after
from tests.unit.query.lake_builder import LakeBuilder
from tests.unit.query.test_currencies import published, rate_rows
from tests.unit.sync.postgres_server import Server

FILES = (
    "adjusted_prices", "availability_rule", "currencies", "derived_quarters", "enterprise_value", "explain",
    "factor_reasons", "factors", "lookahead", "market_caps", "prices", "ratios", "split_basis", "statements",
    "ttm", "vintage", "vintages",
)  # fmt: skip
_OF_DERIVE = ("availability_rule", "share_count_history", "statement_lengths")
VINTAGES = ("known", "first", "latest")
GRIDS = ("market_caps", "ttm", "factors")
PERIOD = {"start": "2018-12-15", "end": "2021-12-31", "freq": "ME"}
DAYS = ("2020-08-15", "2021-02-20", "2021-12-31")


def cases_of(name: str) -> LakeBuilder:
    """Return the cases of a test file."""
    part = "derive" if name in _OF_DERIVE else "query"
    cases: LakeBuilder = import_module(f"tests.unit.{part}.test_{name}").CASES
    return cases


@dataclass(frozen=True)
class Synced:
    """Represent a lake with the cases of all files, and the server to which it was synced."""

    lake: Lake
    url: str

    def both(self) -> Pair:
        """Open both."""
        return Pair(fl.open(self.lake.path), open_server_lake(self.url, availability=CLOSE))


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Synced]:
    """Yield one lake with all cases; each case is one symbol, prefixed with the name of its file."""
    made = LakeBuilder()
    for name in FILES:
        made.add(cases_of(name), prefix=f"{name}.")
    lake = made.build(tmp_path_factory.mktemp("made"))
    lake.load("fx_rates", rate_rows(published()))
    with postgres.database() as url:
        lake.sync(url)
        yield Synced(lake, url)


@pytest.fixture(scope="module")
def symbols(synced: Synced) -> list[str]:
    """Return every symbol of the cases."""
    rows = synced.lake.sql("SELECT symbol FROM price_data UNION SELECT symbol FROM financial_statements")
    assert len({symbol.partition(".")[0] for symbol in rows["symbol"]}) == len(FILES)
    return sorted(rows["symbol"])


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("vintage", slow_after(1, VINTAGES))
@pytest.mark.parametrize("name", GRIDS)
def test_every_month_has_the_same_rows(synced: Synced, symbols: list[str], name: str, vintage: str) -> None:
    """Caps, trailing years and factors are equal for each case over three years, in each vintage."""
    with synced.both() as pair:
        rows = pair.ask(method_call(name, symbols, **PERIOD, vintage=vintage))
    assert rows["reason"].n_unique() > 5


def test_one_currency_has_the_same_rows(synced: Synced, symbols: list[str]) -> None:
    """Converted caps of symbols and companies are equal, and so are factors over two currencies."""
    caps = {"dates": "2021-02-01", "currency": "USD"}
    with synced.both() as pair:
        rows = pair.ask(method_call("market_caps", symbols, **caps))
        assert {"no_exchange_rate", "currency_unknown"} <= set(rows["reason"])
        assert rows.filter(rows["price_currency"] == "EUR")["market_cap"].null_count() == 0
        pair.ask(method_call("company_market_caps", symbols, **caps))
        abroad = pair.ask(method_call("factors", ["CURRENCIES.PARIS"], "2021-02-01"))
    assert abroad["reasons"].null_count() == 1


@pytest.mark.first_cases(2)
@pytest.mark.parametrize("vintage", VINTAGES)
def test_every_day_has_the_same_statements(synced: Synced, symbols: list[str], vintage: str) -> None:
    """Statements as known at a day are equal, and so are quarters, reported or derived."""
    with synced.both() as pair:
        for day in DAYS:
            assert pair.ask(method_call("quarters", symbols, as_of=day, vintage=vintage)).height > 100
            assert pair.ask(method_call("statements", symbols, as_of=day, vintage=vintage)).height > 100


def test_every_range_has_the_same_rows(synced: Synced, symbols: list[str]) -> None:
    """Ratios, stored and adjusted bars, and revisions are equal."""
    with synced.both() as pair:
        for rows in (
            pair.ask(lambda q: q.ratios(symbols)),
            pair.ask(lambda q: q.prices(symbols)),
            pair.ask(lambda q: q.prices(symbols, adjusted=True)),
            pair.ask(lambda q: q.revisions()),
        ):
            assert not rows.is_empty()


def test_explanations_have_the_same_rows(synced: Synced, symbols: list[str]) -> None:
    """Each figure behind a market cap and a factor is equal."""
    with synced.both() as pair:
        for symbol in [s for s in symbols if s.startswith("explain.")]:
            pair.ask(method_call("explain_market_cap", symbol, "2021-02-20"))
            pair.ask(method_call("explain_factor", "pe_ratio", symbol, "2021-02-20"))


@pytest.mark.parametrize("rule", ["same_day", 3])
def test_a_server_refuses_another_availability_rule(synced: Synced, rule: str | int) -> None:
    """The lake computes the rows of another rule; the server has only those that were synced, and says so."""
    with pytest.raises(InvalidInput, match=f"availability is {rule!r}, but .* of the rule 'close'"):
        fl.open(synced.url, availability=rule)
