"""Read ``config/environments.yaml``: named environments, each with a database and features.

Texts refer to variables as ``${NAME}``, and a password is only read so. A variable is looked up when its key
is used, in the environment and then in ``.env``. Everything else is checked when the file is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from factorlab_lake.errors import InvalidInput, NotFound, nearest
from factorlab_lake.schema.limits import DEFAULT_LAKE
from factorlab_lake.settings import chosen
from factorlab_lake.settings.config_file import Entry, fail, read
from factorlab_lake.settings.environment_keys import (
    FOLDER,
    KEYS,
    OF_SNOWFLAKE,
    POSTGRESQL,
    SNOWFLAKE,
    Key,
    checked,
    installed_targets,
    scheme_of,
)

__all__ = [
    "DEFAULT_FILE",
    "Environment",
    "find",
    "lake_place",
    "setting",
]

DEFAULT_FILE = Path("config/environments.yaml")
_DEFAULT_NAME = "development"
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Words of variables that are meant for a database. A file that merely lies in the current folder, perhaps of
# somebody else, names the server: the keys of other services must not be sent to it.
_DATABASE_WORDS = re.compile(
    r"(^|_)(DB|DATABASE|SQL|PG|PG(HOST|USER|PASSWORD|DATABASE)|POSTGRES\w*|TIMESCALE\w*|SNOWFLAKE|LAKE)(_|$)"
    r"|FACTOR_?LAB",
    re.IGNORECASE,
)


_BY_SECTION = {s: {k.name: k for k in KEYS if k.section == s} for s in ("database", "features")}


@dataclass(frozen=True, slots=True)
class Environment:
    """Represent one environment of a file. No text of it has a value: it may be a secret.

    ``trusted``: an argument or a variable of the environment names the file, so that it may use any variable.
    """

    path: Path
    name: str
    trusted: bool
    entries: Mapping[tuple[str, str], Entry] = field(repr=False)

    def setting(self, name: str) -> Any:
        """Return the value of a setting, such as ``pool_size``; None if the environment does not have it.

        ``lake`` is the address of the server, or the path of the folder. Raises :class:`InvalidInput` that
        names the key and its line.
        """
        if name == "lake":
            return self._lake()
        key = next((k for k in KEYS if k.setting == name), None)
        return None if key is None else self.value(key)

    def value(self, key: Key) -> Any:
        """Return the value of a key, with the variables to which it refers; None if the key is not there."""
        entry = self.entries.get((key.section, key.name))
        if entry is None:
            return None
        value = self._filled(key, entry)
        return checked(self.path, self.label(key), entry.line, key.kind, value)

    def label(self, key: Key) -> str:
        """Return the full name of a key, such as ``production.database.port``."""
        return f"{self.name}.{key.section}.{key.name}"

    def source(self, setting: str) -> str | None:
        """Return the file, line and key of a setting, or None if the environment does not have it."""
        for key in KEYS:
            entry = self.entries.get((key.section, key.name))
            if key.setting == setting and entry is not None:
                name = f"{self.name}.database" if setting == "lake" else self.label(key)
                return f"{self.path}, line {entry.line}: {name}"
        return None

    def address(self, *, password: str | None = None) -> str | None:
        """Return the address of the server with this password, or the folder; None without a database."""
        parts = {key.name: self.value(key) for key in KEYS if key.setting == "lake" and key.kind != "secret"}
        if all(value is None for value in parts.values()) and ("database", "password") not in self.entries:
            return None
        for name in ("provider", "database"):
            self._require(parts, name)
        scheme = scheme_of(parts["provider"])
        if scheme == FOLDER:
            return self._folder(parts)
        if scheme not in (installed := installed_targets()):
            self._fail(
                "provider",
                f"no target named {scheme} is installed. Use one of {', '.join(sorted(installed))} or "
                "duckdb, or install the package that brings it",
            )
        self._require(parts, "host")
        login = _login(parts["username"], password)
        if scheme == SNOWFLAKE:
            return _snowflake(parts, login)
        self._refuse(OF_SNOWFLAKE, "this is of Snowflake, and the provider is another server; remove it")
        if scheme != POSTGRESQL:
            self._refuse(("schema",), "this provider has no schemas; remove it")
        options = "" if parts["schema"] is None else f"?options=-csearch_path%3D{_quoted(parts['schema'])}"
        return f"{scheme}://{login}{_host(parts)}/{_quoted(parts['database'])}{options}"

    def _lake(self) -> str | None:
        password = self.value(_BY_SECTION["database"]["password"])
        if password is not None and self.value(_BY_SECTION["database"]["username"]) is None:
            self._fail("password", "there is a password, but no username; add username")
        return self.address(password=password)

    def _folder(self, parts: Mapping[str, Any]) -> str:
        of_server = ("host", "port", "username", "password", "schema", *OF_SNOWFLAKE)
        self._refuse(of_server, "this is of a server, but the provider is a folder; remove it")
        folder = str(parts["database"])
        if "://" in folder:
            self._fail("database", "expected the path of a folder, and not an address")
        return folder

    def _refuse(self, names: Iterable[str], message: str) -> None:
        for name in names:
            if ("database", name) in self.entries:
                self._fail(name, message)

    def _require(self, parts: Mapping[str, Any], name: str) -> None:
        if parts[name] is None:
            line = min(entry.line for (section, _), entry in self.entries.items() if section == "database")
            fail(self.path, line, f"{self.name}.database needs the key {name}")

    def _fail(self, name: str, message: str) -> None:
        line = self.entries["database", name].line
        fail(self.path, line, f"{self.name}.database.{name}: {message}")

    def _filled(self, key: Key, entry: Entry) -> Any:
        if not isinstance(entry.value, str):
            return entry.value
        return _REFERENCE.sub(lambda match: self._variable(key, entry.line, match[1]), entry.value)

    def _variable(self, key: Key, line: int, name: str) -> str:
        value, where = os.environ.get(name) or None, "environment"
        if value is None:
            value, where = _dotenv().get(name) or None, ".env"
        if value is None:
            fail(
                self.path,
                line,
                f"{self.label(key)} needs the variable {name}, which is not set. Set it, or remove the key",
            )
        leaves = key.kind in ("host", "text", "secret") and where == "environment" and not self.trusted
        if leaves and not _DATABASE_WORDS.search(name):
            fail(
                self.path,
                line,
                f"{self.label(key)} would send the variable {name} to the server of a file in the current "
                "folder. Use one whose name says that it is of a database, such as DB_PASSWORD, or name the "
                "file by --config or FACTORLAB_CONFIG",
            )
        return value


def find(env: str | None = None, config: str | os.PathLike[str] | None = None) -> Environment | None:
    """Return the chosen environment of the file, or None if there is no file and none was chosen.

    ``config`` is the file: by default ``FACTORLAB_CONFIG``, then ``config/environments.yaml``. ``env`` is the
    environment: by default ``FACTORLAB_ENV``, then the only one, then ``development``.
    """
    set_here = chosen("config")
    named = set_here if config is None else config
    of_dotenv = None if os.environ.get("FACTORLAB_CONFIG") else set_here  # it is of the same folder
    trusted = named is not None and str(named) != of_dotenv
    env = env or chosen("env")
    path = DEFAULT_FILE if named is None else Path(named)
    if named is None and not path.exists():
        if env is None:
            return None
        raise NotFound(
            f"The environment {env!r} is chosen, but there is no {path} here. Run in the project's folder, "
            "name the file by --config or FACTORLAB_CONFIG, or unset FACTORLAB_ENV.",
            path=str(path),
        )
    environments = dict(_environments(path, read(path)))
    name = _selected(path, environments, env)
    return Environment(path, name, trusted, environments[name])


def lake_place(
    lake: str | os.PathLike[str] | None = None,
    *,
    env: str | None = None,
    config: str | os.PathLike[str] | None = None,
) -> str | os.PathLike[str]:
    """Return the folder or address of the lake: the argument, or where there is none, that of the settings.

    It is ``FACTORLAB_LAKE``, then the database of the environment, then ``data/lake``. ``env`` and ``config``
    are those of :func:`factorlab_lake.open`. The address may contain a password: never show it.

    Beside ``lake``, an environment that is chosen by argument must exist, though its database is not read.

    >>> lake_place()
    'data/lake'
    """
    if lake is not None:
        if env is not None or config is not None:
            find(env, config)
        return lake
    place = setting("lake", env=env, config=config)
    return DEFAULT_LAKE if place is None else str(place)


def setting(name: str, *, env: str | None = None, config: str | os.PathLike[str] | None = None) -> Any:
    """Return a setting of a variable or ``.env``, then of the environment; None if neither has it."""
    value = chosen(name)
    if value is None and (environment := find(env, config)) is not None:
        return environment.setting(name)
    return value


def _selected(path: Path, environments: Mapping[str, Any], env: str | None) -> str:
    names = ", ".join(environments) or "none"
    if env is None:
        if len(environments) == 1:
            return next(iter(environments))
        if _DEFAULT_NAME in environments:
            return _DEFAULT_NAME
        raise InvalidInput(
            f"{path} has several environments and none named {_DEFAULT_NAME}; choose one of them by --env or "
            f"FACTORLAB_ENV: {names}."
            if environments
            else f"{path} has no environment; expected `{_DEFAULT_NAME}:` with `database:` below it.",
            path=str(path),
        )
    if env not in environments:
        raise InvalidInput(
            f"{path} has no environment {env!r}; it has {names}.{nearest(env, environments)}", path=str(path)
        )
    return env


def _environments(path: Path, top: Mapping[str, Entry]) -> Iterator[tuple[str, dict[tuple[str, str], Entry]]]:
    """Yield each environment with its checked entries by section and key."""
    for name, sections in top.items():
        entries: dict[tuple[str, str], Entry] = {}
        for section, keys in _mapping(path, name, sections, "database or features").items():
            label = f"{name}.{section}"
            if section not in _BY_SECTION:
                _unknown(path, label, keys.line, section, [*_BY_SECTION])
            for key, entry in _mapping(path, label, keys, ", ".join(_BY_SECTION[section])).items():
                if key not in _BY_SECTION[section]:
                    _unknown(path, f"{label}.{key}", entry.line, key, [*_BY_SECTION[section]])
                if entry.value is not None and entry.value != "":
                    _check_written(path, f"{label}.{key}", entry, _BY_SECTION[section][key].kind)
                    entries[section, key] = entry
        yield name, entries


def _mapping(path: Path, label: str, entry: Entry, expected: str) -> Mapping[str, Entry]:
    if entry.value is None:
        return {}
    if not isinstance(entry.value, dict):
        fail(path, entry.line, f"{label} has no keys below it; expected {expected}")
    return entry.value


def _unknown(path: Path, label: str, line: int, name: str, known: list[str]) -> None:
    fail(path, line, f"{label} is unknown.{nearest(name, known)} Expected some of {', '.join(known)}")


def _check_written(path: Path, label: str, entry: Entry, kind: str) -> None:
    """Check a value as it is in the file; one with a reference is checked again with its variable."""
    text = entry.value
    if kind == "secret" and not (isinstance(text, str) and _REFERENCE.fullmatch(text)):
        fail(
            path,
            entry.line,
            f"{label} is written in the file, where others can read it. Write ${{DB_PASSWORD}} and set this "
            "variable, or remove the key and use ~/.pgpass",
        )
    if not isinstance(text, str) or "$" not in text:
        checked(path, label, entry.line, kind, text)
    elif "$" in _REFERENCE.sub("", text):
        fail(path, entry.line, f"{label} has a $ that is no reference; a reference is ${{NAME}}")


def _host(parts: Mapping[str, Any]) -> str:
    host, port = parts["host"], "" if parts["port"] is None else f":{parts['port']}"
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"  # an IPv6 address, whose colons would otherwise begin the port
    return f"{_quoted(host) if host.startswith('/') else host}{port}"


def _snowflake(parts: Mapping[str, Any], login: str) -> str:
    """Return the address of a schema of an account; its options are those of the driver."""
    names = "/".join(_quoted(parts[n]) for n in ("database", "schema") if parts[n] is not None)
    options = {n: parts[n] for n in ("port", *OF_SNOWFLAKE) if parts[n] is not None}
    return f"{SNOWFLAKE}://{login}{parts['host']}/{names}{'?' if options else ''}{urlencode(options)}"


def _login(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    return f"{_quoted(user)}@" if password is None else f"{_quoted(user)}:{_quoted(password)}@"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _dotenv() -> Mapping[str, str | None]:
    from dotenv import dotenv_values

    try:
        return dotenv_values(".env")
    except (UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"The file .env cannot be read: {error}. Write it as UTF-8.") from None
