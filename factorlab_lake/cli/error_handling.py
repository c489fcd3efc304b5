"""Where errors leave the program: one line on stderr and an exit code, never a traceback of a known one."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from factorlab_lake.errors import LakeError, PostCommitWarning

__all__ = ["BROKEN_PIPE", "ERROR", "FAULTS", "INTERRUPTED", "errors_in_one_line"]

ERROR = 1
FAULTS = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turn known errors into a line and an exit code; a fault of the program itself keeps its traceback."""
    try:
        with _warnings_in_one_line():
            yield
    except LakeError as fault:
        raise _failed(str(fault)) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; what was committed stays", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Python flushes stdout once more as it ends, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as fault:
        raise _failed(_of_the_system(fault)) from None


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print each :class:`PostCommitWarning` as one line on stderr; the exit code stays 0."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", PostCommitWarning)
        show = warnings.showwarning

        def show_in_one_line(
            message: Warning | str, category: type[Warning], *rest: Any, **more: Any
        ) -> None:
            if issubclass(category, PostCommitWarning):
                typer.echo(f"warning: {' '.join(str(message).split())}", err=True)
            else:
                show(message, category, *rest, **more)

        warnings.showwarning = show_in_one_line
        yield


def _failed(message: str) -> typer.Exit:
    """Print the message as one line, without the pointers that DuckDB draws under a query."""
    line = " ".join(re.sub(r"^ *\^[\^~]* *$", "", message, flags=re.MULTILINE).split())
    typer.echo(f"error: {line}", err=True)
    return typer.Exit(ERROR)


def _of_the_system(fault: OSError) -> str:
    if fault.strerror is None:
        return str(fault)
    return f"{fault.strerror}: {fault.filename}" if fault.filename else fault.strerror
