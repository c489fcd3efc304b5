from __future__ import annotations

import errno
import os
import select
import signal
from pathlib import Path

import pytest

from factorlab_lake.lake import Lake
from tests.unit.cli.running import run, start

LONG = "SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE hash(a.range + b.range) % 7 = 1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lake", "nowhere", "status"), "No lake at"),
        (("--lake", "data/sample", "init"), "contains files that are not a lake"),
        (("caps", "AAPL"), "No dates were given; use --date, or --start and --end."),
        (("lookahead", "roe", "AAPL", "--start", "2020-01-01"), "use --date, or --start and --end."),
        (("explain", "pe", "AAPL", "2020-12-31"), "market_cap, pe_ratio, "),
        (("explain", "pe", "AAPL", "2020-12-31"), "Did you mean 'pe_ratio'?"),
        (("sql", "FROM market_caps('AAPL', ['2021-03-31'::DATE])"), "take lists: ['AAPL'] for symbols"),
        (("caps", "AAPL", "--date", "2020-13-45"), "expected a date such as"),
        (("caps", "AAPL", "--date", "2020-12-31", "--start", "2020-01-01"), "pass one or the other"),
        (("caps", "AAPL", "--start", "2020-01-01", "--end", "2020-12-31", "--freq", "M"), "freq is 'M'"),
        (("caps", " ", "--date", "2020-12-31"), "A symbol is a string"),
        (("statements", "AAPL", "--type", "incom"), "Did you mean 'income'?"),
        (("status", "--snapshot", "99"), "No snapshot 99"),
        (("status", "--snapshot", "2026-01-01T00:00:00"), "time zone"),
        (("sql", "SELEC 1\nFROM nothing"), "syntax error"),
        (("sql", "SELECT * FROM price_dat"), "price_dat"),
        (("load", "split", "data/sample/splits.csv"), "Did you mean 'splits'?"),
        (("load", "splits", "nowhere.csv"), "No file nowhere.csv"),
        (("migrate", "nowhere"), "No cache folder at nowhere"),
        (("validate", "nowhere"), "No cache folder at nowhere"),
        (("migrate", "data/sample/taken_2019-12-31", "--symbol", "NOPE"), "no cache files"),
        (("rollback", "--to", "99"), "No snapshot 99"),
        (("export", "data/sample/splits.csv"), "splits.csv exists"),
        (("demo", "--sample", "nowhere"), "No sample data"),
        (("sync", "postgresql://me@127.0.0.1:1/db"), "Nothing was sent; check the server"),
    ],
)
def test_a_known_error_is_one_line_and_exit_code_1(
    home: Path, arguments: tuple[str, ...], message: str
) -> None:
    """An error of the library is one line on stderr that begins with `error:`, and nothing else."""
    done = run(*arguments, code=1)
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert message in done.err


@pytest.mark.first_cases(5)
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("cap", "AAPL"),
        ("caps",),
        ("caps", "AAPL", "--dates", "2020-12-31"),
        ("rollback", "--to", "two"),
        ("migrate",),
        ("sql", "SELECT $a", "--param", "a"),
        ("--json", "--csv", "status"),
        ("status", "--lake"),
        ("prices", "A\udcff"),
        ("--csv", "init"),
        ("--csv", "demo"),
        ("--csv", "rollback"),
        ("--csv", "export", "new.duckdb"),
        ("--csv", "load", "splits", "data/sample/splits.csv"),
        ("--csv", "migrate", "data/sample/taken_2019-12-31"),
        ("--csv", "validate", "data/sample/taken_2019-12-31"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_changes_nothing(home: Path, arguments: tuple[str, ...]) -> None:
    """Arguments that do not fit a command print the usage and end with 2, before anything changes."""
    done = run(*arguments, code=2)
    assert "Usage: factorlab-lake" in done.out + done.err
    assert len(run("history", "--json").json) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("init",), "this needs a folder"),
        (("history",), "this needs a folder"),
        (("fetch", "AAPL", "--dry-run"), "this needs a folder"),
        (("migrate", "taken"), "this needs a folder"),
        (("verify",), "this needs a folder"),
        (("demo",), "this needs a folder"),
        (("status", "--migration", "cache"), "this needs a folder"),
        (("caps", "AAPL", "--date", "2021-03-31", "--snapshot", "1"), "--snapshot needs a lake in a folder"),
        (
            ("caps", "AAPL", "--date", "2021-03-31"),
            "TCP/IP connections? Try again when the server is available.",
        ),
    ],
)
@pytest.mark.parametrize("place", ["option", "variable"])
def test_an_address_is_never_a_folder_and_its_password_is_not_printed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
    place: str,
) -> None:
    """A query connects to a server; another command raises an error and creates nothing."""
    monkeypatch.chdir(tmp_path)
    address = "postgresql://user:secret@127.0.0.1:1/database"
    if place == "variable":
        monkeypatch.setenv("FACTORLAB_LAKE", address)
    done = run(*(("--lake", address) if place == "option" else ()), *arguments, code=1)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert "secret" not in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/lake/write.lock"),
            "Permission denied: /lake/write.lock",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("the disk refuses"), "the disk refuses"),
    ],
)
def test_a_system_error_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError, line: str
) -> None:
    """A missing permission or a full disk prints the system's message and the file, with exit code 1."""
    monkeypatch.setattr(Lake, "status", _raising(fault))
    assert run("status", code=1).err == f"error: {line}\n"


def test_a_folder_that_cannot_be_created_is_one_line(home: Path) -> None:
    """A path below a file is refused by the system, and the line names it."""
    done = run("--lake", "data/sample/splits.csv/lake", "init", code=1)
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1


def test_a_bug_keeps_its_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is no known error and no system error is not caught."""
    monkeypatch.setattr(Lake, "status", _raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run("status")


def test_an_interrupted_change_keeps_committed_data(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a migration prints one line, and the exit code is 130."""
    monkeypatch.setattr(Lake, "migrate", _raising(KeyboardInterrupt()))
    done = run("migrate", "data/sample/taken_2019-12-31", code=130)
    assert (done.out, done.err) == ("", "interrupted; committed data is kept\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe with a name, to know when the query runs")
def test_a_real_interrupt_stops_a_running_query(home: Path, tmp_path: Path) -> None:
    """SIGINT stops a running DuckDB query at once, with one line and exit code 130."""
    started = tmp_path / "started"
    os.mkfifo(started)
    query = f"COPY (SELECT 1) TO '{started}' (FORMAT csv, USE_TMP_FILE false); {LONG}"
    pipe = os.open(started, os.O_RDONLY | os.O_NONBLOCK)
    with start("sql", query) as running:
        try:
            assert select.select([pipe], [], [], 60)[0]  # DuckDB writes it just before the long query
            running.send_signal(signal.SIGINT)
            assert running.communicate(timeout=60) == ("", "interrupted; committed data is kept\n")
        finally:
            os.close(pipe)
            running.kill()
    assert running.returncode == 130


def test_a_closed_pipe_ends_the_program_quietly(home: Path) -> None:
    """`factorlab-lake prices AAPL --csv | head -1` prints its line and no error."""
    with start("prices", "AAPL", "GOOGL", "--csv") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline().startswith("symbol,date,")
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 141


def _raising(fault: BaseException) -> object:
    def method(*_: object, **__: object) -> None:
        raise fault

    return method
