"""The command line: a command is a method of the lake, under the same name and with the same words.

Exit codes: 0 done; 1 a known error, in one line; 2 wrong usage; 3 a check found faults; 130 interrupted;
141 the reader of the output went away.
"""

from factorlab_lake.cli.commands import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the program with the arguments of this process."""
    app(prog_name="factorlab-lake")
