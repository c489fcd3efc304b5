"""Recognise how a source is written: the encoding and the separator of a CSV file, and its decimal sign."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

import polars as pl

from factorlab_lake.errors import InvalidInput

__all__ = [
    "DECIMAL_SIGNS",
    "SEPARATORS",
    "DecimalCommas",
    "plain_number",
    "reject_other_format",
    "separator_of",
    "utf8_blocks",
    "with_points",
]

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
DECIMAL_SIGNS = (".", ",")
_NEXT_STEP = "or pass the sign as decimal (--decimal . or --decimal ,)"
_QUOTED = re.compile(rb'"[^"]*"')
_WHOLE_BOM = 4  # bytes; that of UTF-32 is the longest
_DECIMAL_COMMA = r"^\s*[+-]?\d+,\d+\s*$"
_OTHER_NUMBERS = r"^\s*[+-]?(?:\d+\.\d+|\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:,\d{3}){2,})\s*$"
_GROUPS_OF_THREE = r"^\s*[+-]?[1-9]\d{0,2}\.\d{3}\s*$"


# How files begin that people save or name as CSV, and what such a file is.
_OTHER_FORMATS = (
    (rb"PAR1", "a Parquet file; name it .parquet"),
    (rb"PK\x03\x04|\xd0\xcf\x11\xe0", "an Excel or zip file; save the sheet as CSV"),
    (rb"\s*<(?:!doctype|html|\?xml)", "a page in HTML or XML; it may say why the download failed"),
    (rb"\s*(?:\[\s*)?\{\s*\"", "JSON; convert it to CSV, or load a frame of it"),
)


def reject_other_format(name: str, start: bytes) -> None:
    """Raise :class:`InvalidInput` for content that is of another format than CSV.

    >>> reject_other_format("bars.csv", b"symbol,date")
    """
    for pattern, text in _OTHER_FORMATS:
        if re.match(pattern, start, re.IGNORECASE):
            raise InvalidInput(f"{name} is no CSV but {text}.")


def plain_number(text: pl.Expr) -> pl.Expr:
    """Return the text of a number as accounts write it, such as (1 234.50) or -1'234.50, without separators.

    Other texts stay as they are.
    """
    plain = text.str.strip_chars().str.replace(r"^\(\s*([\d.,'\u2019\u00a0\u202f ]*\d)\s*\)$", "-${1}")
    plain = plain.str.replace("^\u2212", "-")
    grouped = plain.str.contains(r"^[+-]?\d{1,3}(?:['\u2019\u00a0\u202f ]\d{3})+(?:[.,]\d+)?$")
    joined = plain.str.replace_all(r"['\u2019\u00a0\u202f ]", "")
    is_number = grouped | plain.str.contains(r"^[+-]?\d[\d.,]*$")
    return pl.when(is_number).then(pl.when(grouped).then(joined).otherwise(plain)).otherwise(text)


def utf8_blocks(name: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the blocks of a text in UTF-8; convert UTF-16, as Excel saves text with tabs.

    Raises :class:`InvalidInput` for another encoding: its letters could only be guessed.
    """
    first = next(blocks, b"")
    while len(first) < _WHOLE_BOM and (more := next(blocks, b"")):
        first += more
    encoding = _encoding(first)
    if encoding is None:
        yield first
        yield from blocks
        return
    if encoding == "utf-32":
        raise InvalidInput(f"{name} is written in UTF-32; save it as UTF-8.")
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(first).encode()
        for block in blocks:
            yield decoder.decode(block).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise InvalidInput(
            f"{name} begins as {encoding.upper()} and does not go on so; save it as UTF-8."
        ) from None


def _encoding(start: bytes) -> str | None:
    """Return the encoding of a text that is not UTF-8, by its mark or by the zeros between Latin letters."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) >= _WHOLE_BOM:
        if start[1] == start[3] == 0 and start[0] and start[2]:
            return "utf-16-le"
        if start[0] == start[2] == 0 and start[1] and start[3]:
            return "utf-16-be"
    return None


def separator_of(name: str, header: bytes) -> str:
    """Return the separator of a header line: the one that it has most of, outside quotes.

    Raises :class:`InvalidInput` for a header with as many of one as of another.
    """
    plain = _QUOTED.sub(b"", header)
    counts = sorted(((plain.count(s.encode()), s) for s in SEPARATORS), reverse=True)
    (most, separator), (second, other) = counts[:2]
    if most == 0:
        return ","
    if most == second:
        raise InvalidInput(
            f"{name}: the header has {most} {SEPARATORS[separator]} and as many {SEPARATORS[other]}, so "
            "the separator is unknown; write the file with commas."
        )
    return separator


class DecimalCommas:
    """Write numbers such as 221,68 with a point, in the slices of a file whose separator is a semicolon.

    Programs write semicolons where the comma is the decimal sign. A file that has numbers of both kinds
    raises :class:`InvalidInput`, because 221,681 could then be either. So does one whose only numbers with a
    point are such as 50.000, which is fifty thousand where the comma is the decimal sign.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._comma: str | None = None
        self._other: str | None = None
        self._unclear: str | None = None

    def rows(self, part: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a slice with points."""
        texts = [name for name, kind in part.schema.items() if kind == pl.String]
        part = part.with_columns(plain_number(pl.col(texts)))
        self._comma = self._comma or _example(part, texts, _DECIMAL_COMMA)
        if self._comma is None and self._other is None:
            self._unclear = self._unclear or _example(part, texts, _GROUPS_OF_THREE)
            self._other = _example(part, texts, _OTHER_NUMBERS, but=_GROUPS_OF_THREE)
        elif self._comma is not None:
            self._other = self._other or self._unclear or _example(part, texts, _OTHER_NUMBERS)
        if self._comma is None:
            return part
        if self._other is not None:
            raise InvalidInput(
                f"{self._name} has numbers such as {self._comma!r} and such as {self._other!r}, so the "
                "decimal sign is unknown; write all numbers with a point, and no separators of thousands, "
                f"{_NEXT_STEP}."
            )
        value = pl.col(texts)
        decimal = value.str.contains(_DECIMAL_COMMA)
        return part.with_columns(
            pl.when(decimal).then(value.str.replace(",", ".", literal=True)).otherwise(value)
        )

    def finish(self) -> None:
        """Raise :class:`InvalidInput` if no row of the file told what the point of its numbers means."""
        if self._unclear is not None and self._comma is None and self._other is None:
            raise InvalidInput(
                f"{self._name} has semicolons and numbers such as {self._unclear!r}, whose point may be a "
                "decimal sign or separate thousands; write the file with commas between the columns, and "
                f"numbers without separators of thousands, {_NEXT_STEP}."
            )


def with_points(name: str, part: pl.DataFrame, sign: str) -> pl.DataFrame:
    """Write the texts of a slice that are numbers with this decimal sign with a point, and without thousands.

    The other sign separates thousands. Raises :class:`InvalidInput` for a number that cannot be written so.
    """
    point, other = (re.escape(s) for s in (sign, *(s for s in DECIMAL_SIGNS if s != sign)))
    thousands = rf"[1-9]\d{{0,2}}(?:{other}\d{{3}})+"
    number = rf"^\s*[+-]?(?:{thousands}|\d*)(?:{point}\d+)?\s*$"
    groups = rf"\d{{1,3}}(?:{point}\d{{3}})"
    contrary = rf"^\s*[+-]?(?:\d*{other}\d+|{groups}+{other}\d+|{groups}{{2,}})\s*$"
    texts = [column for column, kind in part.schema.items() if kind == pl.String]
    part = part.with_columns(plain_number(pl.col(texts)))
    example = _example(part, texts, contrary, but=rf"^\s*[+-]?{thousands}\s*$")
    if example is not None:
        raise InvalidInput(
            f"{name} has a number such as {example!r}, which is none with the decimal sign {sign!r}; pass "
            "the other sign as decimal, or write all numbers alike.",
            decimal=sign,
        )
    value = pl.col(texts)
    plain = value.str.replace_all(other, "").str.replace(sign, ".", literal=True)
    return part.with_columns(pl.when(value.str.contains(number)).then(plain).otherwise(value))


def _example(part: pl.DataFrame, names: list[str], pattern: str, *, but: str = "$^") -> str | None:
    """Return a text that has a pattern, and not another one."""
    for name in names:
        values = part[name].drop_nulls()
        some = values.filter(values.str.contains(pattern) & ~values.str.contains(but)).head(1)
        if some.len():
            return str(some.item())
    return None
