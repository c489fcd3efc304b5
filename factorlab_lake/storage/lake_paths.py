"""Check the paths of callers, of lakes' folders and of files to write, before anything is written."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Any

from factorlab_lake.errors import AlreadyExists, InvalidInput
from factorlab_lake.schema.limits import LAKE_PATH_BYTES
from factorlab_lake.settings.environment_keys import has_login
from factorlab_lake.storage.bucket_path import bucket_path, is_bucket

__all__ = [
    "folder_path",
    "input_path",
    "is_address",
    "is_lake",
    "nearby_lake",
    "output_path",
    "place_hint",
    "reject_inside_a_lake",
]

# DuckDB reads the first four as patterns of names. Delta decodes %, reads a backslash as a slash, drops tabs
# and line breaks, and panics at ^ and |. A surrogate stands for a byte that is not text: JSON refuses it.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # one slash: pathlib.Path drops the second
_CONTROL = r"\x00-\x1f\x7f\ud800-\udfff"
_REFUSED = re.compile(rf"[*?\[\]%\\^|{_CONTROL}]")
_REFUSED_IN_FILES = re.compile(rf"[{_CONTROL}]")
_SIMILAR = 0.75  # the least similarity of a mistyped name: one letter of four
_NUMBER = re.compile(r"[\W_]*\d+")
_WORDS = re.compile(r"[^\W\d_]+|\d+")
_SHORTEST_WORD = 4


def is_address(path: Any) -> bool:
    """Return whether a path is the address of a server; that of a bucket is not.

    >>> is_address("postgresql://host/database"), is_address("C:/lake"), is_address("s3://bucket/lake")
    (True, False, False)
    """
    return _ADDRESS.match(_text(path)) is not None and not is_bucket(_text(path))


def folder_path(path: Any) -> Path:
    """Return the absolute path of a lake's folder, without links; a leading ``~`` is the user's home.

    The address of a bucket is the path of its objects. Raises :class:`InvalidInput` for the address of a
    server, and for a path that DuckDB or Delta would read as another one.
    """
    text = _text(path)
    if is_bucket(text) and not (refused := _REFUSED.search(text)):
        return bucket_path(text)
    address = None if is_bucket(text) else _ADDRESS.match(text)
    if address:  # the message omits the rest: it may contain a password
        raise InvalidInput(
            f"{address[1]}://... is the address of a server, but this needs a folder; pass the path of a "
            "folder, or of a bucket such as s3://bucket/lake. Only queries and sync accept an address.",
            scheme=address[1],
        )
    refused = _REFUSED.search(text if os.sep == "/" else text.replace(os.sep, "/"))
    folder = Path(text) if refused or is_bucket(text) else _resolved(text)
    refused = refused or _REFUSED.search(folder.as_posix())
    if refused:
        raise InvalidInput(
            f"The path {str(folder)!r} has the character {refused[0]!r}, which DuckDB or Delta would misread;"
            r" use a folder whose whole path has none of * ? [ ] % \ ^ | and no control character.",
            path=str(folder),
        )
    if len(os.fsencode(folder)) > LAKE_PATH_BYTES:  # the system would refuse files below the folder
        raise InvalidInput(
            f"The path {str(folder)[:60]!r}... is longer than {LAKE_PATH_BYTES:,} bytes; use a shorter one.",
            path=str(folder),
        )
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise InvalidInput(f"The folder {folder} may not be read; change its rights.", path=str(folder))
    return folder


def input_path(path: Any) -> Path:
    """Return the path of a file or folder to read, which may be missing.

    Raises :class:`InvalidInput` for what is no path, and for one that the system refuses, as by its length.
    """
    text = _text(path)
    if (address := _ADDRESS.match(text)) is not None:
        raise _is_no_file(address)
    file = Path(text)
    _check_usable(file)
    return file


def output_path(path: Any, *, force: bool) -> Path:
    """Return the absolute path of a file to write, without links.

    Raises :class:`InvalidInput` for a place within a lake, a folder or a device, and :class:`AlreadyExists`
    for an existing file unless ``force`` is true.
    """
    text = _text(path)
    if (address := _ADDRESS.match(text)) is not None:
        raise _is_no_file(address)
    if (refused := _REFUSED_IN_FILES.search(text)) is not None:
        raise InvalidInput(
            f"{text!r} has the character {refused[0]!r}; pass the path of a file to write.", path=text
        )
    file = _resolved(text)
    lake = next((place for place in (file, *file.parents) if (place / "_lake").is_dir()), None)
    if lake is not None:
        raise InvalidInput(
            f"{file} is within the lake {lake}, whose files only the lake writes; choose a path outside it.",
            path=str(file),
        )
    if file.exists() and not file.is_file():
        raise InvalidInput(f"{file} is no regular file; choose the path of a file.", path=str(file))
    if file.exists() and not force:
        raise AlreadyExists(
            f"{file} exists; choose another name, or replace it: --force, or force=True in Python.",
            path=str(file),
        )
    return file


def is_lake(folder: Path) -> bool:
    """Return whether a folder has the identity of a lake."""
    try:
        return (folder / "_lake" / "lake.json").exists()
    except OSError:  # the folder may not be read
        return False


def reject_inside_a_lake(folder: Path) -> None:
    """Refuse a folder whose files would count as those of another lake's table.

    A vacuum of the outer lake deletes every data file below its table folders that no snapshot names.
    """
    outer = next((parent for parent in folder.parents if is_lake(parent)), None)
    if outer is not None:
        raise InvalidInput(
            f"{folder} is inside the lake {outer}; choose a folder outside it.", path=str(folder)
        )
    if "_delta_log" in folder.parts:
        raise InvalidInput(
            f"{folder} is below a folder named _delta_log, the name of a Delta log; choose another folder.",
            path=str(folder),
        )


def nearby_lake(folder: Path, *, one_typo: bool = False) -> Path | None:
    """Return the lake that a mistyped path most likely means, or None.

    That is a lake around the folder or directly in it, or one whose path differs in the spelling of one name.
    Names that differ by a number alone, such as lake and lake2, are no misspellings. With ``one_typo``, names
    must differ by one letter of a word: lake_eu and lake_us, or limited and unlimited, are two lakes.
    """
    if outer := next((parent for parent in folder.parents if is_lake(parent)), None):
        return outer
    if inner := next((child for child in _folders_in(folder) if is_lake(child)), None):
        return inner
    missing = folder
    while not missing.parent.exists():
        missing = missing.parent
    own, below = missing.name, folder.relative_to(missing)
    is_meant = _has_one_typo if one_typo else _is_misspelt
    others = [child for child in _folders_in(missing.parent) if is_meant(own, child.name)]
    lakes = {child.name: child / below for child in others if is_lake(child / below)}
    names = difflib.get_close_matches(own, lakes, n=1, cutoff=0)
    return lakes[names[0]] if names else None


def place_hint(folder: Path) -> str:
    """Return the next step where no lake is: the lake nearby, or the parent folder that does not exist."""
    near = nearby_lake(folder)
    if near is not None:
        return f"There is one at {near}; did you mean that? "
    return "" if folder.parent.exists() else f"The folder {folder.parent} does not exist either. "


def _is_misspelt(name: str, other: str) -> bool:
    if name == other or (_NUMBER.sub("", name) == _NUMBER.sub("", other)):
        return False
    return difflib.SequenceMatcher(None, name.casefold(), other.casefold()).ratio() >= _SIMILAR


def _has_one_typo(name: str, other: str) -> bool:
    """Return whether one word of two names differs by one letter, two exchanged letters, or capitals.

    A word of few letters is rather another word.

    >>> [_has_one_typo("my_lake", other) for other in ("my_laek", "my_lak", "my_lake_2", "our_lake")]
    [True, True, False, False]
    """
    words, others = (_WORDS.findall(each) for each in (name, other))
    if len(words) != len(others) or name == other:
        return False
    pairs = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    if len(pairs) != 1 or max(map(len, pairs[0])) < _SHORTEST_WORD or pairs[0][0].isdigit():
        return False
    one, two = (word.casefold() for word in pairs[0])
    start = _shared_letters(one, two)
    end = _shared_letters(one[start:][::-1], two[start:][::-1])
    one, two = one[start : len(one) - end], two[start : len(two) - end]
    return max(len(one), len(two)) <= 1 or (len(one) == 2 and one == two[::-1])  # noqa: PLR2004 - two letters


def _shared_letters(one: str, two: str) -> int:
    """Return with how many equal letters two words begin."""
    pairs = enumerate(zip(one, two, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(two)))


def _folders_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in sorted(entries, key=lambda e: e.name) if entry.is_dir()]
    except OSError:
        return []


def _text(path: Any) -> str:
    """Return a path as text; raise :class:`InvalidInput` for anything else and for an empty text."""
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text:
        raise InvalidInput(
            f"A path is a text such as 'data/lake' or a pathlib.Path, not {path!r} ({type(path).__name__}).",
            path=path,
        )
    if _ADDRESS.match(text) is None and has_login(text):  # the message omits the text: it may be a secret
        raise InvalidInput(
            "The path reads like the login of a server, such as host=... or user:password@host, and is not "
            "shown because it may contain a password; pass the path of a folder or file, or an address such "
            "as postgresql://user@host/database where one is accepted."
        )
    return text


def _is_no_file(address: re.Match[str]) -> InvalidInput:
    """Return the error of an address in place of a file; it omits the rest, which may be a secret."""
    return InvalidInput(
        f"{address[1]}://... is an address, but this needs a path on this machine; pass the path of a file.",
        scheme=address[1],
    )


def _resolved(text: str) -> Path:
    """Return the absolute path without links; raise :class:`InvalidInput` where the system refuses it."""
    path = Path(text)
    try:
        path = (path.expanduser() if text == "~" or text.startswith("~/") else path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop, before Python 3.13
        raise _unusable(text, error) from None
    _check_usable(path)
    return path


def _check_usable(path: Path) -> None:
    try:
        path.exists()  # a name that is too long raises
    except (OSError, ValueError) as error:
        raise _unusable(str(path), error) from None


def _unusable(text: str, error: Exception) -> InvalidInput:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return InvalidInput(f"{text[:200]!r} is no usable path: {reason}.", path=text)
