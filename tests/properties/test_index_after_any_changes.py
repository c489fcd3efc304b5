"""Test that the read index, SQL and derived rows agree after any changes of a lake, in any order.

The changes are loads of each table, statements with restatements, rollbacks, maintenance, other settings, a
copy, a backup, and damage to the index. Bars lie near the borders of years, and symbols have odd names.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import factorlab_lake as fl
from factorlab_lake.errors import InvalidInput
from factorlab_lake.index.manifest import index_folder
from factorlab_lake.index.read_index import ReadIndex
from factorlab_lake.lake import Lake
from factorlab_lake.query.statement_questions import hindsight
from factorlab_lake.schema.derived_tables import VINTAGES
from factorlab_lake.storage.duckdb_frames import in_order
from factorlab_lake.storage.lake_settings import Availability, LakeSettings
from tests.support import Entry, arrive, assert_derived_rows_are_current, examples
from tests.unit.index.worlds import GRIDS
from tests.unit.query.lake_builder import filing

SYMBOLS = ["A", "Z", "BRK.B", "日本", "😀", "O'X\"Y", "B"]
YEARS = (2018, 2019, 2020, 2021)
ITEMS: dict[str, dict[str, list[Any]]] = {
    "income": {"revenue": [1000, 10**12, 1e300], "netIncome": [-5, 7], "weightedAverageShsOut": [1000, 0]},
    "balance_sheet": {"totalAssets": [5, 10**9], "totalStockholdersEquity": [3, -4]},
    "cash_flow": {"operatingCashFlow": [1, -10]},
}
Answers = dict[str, pl.DataFrame]


class ChangingLake:
    """Hold a lake, and the readers of earlier snapshots with the answers that they gave."""

    def __init__(self, place: Path, chance: Random) -> None:
        self.place, self.chance, self.numbers = place, chance, count(1)
        self.lake = fl.open(place / "lake")
        self.symbols = chance.sample(SYMBOLS, 4)
        self.readers: list[tuple[Lake, LakeSettings, list[date], str, Answers]] = []

    def folder(self) -> Path:
        """Return a new place for a lake."""
        return self.place / f"lake{next(self.numbers)}"

    def symbol(self) -> str:
        """Return one of the symbols."""
        return self.chance.choice(self.symbols)

    def day(self) -> date:
        """Return a day; every second one is near the border of two years."""
        border = self.chance.choice([(12, 14), (12, 15), (12, 22), (12, 25), (12, 31), (1, 1), (1, 2)])
        year = self.chance.choice(YEARS)
        if self.chance.random() < 0.5:
            return date(year, *border)
        return date(year, 1, 1) + timedelta(days=self.chance.randrange(365))

    def days(self) -> list[date]:
        """Return days at the borders of years, days of bars and of filings, and those near them."""
        chosen = {date(y, *day) for y in (*YEARS, 2022) for day in ((1, 1), (1, 5), (12, 31))}
        facts = self.lake.sql(
            "SELECT available_date FROM financial_statements UNION SELECT date FROM price_data "
            "UNION SELECT date FROM splits UNION SELECT available_date FROM shares_outstanding ORDER BY ALL"
        )
        known = facts.to_series().drop_nulls().to_list()
        for day in self.chance.sample(known, min(len(known), 6)):
            chosen |= {day + timedelta(days=n) for n in (-1, 0, 1, 10, 11, 200, 201)}
        return sorted(chosen)

    def load(self, table: str, rows: list[dict[str, Any]], *key: str) -> None:
        """Load rows; of those with one key, the last. A second open lake may be the writer."""
        distinct = {tuple(row[k] for k in key): row for row in rows}
        writer = self.chance.choice([self.lake, self.lake, fl.open(self.lake.path)])
        try:
            writer.load(table, pl.DataFrame(list(distinct.values()), infer_schema_length=None))
        except InvalidInput as refused:  # its intervals overlap those that are stored
            assert table == "symbol_history", refused  # noqa: PT017 - any other refusal is a failure
        self.lake.refresh()


# --- the changes ------------------------------------------------------------------------------------------


def bars(world: ChangingLake) -> None:
    """Load some bars."""
    chance = world.chance
    rows = []
    for _ in range(chance.randint(1, 6)):
        day = world.day()
        close = chance.choice([1e15, 1e-9, 0.1, round(chance.uniform(1, 500), 2)])
        basis = chance.choice([day, day, date(2022, 1, 1), date(2020, 6, 1)])
        rows.append({"symbol": world.symbol(), "date": day, "close_price": close, "split_basis_date": basis})
    world.load("price_data", rows, "symbol", "date")


def splits(world: ChangingLake) -> None:
    """Load a split."""
    row = {"symbol": world.symbol(), "date": world.day()}
    ratio = {"numerator": world.chance.choice([1, 2, 7]), "denominator": world.chance.choice([1, 3, 10])}
    world.load("splits", [row | ratio], "symbol", "date")


def share_counts(world: ChangingLake) -> None:
    """Load share counts, some of them extreme."""
    rows = []
    for _ in range(world.chance.randint(1, 3)):
        day = world.day()
        filed = day + timedelta(days=world.chance.randint(0, 60))
        rows.append(
            {
                "symbol": world.symbol(),
                "source": world.chance.choice(["cover_page", "balance_sheet"]),
                "as_of_date": day,
                "shares": world.chance.choice([1e3, 1e9, 1e-6, 1e15, 0.5]),
                "accepted_at": f"{filed}T15:00:00Z",
                "split_basis_date": filed,
            }
        )
    world.load("shares_outstanding", rows, "symbol", "as_of_date", "source")


def profiles(world: ChangingLake) -> None:
    """Load a profile: its CIK may be that of another symbol."""
    facts = {
        "currency": world.chance.choice(["USD", "GBP", None]),
        "cik": world.chance.choice(["111", "222"]),
    }
    filled = {name: value for name, value in facts.items() if value is not None}
    world.load("company_profiles", [{"symbol": world.symbol()} | filled], "symbol")


def companies(world: ChangingLake) -> None:
    """Load a symbol's companies, of which one ends where the other begins."""
    symbol, day = world.symbol(), date(2019, world.chance.randint(1, 12), 1)
    intervals = [("X1", date(2000, 1, 1), day), ("X2", day, None)]
    rows = [
        {"symbol": symbol, "company_id": company, "valid_from": first, "valid_to": end}
        for company, first, end in intervals
    ]
    world.load("symbol_history", rows, "symbol", "valid_from")


def statements(world: ChangingLake) -> None:
    """Add statements of a year, in part restated, of quarters or of a year of 53 weeks."""
    chance = world.chance
    kind, symbol, year, number = (
        chance.choice(list(ITEMS)),
        world.symbol(),
        chance.choice(YEARS),
        next(world.numbers),
    )
    ends = [f"{year}-03-31", f"{year}-06-30", f"{year}-09-30", f"{year}-12-31"]
    if chance.random() < 0.3:
        ends = [f"{year}-03-28", f"{year}-06-27", f"{year}-09-26", f"{year + 1}-01-02"]
    records = []
    for quarter, end in enumerate(ends, 1):
        filed = date.fromisoformat(end) + timedelta(days=chance.choice([20, 45, 200, 400]))
        items = {name: chance.choice(values) for name, values in ITEMS[kind].items()}
        label = chance.choice([f"Q{quarter}", f"Q{quarter}", "H1", "FY"])
        cik = chance.choice(["111", "111", "222"])
        records.append(filing(end, label, filed=filed.isoformat(), cik=cik, symbol=symbol, **items))
    served = datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=number)
    arrive(world.lake, world.place, Entry(symbol, kind, records, cached_at=served, limit=100 + number))


def roll_back(world: ChangingLake) -> None:
    """Restore an earlier snapshot."""
    earlier = [snapshot.id for snapshot in world.lake.history() if not snapshot.vacuumed]
    if world.lake.snapshot.id:
        world.lake.rollback(world.chance.choice(earlier))


def compact_and_vacuum(world: ChangingLake) -> None:
    """Compact, and delete what only earlier snapshots need: their readers end."""
    world.lake.compact()
    later = datetime.now(UTC) + timedelta(days=world.chance.choice([0, 30]))
    world.lake.vacuum(retention_days=0, dry_run=False, now=later)
    world.readers.clear()


def back_up_and_restore(world: ChangingLake) -> None:
    """Continue with the restored copy of a backup."""
    backup, place = world.folder(), world.folder()
    world.lake.backup(backup)
    world.lake = fl.restore(backup, place)
    world.readers.clear()


def copy(world: ChangingLake) -> None:
    """Continue with a copy of the folder."""
    world.lake = fl.open(shutil.copytree(world.lake.path, world.folder()))


def configure(world: ChangingLake) -> None:
    """Change the settings."""
    rules: list[Availability] = ["close", "same_day", 3]
    orders = (["file", "fmp"], ["sec", "fmp", "file"])
    rule, order = world.chance.choice(rules), world.chance.choice(orders)
    world.lake.configure(availability=rule, provider_order=order)


def lose_the_index(world: ChangingLake) -> None:
    """Delete the whole index, or one of its files."""
    folder = index_folder(world.lake._layout)
    files = sorted(folder.glob("*"))
    if world.chance.random() < 0.5 or not files:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        world.chance.choice(files).unlink()


def damage_the_index(world: ChangingLake) -> None:
    """Change a byte in a file of the index."""
    files = [file for file in sorted(index_folder(world.lake._layout).glob("*")) if file.stat().st_size]
    if files:
        file = world.chance.choice(files)
        content = bytearray(file.read_bytes())
        content[world.chance.randrange(len(content))] ^= 0x41
        file.write_bytes(content)


def repair(world: ChangingLake) -> None:
    """Repair, after which the index is complete."""
    world.lake.repair(deep=world.chance.random() < 0.5)


CHANGES: dict[Callable[[ChangingLake], None], int] = {
    bars: 8,
    splits: 4,
    share_counts: 4,
    profiles: 2,
    companies: 2,
    statements: 6,
    roll_back: 4,
    compact_and_vacuum: 1,
    back_up_and_restore: 1,
    copy: 1,
    configure: 2,
    lose_the_index: 1,
    damage_the_index: 2,
    repair: 1,
}


# --- the comparison ---------------------------------------------------------------------------------------


def answers(lake: Lake, symbols: list[str], days: list[date], vintage: str) -> Answers:
    """Return what a lake answers to each question."""
    frames = {name: getattr(lake, name)(symbols, days, vintage=vintage) for name in GRIDS}
    frames["ratios"] = lake.ratios(symbols)
    frames["statements"] = lake.statements(symbols, as_of=days[len(days) // 2], vintage=vintage)
    return frames


def factors_of_sql(lake: Lake, symbols: list[str], days: list[date], vintage: str) -> pl.DataFrame:
    """Return the rows of the SQL function, which lack the caps of several classes that a lake adds."""
    query = f"SELECT * FROM factors($symbols::VARCHAR[], $dates::DATE[]{hindsight(vintage)})"
    return in_order(lake.session.frame(query, {"symbols": symbols, "dates": days}), symbols)


def assert_all_equal(left: Answers, right: Answers) -> None:
    """Fail unless all answers have the same rows, columns and types."""
    for name, rows in left.items():
        assert_frame_equal(rows, right[name], check_exact=True)


def compare(world: ChangingLake) -> int:
    """Compare index, lake and earlier readers with SQL; return how many questions the index answered."""
    symbols, days = [*world.symbols, "UNKNOWN"], world.days()
    vintage = world.chance.choice(VINTAGES)
    by_sql = fl.open(world.lake.path)
    by_sql._reader.__dict__["index"] = None
    expected = answers(by_sql, symbols, days, vintage)
    index = ReadIndex.open(by_sql._layout, by_sql.snapshot)
    by_index = {name: index.answer(name, symbols, days, vintage) if index else None for name in GRIDS}
    answered = {name: rows for name, rows in by_index.items() if rows is not None}
    assert_all_equal(answered, {**expected, "factors": factors_of_sql(by_sql, symbols, days, vintage)})
    assert_all_equal(answers(world.lake.refresh(), symbols, days, vintage), expected)
    for reader, settings, days_then, vintage_then, before in world.readers[-2:]:
        if settings == world.lake.settings:
            again = world.lake.at(reader.snapshot.id)
            for each in (reader, again):
                assert_all_equal(answers(each, symbols, days_then, vintage_then), before)
    reader = fl.open(world.lake.path)
    world.readers.append((reader, reader.settings, days, vintage, expected))
    return len(answered)


@examples(8)
@given(seed=st.integers(0, 2**32))
def test_index_and_sql_agree_after_any_changes(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """After each of several changes all answers are equal, and in the end the derived rows are current."""
    chance = Random(seed)
    world = ChangingLake(tmp_path_factory.mktemp("changes"), chance)
    for _ in range(chance.randint(3, 9)):
        [change] = chance.choices(list(CHANGES), list(CHANGES.values()))
        change(world)
        if chance.random() < 0.4:
            compare(world)
    world.lake.repair()
    bars(world)  # the commit computes the derived rows that other settings left, and writes the index
    compare(world)
    assert_derived_rows_are_current(world.lake)


@examples(8)
@given(seed=st.integers(0, 2**32))
def test_symbols_of_many_commits_fill_the_tiles(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Around the borders of tiles, each symbol has its own close, whichever commit added it."""
    chance = Random(seed)
    symbols = chance.sample([f"S{number:03}" for number in range(130)], chance.choice([64, 65, 128, 129]))
    lake = fl.open(tmp_path_factory.mktemp("tiles") / "lake")
    first = date(2020, 12, 28)
    borders = sorted(chance.sample(range(1, len(symbols)), 2))
    for start, end in zip([0, *borders], [*borders, len(symbols)], strict=True):
        some = symbols[start:end]
        days = [first + timedelta(days=chance.randrange(8)) for _ in some]
        closes = [float(symbol[1:]) + 1 for symbol in some]
        columns = {"symbol": some, "date": days, "close_price": closes, "split_basis_date": days}
        lake.load("price_data", pl.DataFrame(columns))
    for size in [*range(1, 8), *range(2, 8), *range(3, 8), len(symbols)] * 3:
        chosen = chance.sample(symbols, size)
        rows = lake.market_caps(chosen, [date(2021, 1, 5)])
        assert rows["close_price"].to_list() == [float(symbol[1:]) + 1 for symbol in sorted(chosen)]
    assert "session" not in vars(lake._reader)
