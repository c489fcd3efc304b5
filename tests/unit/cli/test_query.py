from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest

import factorlab_lake as fl
from factorlab_lake.schema import TABLES
from tests.support import CACHE_2021, entries_of
from tests.unit.cli.running import run

GRID = ("AAPL", "GOOGL", "--start", "2021-01-01", "--end", "2021-03-31", "--freq", "ME")
AT_YEAR_END = 132.69 * 17352119000  # AAPL's close and its newest known share count


def test_caps_in_json_are_those_of_the_library(home: Path) -> None:
    """`caps --json` prints every column of market_caps in full precision, dates in ISO 8601."""
    rows = run("--json", "caps", *GRID).json
    expected = fl.open("data/lake").market_caps(
        ["AAPL", "GOOGL"], start="2021-01-01", end="2021-03-31", freq="ME"
    )
    assert rows == json.loads(json.dumps(expected.to_dicts(), default=str))
    assert [r["date"] for r in rows[:3]] == ["2021-01-31", "2021-02-28", "2021-03-31"]


def test_caps_in_a_table_are_rounded(home: Path) -> None:
    """The table shows the market cap in billions, the share count with separators, and its source."""
    lines = run("caps", "AAPL", "--date", "2020-12-31").out.splitlines()
    words = lines[3].split()
    assert words[:2] == ["AAPL", "2020-12-31"]
    assert {"132.69", "17,352,119,000", "weighted_average_proxy"} <= set(words)
    assert "2,302.5 bn" in lines[3]
    assert lines[4].startswith("(1 row; with --json or --csv also ")


def test_several_dates_can_be_given(home: Path) -> None:
    """`--date` can be repeated, and each date gives a row."""
    rows = run("caps", "AAPL", "--date", "2020-12-31", "--date", "2019-12-31", "--json").json
    assert [r["date"] for r in rows] == ["2019-12-31", "2020-12-31"]
    assert rows[1]["market_cap"] == pytest.approx(AT_YEAR_END, rel=1e-12)


@pytest.mark.parametrize(
    "command",
    [
        ("caps", "all", "--date", "2020-12-31"),
        ("factors", "all", "--date", "2020-12-31", "--factor", "roe"),
        ("ttm", "all", "--date", "2020-12-31"),
        ("prices", "all", "--start", "2021-03-31"),
        ("statements", "all", "--start", "2020-12-01", "--type", "income"),
        ("trends", "revenue", "all", "--as-of", "2020-12-31"),
    ],
)
def test_all_is_every_held_symbol(home: Path, command: tuple[str, ...]) -> None:
    """The word is no ticker: each command answers for the three symbols of the demo."""
    assert {row["symbol"] for row in run("--json", *command).json} == {"AAPL", "GOOG", "GOOGL"}


def test_an_unknown_market_cap_has_a_reason(home: Path) -> None:
    """An unknown symbol is a row of nulls with a reason, in JSON and in the table, and the exit code is 1."""
    [row] = run("caps", "NOPE", "--date", "2020-12-31", "--json", code=1).json
    assert row["market_cap"] is None
    assert row["reason"] in run("caps", "NOPE", "--date", "2020-12-31", code=1).out


def test_an_unknown_symbol_beside_a_known_one_is_a_warning(home: Path) -> None:
    """One line on stderr has the nearest held name; the other answers are there, so the exit code is 0."""
    for command in (("caps", "aapl", "AAPL", "--date", "2020-12-31"), ("prices", "aapl", "AAPL")):
        done = run(*command)
        assert done.err == "warning: The lake has no data of 'aapl' (did you mean 'AAPL'?).\n"
        assert "AAPL" in done.out


def test_csv_reads_back_with_every_column(home: Path) -> None:
    """`prices --csv` prints all columns and the bars between the dates, both included."""
    out = run("--csv", "prices", "AAPL", "--start", "2021-03-29", "--end", "2021-03-30").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(r["date"], float(r["close_price"])) for r in rows] == [
        ("2021-03-29", 121.39),
        ("2021-03-30", 119.9),
    ]
    assert list(rows[0]) == fl.open("data/lake").prices("AAPL").columns
    assert rows[0]["vwap"] == ""


def test_prices_without_dates_are_all_bars(home: Path) -> None:
    """Without `--start` and `--end`, all bars of the symbol are printed, with their number."""
    [(_, envelope)] = [e for e in entries_of(CACHE_2021 / "price_data") if e[0].startswith("GOOGL_")]
    count = len(envelope["data"])
    assert count > 1000
    assert run("prices", "GOOGL").out.splitlines()[-1].startswith(f"({count:,} rows; ")


def test_statements_are_those_that_were_public(home: Path) -> None:
    """On the day before the acceptance, the previous quarter is the newest; its items are an object."""
    arguments = ("statements", "AAPL", "--type", "income", "--start", "2020-06-01", "--json")
    early = run(*arguments, "--as-of", "2020-10-29").json
    late = run(*arguments, "--as-of", "2020-10-30").json
    assert [r["fiscal_date"] for r in early] == ["2020-06-27"]
    assert {r["fiscal_period"] for r in late} == {
        "Q3",
        "FY",
        "Q4",
    }
    assert early[0]["metrics"]["revenue"] == 59685000000


def test_ttm_is_the_sum_of_the_quarters_then_known(home: Path) -> None:
    """Before the filing of Q4 2020, AAPL's trailing revenue is the sum of the four quarters before."""
    [row] = run("ttm", "AAPL", "--date", "2020-10-29", "--json").json
    assert row["revenue"] == 64040e6 + 91819e6 + 58313e6 + 59685e6
    assert "273.9 bn" in run("ttm", "AAPL", "--date", "2020-10-29").out


def test_factors_follow_from_caps_and_ttm(home: Path) -> None:
    """pe_ratio is the market cap of `caps` divided by the trailing income of `ttm`."""
    arguments = ("AAPL", "--date", "2020-12-31", "--json")
    [cap], [ttm], [factor] = (run(command, *arguments).json for command in ("caps", "ttm", "factors"))
    assert factor["pe_ratio"] == pytest.approx(cap["market_cap"] / ttm["net_income"], rel=1e-12)


def test_a_snapshot_is_selected_by_id_and_by_time(home: Path) -> None:
    """`--snapshot` reads the earlier lake: before the second cache, AAPL's price is not split-adjusted."""
    arguments = ("caps", "AAPL", "--date", "2019-12-31", "--json")
    [now] = run(*arguments).json
    [then] = run(*arguments, "--snapshot", "3").json
    taken = next(s for s in run("history", "--json").json if s["id"] == 3)["created_at"]
    assert (now["close_price"], then["close_price"]) == (73.4125, 293.65)
    assert run(*arguments, "--snapshot", taken).json == [then]
    assert now["market_cap"] == pytest.approx(then["market_cap"], rel=1e-12)


@pytest.mark.parametrize(
    ("command", "count"),
    [
        (("status",), lambda rows: rows[0]["rows"]),
        (("sql", "SELECT count(*) AS rows FROM income_statements"), lambda rows: rows[0]["rows"]),
        (("statements", "AAPL", "--type", "income"), len),
        (("prices", "AAPL"), len),
        (("ttm", "AAPL", "--date", "2020-12-31"), lambda rows: sum(r["revenue"] is not None for r in rows)),
        (("factors", "AAPL", "--date", "2020-12-31"), lambda rows: sum(r["roe"] is not None for r in rows)),
    ],
)
def test_every_query_command_accepts_a_snapshot(home: Path, command: tuple[str, ...], count: object) -> None:
    """Before the first migration, each command finds nothing; now it finds something."""
    assert callable(count)
    assert count(run(*command, "--json").json) > 0
    assert count(run(*command, "--json", "--snapshot", "1").json) == 0


def test_status_has_a_row_per_table(home: Path) -> None:
    """`status` shows rows, files and bytes, and includes empty tables."""
    tables = {r["table"]: r for r in run("status", "--json").json}
    assert (tables["splits"]["rows"], tables["dividends"]["rows"]) == (4, 0)
    assert tables["price_data"]["size_bytes"] > 0
    assert "price_data" in run("status").out


def test_history_shows_the_operation_of_each_snapshot(home: Path) -> None:
    """`history` lists the demo's four changes, with the table versions as an object."""
    taken = run("history", "--json").json
    assert [s["id"] for s in taken] == [1, 2, 3, 4]
    assert taken[0]["reason"] == "load splits"
    assert taken[0]["tables"] == {
        "splits": 1,
        "split_history": 1,
        "split_events": 1,
        "split_lists": 1,
        "company_history": 1,
        "data_fetch_log": 1,
    }
    assert "migrate AAPL to GOOGL" in run("history").out


def test_sql_binds_its_parameters_as_text(home: Path) -> None:
    """`--param` binds any text to `$name`, also with an equals sign or only digits."""
    query = "SELECT $a AS a, $query AS b, typeof($a) AS kind"
    [row] = run("sql", query, "--param", "a=0700", "--param", "query=x='y' AND z", "--json").json
    assert row == {"a": "0700", "b": "x='y' AND z", "kind": "VARCHAR"}


def test_sql_is_read_from_stdin(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sql -` reads the query from stdin."""
    monkeypatch.setattr("sys.stdin", io.StringIO("SELECT max(date) AS day FROM price_data"))
    assert run("sql", "-", "--json").json == [{"day": "2021-03-31"}]


def test_values_without_a_json_type_are_converted(home: Path) -> None:
    """NaN and infinity become null at any depth, times have their zone, bytes become hexadecimal."""
    query = """
        SELECT 'nan'::DOUBLE AS n, 'inf'::DOUBLE AS i, [1.5, 'nan'::DOUBLE] AS l, {'x': '-inf'::DOUBLE} AS s,
               TIMESTAMPTZ '2021-01-02 03:04:05+00' AS t, 1.5::DECIMAL(9, 2) AS d,
               '\\x01\\xFF'::BLOB AS b, true AS yes
    """
    [row] = run("sql", query, "--json").json
    assert row == {
        "n": None, "i": None, "l": [1.5, None], "s": {"x": None}, "t": "2021-01-02T03:04:05+00:00", "d": 1.5,
        "b": "01ff", "yes": True,
    }  # fmt: skip


def test_csv_contains_nested_values_as_json(home: Path) -> None:
    """A list becomes JSON in one CSV field, NaN an empty field, and quotes and commas stay in their field."""
    out = run("--csv", "sql", """SELECT [1, 2] AS l, 'nan'::DOUBLE AS n, 'a,"b' AS t, false AS no""").out
    assert list(csv.reader(io.StringIO(out))) == [["l", "n", "t", "no"], ["[1, 2]", "", 'a,"b', "false"]]


def test_an_export_answers_without_the_lake(home: Path, tmp_path: Path) -> None:
    """`export` writes a DuckDB file that contains the rows of the symbol and the functions."""
    file = tmp_path / "aapl.duckdb"
    done = run(
        "--json", "export", file, "--symbol", "AAPL", "--start", "2020-12-01", "--end", "2021-01-31"
    ).json
    assert done == {"file": str(file), "size_bytes": file.stat().st_size, "snapshot": 4}
    with duckdb.connect(str(file), read_only=True) as con:
        [(cap,)] = con.execute(
            "SELECT market_cap FROM market_caps(['AAPL'], ['2020-12-31'::DATE])"
        ).fetchall()
        [(bars, symbols)] = con.execute("SELECT count(*), count(DISTINCT symbol) FROM price_data").fetchall()
    assert cap == pytest.approx(AT_YEAR_END, rel=1e-12)
    assert (bars, symbols) == (41, 1)


def test_no_rows_are_an_empty_document(home: Path) -> None:
    """Without rows, JSON is an empty list, CSV a header alone, and the table states that there are none."""
    query = "SELECT symbol FROM splits WHERE false"
    assert run("sql", query, "--json").json == []
    assert run("sql", query, "--csv").out == "symbol\n"
    assert run("sql", query).out.endswith("(0 rows)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--lake", "data/lake", "--json", "status"),
        ("status", "--json", "--lake", "data/lake"),
        ("--json", "status", "--lake=data/lake"),
    ],
)
def test_global_options_stand_before_or_after_the_command(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Global options are accepted on either side of the command, and they override the environment."""
    monkeypatch.setenv("FACTORLAB_LAKE", str(tmp_path / "elsewhere"))
    assert len(run(*arguments).json) == len(TABLES)


def test_arguments_after_two_dashes_are_symbols(home: Path) -> None:
    """After `--`, even `--json` is a symbol; the lake does not hold it, so the exit code is 1."""
    rows = run("--json", "caps", "--date", "2020-12-31", "--", "--json", code=1).json
    assert [r["symbol"] for r in rows] == ["--json"]


def test_explain_ends_with_the_answer(home: Path) -> None:
    """`explain` prints the library's rows as JSON; a table formats each value by its own size."""
    rows = run("explain", "pe_ratio", "AAPL", "2020-12-31", "--json").json
    expected = fl.open("data/lake").explain_factor("pe_ratio", "AAPL", "2020-12-31")
    assert [(r["step"], r["value"]) for r in rows] == expected.select("step", "value").rows()
    shown = run("explain", "pe_ratio", "AAPL", "2020-12-31").out
    assert "40.1047" in shown
    assert "57,411,000,000" in shown
    cap = run("explain", "market_cap", "AAPL", "2020-12-31", "--json").json[-1]
    assert cap["value"] == pytest.approx(AT_YEAR_END, rel=1e-12)


@pytest.mark.parametrize("command", [("explain", "roe", "AAPL"), ("screen", "roe > 0.5")])
def test_a_single_date_is_the_last_argument_or_an_option(home: Path, command: tuple[str, ...]) -> None:
    """Both ways give one answer; none and two are refused in a line that says what to pass."""
    rows = run(*command, "--date", "2020-12-31", "--json").json
    assert rows == run(*command, "2020-12-31", "--json").json
    assert rows
    assert "No date was given; add one as the last argument, or use --date." in run(*command, code=1).err
    twice = run(*command, "2020-12-31", "--date", "2020-12-30", code=1).err
    assert "The date was given twice, as '2020-12-31' and as --date '2020-12-30'" in twice


def test_a_table_shows_the_chosen_and_the_defined_factors(home: Path) -> None:
    """`--factor` and `--define` are columns of the table too, also those that it does not show by default."""
    chosen = ("--factor", "ps_ratio", "--define", "own=market_cap/revenue")
    shown = run("factors", "AAPL", "--date", "2020-12-31", *chosen).out
    assert shown.split()[:2] == ["fiscal_", "symbol"]
    assert shown.count("8.3873") == 2  # sales are the denominator of both
    assert "pe_ratio" not in shown


def test_lookahead_counts_by_vintage_or_by_symbol_and_date(home: Path) -> None:
    """`lookahead` prints one row per vintage; with `--by-cell`, one per symbol and date."""
    dates = ("--start", "2020-10-31", "--end", "2020-12-31")
    rows = run("lookahead", "roe", "AAPL", *dates, "--json").json
    assert [(r["vintage"], r["cells"]) for r in rows] == [("first", 3), ("latest", 3)]
    words = run("lookahead", "roe", "AAPL", *dates, "--by-cell", "--json").json
    assert [c["date"] for c in words] == ["2020-10-31", "2020-11-30", "2020-12-31"]


def test_a_vintage_can_be_selected(home: Path) -> None:
    """`--vintage first` uses the first filings, and an unknown vintage is refused."""
    first = run("caps", "AAPL", "--date", "2019-12-31", "--vintage", "first", "--json").json
    assert first[0]["shares_outstanding"] == 4_617_834_000  # as counted before the split of 2020
    known = run("caps", "AAPL", "--date", "2019-12-31", "--json").json
    assert known[0]["shares_outstanding"] == 18_471_336_000
    assert first[0]["market_cap"] == pytest.approx(known[0]["market_cap"], rel=1e-9)
    refused = run("ttm", "AAPL", "--date", "2020-12-31", "--vintage", "x", code=1)
    assert "expected one of known, first, latest" in refused.err


def test_quarters_and_ratios_are_those_of_the_library(home: Path) -> None:
    """Rows are limited to the dates, and `--as-of` limits quarters to those known on a day."""
    quarters = run("quarters", "AAPL", "--start", "2020-06-01", "--as-of", "2020-10-29", "--json").json
    assert [(r["fiscal_date"], r["derivation"]) for r in quarters] == [("2020-06-27", "reported")]
    ratios = run("ratios", "AAPL", "--start", "2020-06-01", "--end", "2020-06-30", "--json").json
    assert [(r["fiscal_date"], r["date"]) for r in ratios] == [("2020-06-27", "2020-07-31")]


def test_compare_prints_the_comparisons_of_the_library(home: Path) -> None:
    """`compare` prints the providers' figures, with `--generations` what changed between two fetches."""
    lake = fl.open("data/lake")
    for options, expected in (
        ((), lake.compare_providers("AAPL")),
        (("--as-of", "2019-06-30"), lake.compare_providers("AAPL", as_of="2019-06-30")),
        (("--generations",), lake.compare_generations("AAPL")),
        (("--generations", "--before", "2019-12-01"), lake.compare_generations("AAPL", before="2019-12-01")),
    ):
        rows = run("compare", "AAPL", *options, "--json").json
        assert [row["item"] for row in rows] == expected["item"].to_list()
    assert "split_rebase" in run("compare", "AAPL", "--generations").out
    for refused in (("--before", "2019-12-01"), ("--generations", "--as-of", "2019-12-01")):
        assert "--generations" in run("compare", "AAPL", *refused, code=1).err
