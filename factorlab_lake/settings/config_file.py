"""Read a configuration file in YAML, each value with its line, and find the line of a setting in ``.env``.

The file may be of a downloaded folder, so it is bounded: by its size, and without aliases, of which a few
lines can stand for millions of values. No tag of it creates an object.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from factorlab_lake.errors import InvalidInput, NotFound
from factorlab_lake.schema.limits import MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH

__all__ = ["Entry", "fail", "read", "source_of"]

_FROM_ENVIRONMENT_ALONE = ("FACTORLAB_AVAILABILITY",)


@dataclass(frozen=True, slots=True)
class Entry:
    """Represent a value of a file and its line: a mapping of names to entries, a list, or one plain value."""

    value: Any
    line: int

    def __repr__(self) -> str:
        return f"Entry(line {self.line})"  # the value may be a secret


def read(path: Path) -> dict[str, Entry]:
    """Return the mapping that a file has; an empty file has an empty one.

    Raises :class:`InvalidInput` with the line for a file that is no mapping or no YAML, that has a key twice
    or an alias, or is too long. Raises :class:`NotFound` if there is no file.
    """
    import yaml

    text = _text(path)
    try:
        _check_events(path, text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        top = Entry({}, 1) if root is None else _entry(path, root)
    except yaml.YAMLError as error:
        fail(path, _line(error, text), f"this is no YAML: {_problem(error)}")
    if not isinstance(top.value, dict):
        fail(path, top.line, "the file has no names; expected `development:` with `database:` below it")
    return top.value


def fail(path: Path, line: int, message: str) -> NoReturn:
    """Raise :class:`InvalidInput` about a line of a file; a message never has a value of the file."""
    end = "" if message.endswith((".", "?")) else "."
    raise InvalidInput(f"{path}, line {line}: {message}{end}", path=str(path), line=line)


def _check_events(path: Path, text: str) -> None:
    """Refuse aliases and deep nesting before anything is built: the reader's time grows with its square."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            fail(path, line, "a value refers to another one by *; write it out")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_CONFIG_DEPTH:
            fail(path, line, "the values are nested too deeply")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_CONFIG_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(
            f"There is no file {path}; name the one with the environments.", path=str(path)
        ) from None
    except UnicodeDecodeError as error:
        fail(path, content.count(b"\n", 0, error.start) + 1, "this is no text; write the file as UTF-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidInput(f"The file {path} cannot be read: {reason}.", path=str(path)) from None
    if len(content) > MAX_CONFIG_BYTES:
        raise InvalidInput(
            f"The file {path} is longer than {MAX_CONFIG_BYTES:,} bytes; is it a file of environments?",
            path=str(path),
        )
    return text


def _entry(path: Path, node: Any) -> Entry:
    import yaml

    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Entry(_mapping(path, node), line)
    if isinstance(node, yaml.SequenceNode):
        return Entry([_entry(path, each) for each in node.value], line)
    try:
        return Entry(yaml.SafeLoader("").construct_object(node), line)
    except (ValueError, OverflowError):  # such as the date 2024-13-45
        fail(path, line, "this value cannot be read; write a text in quotation marks")


def _mapping(path: Path, node: Any) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key.value, str):
            fail(path, line, "a name is a list or a mapping; write a plain name")
        if key.value == "<<":
            fail(path, line, "`<<` is not read; write the keys out")
        if key.value in entries:
            fail(path, line, f"{key.value} is there twice, also in line {lines[key.value]}; remove one")
        entries[key.value], lines[key.value] = Entry(_entry(path, value).value, line), line
    return entries


def _line(error: Any, text: str) -> int:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    return text.count("\n", 0, getattr(error, "position", 0) or 0) + 1


def _problem(error: Any) -> str:
    """Return what the reader of YAML names, without the text of the file, which may have a secret."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable")
    return re.sub(r"'[^']{3,}'", "something else", problem)


def source_of(variable: str) -> str | None:
    """Return the variable of the environment, or the line of ``.env``, that sets a value."""
    for name, value in os.environ.items():
        if name.upper() == variable and value:
            return f"variable {name}"
    file = Path(".env")
    if variable in _FROM_ENVIRONMENT_ALONE or not file.is_file():
        return None
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    setting = re.compile(rf"\s*(?:export\s+)?{variable}\s*=\s*\S", re.IGNORECASE)
    numbers = [number for number, line in lines if setting.match(line)]
    return f"{file}, line {numbers[-1]}" if numbers else None
