"""Define what the user of a load says about its source."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from factorlab_lake.errors import InvalidInput, check_type
from factorlab_lake.ingest.csv_dialect import DECIMAL_SIGNS

__all__ = ["OWN_DAY", "LoadOptions"]

OWN_DAY = "own-day"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Say what a source does not: its symbol, split basis, names of columns, and the decimal sign."""

    symbol: str | None = None
    split_basis: date | str | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    decimal: str | None = None

    def __post_init__(self) -> None:
        """Refuse a split basis that is neither a day nor ``own-day``, and values of other types."""
        check_type("" if self.symbol is None else self.symbol, str, "symbol", "a text such as 'AAPL'")
        check_type(self.rename, Mapping, "rename", "a dictionary such as {'Date': 'date'}")
        for name in (*self.rename, *self.rename.values()):
            check_type(name, str, "rename", "a dictionary of texts")
        if self.decimal not in (None, *DECIMAL_SIGNS):
            raise InvalidInput(
                f"decimal is {self.decimal!r}; expected '.' or ',': the sign that the source's numbers have.",
                decimal=self.decimal,
            )
        if self.split_basis in (None, OWN_DAY) or type(self.split_basis) is date:
            return
        try:
            object.__setattr__(self, "split_basis", date.fromisoformat(str(self.split_basis)))
        except ValueError:
            raise InvalidInput(
                f"split_basis is {self.split_basis!r}; expected {OWN_DAY!r} for prices as traded, or the day "
                "up to which they count splits, such as '2021-03-31'.",
                split_basis=self.split_basis,
            ) from None

    def command(self, table: str, path: Path | None) -> str:
        """Return the command that loads another table from the same file; the call, for a frame."""
        basis = self.split_basis if table != "splits" else None  # splits have none
        if path is None:
            options = {
                "symbol": self.symbol,
                "split_basis": basis and str(basis),
                "rename": dict(self.rename),
            }
            more = "".join(f", {name}={value!r}" for name, value in options.items() if value)
            return f"lake.load({table!r}, source{more})"
        words = ["factorlab-lake", "load", table, str(path)]
        words += ["--symbol", self.symbol] if self.symbol else []
        words += ["--split-basis", str(basis)] if basis else []
        words += [word for pair in self.rename.items() for word in ("--map", "=".join(pair))]
        words += ["--decimal", self.decimal] if self.decimal else []
        return shlex.join(words)

    def basis_of(self, day: str) -> pl.Expr:
        """Return the split basis as a column; ``day`` is the column of a row's own day."""
        return pl.col(day) if self.split_basis == OWN_DAY else pl.lit(self.split_basis, pl.Date)
