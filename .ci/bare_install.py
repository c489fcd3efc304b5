"""Check an installation without extras: every command has its help, and features name the extra they lack.

Run it with the Python of that installation, in an empty folder.
"""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import metadata
from pathlib import Path

import typer

import factorlab_lake as fl
from factorlab_lake.cli import app
from factorlab_lake.legacy import FMPProvider

PROGRAM = Path(sys.executable).with_name("factorlab-lake")
SERVER = "postgresql://me@127.0.0.1/nowhere"
SNOWFLAKE = "snowflake://me:no-password@nowhere/database/schema"
# The extra that installs JupyterLab has no code that could lack it.
WITHOUT_CODE = {"notebook"}
CHECKED = {"excel", "mcp", "object-store", "pandas", "plot", "postgres", "snowflake"}


def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the installed program and check its exit code."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, (arguments, done)
    return done


def check_help() -> int:
    """Check the help of the program and of each of its commands; return how many there are."""
    commands = typer.main.get_command(app).commands
    listed = run("--help").stdout
    for name, command in commands.items():
        assert command.hidden or name in listed, f"--help does not list {name}"
        shown = run(name, "--help").stdout
        assert f"Usage: factorlab-lake {name} " in shown, shown
    return len(commands)


def check_command(extra: str, *arguments: str) -> None:
    """Check that a command ends with exit code 1 and one line that names the extra."""
    error = run(*arguments, code=1).stderr
    assert error.count("\n") == 1, error
    assert f"factorlab-lake[{extra}]" in error, error


def check_call(extra: str, call: Callable[..., object], *arguments: object) -> None:
    """Check that a call raises MissingExtra with one line that names the extra."""
    try:
        call(*arguments)
    except fl.errors.MissingExtra as error:
        assert f"factorlab-lake[{extra}]" in str(error), error
        assert "\n" not in str(error), error
    else:
        raise AssertionError(f"{call} works without {extra}")


def check_conversion(lake: fl.Lake) -> None:
    """Check that converting a frame to pandas fails with polars' own line about the library it lacks."""
    try:
        lake.sql("SELECT 1 AS n").to_pandas()
    except ModuleNotFoundError as error:
        assert "pandas" in str(error) or "pyarrow" in str(error), error
        assert "\n" not in str(error), error
    else:
        raise AssertionError("to_pandas works without pandas")


if __name__ == "__main__":
    lake = fl.open("lake")
    assert lake.sql("SELECT count(*) AS n FROM price_data")["n"].to_list() == [0]
    [cap] = lake.market_caps(["AAPL"], "2024-01-31").to_dicts()
    assert cap["market_cap"] is None and cap["reason"], cap
    run("--lake", "demo", "demo")
    demo = fl.open("demo")
    helps = check_help()
    check_command("postgres", "sync", "--print-sql", "postgresql://")
    check_command("postgres", "--lake", "demo", "sync", SERVER)
    check_call("postgres", demo.sync, SERVER)
    check_call("postgres", fl.open, SERVER)
    check_call("pandas", FMPProvider, demo)
    check_command("snowflake", "--lake", "demo", "sync", SNOWFLAKE)
    check_call("snowflake", fl.open, SNOWFLAKE)
    check_call("plot", demo.plot.prices, "AAPL")
    check_call("object-store", fl.open, "s3://bucket/lake")
    check_command("mcp", "--lake", "demo", "mcp")
    check_command("excel", "--lake", "demo", "symbols", "--output", "symbols.xlsx")
    check_conversion(demo)
    extras = set(metadata("factorlab-lake").get_all("Provides-Extra"))
    assert extras - WITHOUT_CODE == CHECKED, extras
    print(f"{helps} commands have help; {', '.join(sorted(extras - WITHOUT_CODE))} are named where they lack")
