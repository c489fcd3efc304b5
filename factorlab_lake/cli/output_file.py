"""Write an answer to a file; the end of its name says the form."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from factorlab_lake.cli.text_forms import csv_text, json_rows
from factorlab_lake.errors import InvalidInput
from factorlab_lake.storage.lake_paths import input_path

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

__all__ = ["FORMS", "check", "replace", "write"]

_EXCEL_ROWS = 1_048_575  # a sheet has one more, for the headings


def check(file: Path) -> None:
    """Raise :class:`InvalidInput` for a file name whose end is no known form, or whose folder is missing."""
    input_path(file)  # the messages below show the text, which must be no login of a server
    if file.suffix.lower() not in FORMS:
        raise InvalidInput(f"--output is {str(file)!r}; expected a name that ends with {', '.join(FORMS)}.")
    if not file.absolute().parent.is_dir():
        raise InvalidInput(f"--output is {str(file)!r}, but its folder does not exist; create it.")


def write(frame: pl.DataFrame, file: Path) -> None:
    """Write a frame to a file, in the form that the file's name says; an earlier file is replaced."""
    replace(file, FORMS[file.suffix.lower()](frame))


def replace(file: Path, content: bytes) -> None:
    """Write a file at once: a reader, or an interruption, sees the old content or the new one."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as part:
        written = Path(part.name)
        try:
            part.write(content)
            part.close()
            written.chmod(0o666 & ~_umask())
            written.replace(file)
        finally:
            written.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _parquet(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


def _excel(frame: pl.DataFrame) -> bytes:
    """Return an Excel file. Excel knows no time zones: moments are in UTC. The cell of a NaN is empty."""
    import polars as pl
    import polars.selectors as cs

    if frame.height > _EXCEL_ROWS:
        raise InvalidInput(
            f"The answer has {frame.height:,} rows, but a sheet of Excel has {_EXCEL_ROWS:,}; "
            "use .csv or .parquet."
        )
    out = io.BytesIO()
    try:
        frame.with_columns(
            cs.datetime(time_zone="*").dt.replace_time_zone(None),
            pl.when(cs.float().is_finite()).then(cs.float()),
        ).write_excel(out)
    except (pl.exceptions.ModuleUpgradeRequiredError, ModuleNotFoundError):
        raise InvalidInput(
            "An Excel file needs the package xlsxwriter; pip install 'factorlab-lake[excel]'."
        ) from None
    return out.getvalue()


FORMS: dict[str, Callable[[pl.DataFrame], bytes]] = {
    ".csv": lambda frame: f"{csv_text(frame)}\n".encode(),
    ".parquet": _parquet,
    ".xlsx": _excel,
    ".json": lambda frame: f"{json_rows(frame)}\n".encode(),
}
