"""Order the rows of a load by partition and key, in slices, and hash them.

The rows of one key may be anywhere in a file. So typed rows first go to a part for each partition of the
table. The parts then become slices in the order of the key: large parts are divided by symbol, small ones
combined. All rows of a key are in one slice, and two equal loads have equal rows in equal order. Few rows
stay in memory. The others go to an unnamed temporary file, which the system deletes when the process ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import polars as pl

from factorlab_lake.ingest.load_checks import contradiction
from factorlab_lake.ingest.load_digest import RowsDigest
from factorlab_lake.schema import TableSpec
from factorlab_lake.storage.layout import write_errors
from factorlab_lake.storage.transaction import MAX_FILES_PER_PARTITION

__all__ = ["LoadRows"]

_POSITION = "_row"  # the row's position in the source, from 0
# Several filings can count the shares of one day: their rows contradict each other only within a filing.
_FILING = ("accepted_at", "filing_date", "available_date")
_Part = Callable[[], pl.DataFrame]


class LoadRows:
    """Hold the typed rows of one load.

    Call :meth:`add` for each slice of the source, :meth:`order` once, then :meth:`slices` as often as needed.
    ``height`` counts the source's rows, and ``repeated`` those that equal an earlier one; ``symbols`` are in
    order.
    """

    def __init__(self, spec: TableSpec, folder: Path, slice_rows: int) -> None:
        """Create an empty load whose temporary files are in ``folder``."""
        self._added: list[str] = []
        self.height = self.repeated = 0
        self.digest = RowsDigest(spec.name)
        self._spec, self._slice_rows = spec, slice_rows
        self._subject = "symbol" if spec.has_symbols else spec.key[0]
        self._source_rows, self._ordered_rows = _Parts(folder, slice_rows), _Parts(folder, slice_rows)
        self._parts: dict[int, list[_Part]] = {}
        self._counts: list[pl.DataFrame] = []
        self._slices: list[_Part] = []

    def close(self) -> None:
        """Delete the temporary files."""
        self._source_rows.close()
        self._ordered_rows.close()

    def add(self, typed: pl.DataFrame, added: list[str]) -> None:
        """Add the next typed rows of the source; ``added`` are columns that the source does not have."""
        self._added = added
        day = pl.col(self._spec.time_column) if self._spec.partition_by else pl.lit(None, pl.Date)
        rows = typed.with_row_index(_POSITION, self.height).with_columns(_part=day.dt.year().fill_null(0))
        for (part,), some in rows.partition_by("_part", as_dict=True).items():
            self._parts.setdefault(int(part), []).append(self._source_rows.store(some))
        self._counts.append(rows.group_by("_part", self._subject).agg(pl.len().cast(pl.Int64)))
        self.height += typed.height

    def order(self) -> None:
        """Order and hash the rows, and drop repeated ones.

        Raises :class:`InvalidInput` for the first row that differs from an earlier row with the same key.
        """
        contradicting: list[int] = []
        for parts in self._groups():
            rows = pl.concat([part() for part in parts])
            key = self._key_in(rows)
            rows = rows.sort(["_part", *key, _POSITION])
            again = rows.select(
                pl.all_horizontal(pl.col(k).eq_missing(pl.col(k).shift(1)) for k in key)
                & (pl.row_index() > 0)
            ).to_series()
            if again.any():
                values = pl.all().exclude(_POSITION)
                other = rows.select(pl.any_horizontal(values.ne_missing(values.shift(1)))).to_series() & again
                contradicting += [int(rows.filter(other)[_POSITION].min())] if other.any() else []  # type: ignore[arg-type]  # an integer column
            self.repeated += int(again.sum())
            rows = rows.drop(_POSITION, "_part")
            # `extra` follows from the other columns, unless the source has it; older loads have no such
            # column.
            self.digest.update(rows.drop(self._added, strict=False))
            self._slices.append(self._ordered_rows.store(rows.filter(~again) if again.any() else rows))
        self._parts.clear()
        self._source_rows.close()
        if contradicting:
            raise contradiction(self._spec, min(contradicting) + 1)

    def slices(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """Yield the distinct rows in slices, in the order of partition and key; all or some columns."""
        for part in self._slices:
            rows = part()
            yield rows if columns is None else rows.select(columns)

    @property
    def symbols(self) -> pl.Series:
        """Return the distinct symbols, in order; none for a table without symbols."""
        if not self._spec.has_symbols:
            return pl.Series("symbol", [], pl.String)
        return pl.concat(self._counts)["symbol"].unique().sort()

    def _key_in(self, rows: pl.DataFrame) -> list[str]:
        """Return the columns that rows of one key share: of several dividends of a day, also the values."""
        more: tuple[str, ...] = _FILING if "version" in self._spec.key else ()
        if self._spec.name == "dividends":
            more = tuple(self._spec.names("value"))
        return [*self._spec.told_key, *(name for name in more if name in rows.columns)]

    def _groups(self) -> Iterator[list[_Part]]:
        """Yield the parts of each slice."""
        counts = pl.concat(self._counts).group_by("_part", self._subject).agg(pl.col("len").sum())
        heights = dict(counts.group_by("_part").agg(pl.col("len").sum()).iter_rows())
        group: list[_Part] = []
        rows = 0
        for part in sorted(self._parts):
            if group and rows + heights[part] > self._slice_rows:
                yield group
                group, rows = [], 0
            if heights[part] > self._slice_rows:
                of_part = counts.filter(pl.col("_part") == part).sort(self._subject)
                yield from self._by_symbol(self._parts[part], of_part)
            else:
                group, rows = group + self._parts[part], rows + heights[part]
        if group:
            yield group

    def _by_symbol(self, parts: list[_Part], counts: pl.DataFrame) -> Iterator[list[_Part]]:
        """Yield a part's rows in ranges of symbols."""
        # Each slice becomes a file. With more files the end of the transaction would rewrite the partition:
        # 2.5 million bars of one year then took 2 GB of memory.
        rows_at_once = max(self._slice_rows, -(-counts["len"].sum() // MAX_FILES_PER_PARTITION))
        ranges = counts.select(self._subject, _range=(pl.col("len").cum_sum() - 1) // rows_at_once)
        divided: dict[int, list[_Part]] = {}
        for part in parts:
            rows = part().join(ranges, on=self._subject, maintain_order="left")
            for (number,), some in rows.partition_by("_range", as_dict=True, include_key=False).items():
                divided.setdefault(int(number), []).append(self._source_rows.store(some))
        yield from (divided[number] for number in sorted(divided))


class _Parts:
    """Store frames: the first ones in memory, the others in a temporary file."""

    def __init__(self, folder: Path, rows_in_memory: int) -> None:
        self._folder, self._free_rows = folder, rows_in_memory
        self._file: IO[bytes] | None = None

    def store(self, frame: pl.DataFrame) -> _Part:
        """Store a frame, and return the function that reads it."""
        self._free_rows -= frame.height
        if self._free_rows >= 0:
            return lambda: frame
        content = BytesIO()
        # The oldest level writes the text of these rows alone; a string view would bring that of all rows.
        frame.write_ipc_stream(content, compat_level=pl.CompatLevel.oldest())
        with write_errors(self._folder):
            if self._file is None:
                self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115  # closed by close()
            start = self._file.seek(0, 2)
            self._file.write(content.getbuffer())
            self._file.flush()
        return partial(self._read, start, content.tell())

    def _read(self, start: int, size: int) -> pl.DataFrame:
        if self._file is None:
            raise RuntimeError("the temporary file of the load is closed")
        self._file.seek(start)
        return pl.read_ipc_stream(BytesIO(self._file.read(size)))

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
