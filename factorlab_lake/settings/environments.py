"""Read ``config/environments.yaml``: named environments, each with a database and features.

Texts refer to variables as ``${NAME}``, and a password is only read so. A variable is looked up when its key
is used, in the environment and then in ``.env``. Everything else is checked when the file is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from factorlab_lake.errors import InvalidInput, NotFound, nearest
from factorlab_lake.schema.rules import DEFAULT_LAKE, MAX_POOL
from factorlab_lake.settings import chosen
from factorlab_lake.settings.config_file import Entry, fail, read

__all__ = [
    "DEFAULT_FILE",
    "KEYS",
    "PROVIDERS",
    "TARGETS",
    "Environment",
    "Key",
    "find",
    "lake_place",
    "setting",
]

DEFAULT_FILE = Path("config/environments.yaml")
TARGETS = "factorlab_lake.targets"  # the entry points of servers; the name of each is an address scheme
_DEFAULT_NAME = "development"
_FOLDER = "folder"
# {provider: address scheme}; installed targets add their own.
PROVIDERS: Mapping[str, str] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "timescaledb": "postgresql",
    "snowflake": "snowflake",
    "duckdb": _FOLDER,
    "lake": _FOLDER,
    "folder": _FOLDER,
}
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9a-fA-F]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*\]?|/[A-Za-z0-9._/-]+")
# Words of variables that are meant for a database. A file that merely lies in the current folder, perhaps of
# somebody else, names the server: the keys of other services must not be sent to it.
_DATABASE_WORDS = re.compile(
    r"(^|_)(DB|DATABASE|SQL|PG|PG(HOST|USER|PASSWORD|DATABASE)|POSTGRES\w*|TIMESCALE\w*|SNOWFLAKE|LAKE)(_|$)"
    r"|FACTOR_?LAB",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Key:
    """Describe a key of an environment: its section, its kind of value, and the setting that it gives."""

    section: str
    name: str
    kind: str
    setting: str
    meaning: str


KEYS = (
    Key("database", "provider", "provider", "lake", "`postgresql` or `timescaledb`; `duckdb` for a folder"),
    Key("database", "host", "host", "lake", "the server's name"),
    Key("database", "port", "port", "lake", "the server's port"),
    Key("database", "database", "text", "lake", "the database on the server, or the folder of the lake"),
    Key("database", "username", "text", "lake", "the role on the server"),
    Key("database", "password", "secret", "lake", "a reference such as `${DB_PASSWORD}`, never the password"),
    Key("database", "pool_size", "count", "pool_size", "the connections that stay open"),
    Key(
        "database",
        "max_overflow",
        "count",
        "pool_overflow",
        "the additional connections while those are busy",
    ),
    Key("features", "use_database", "flag", "use_database", "whether the lake answers"),
    Key("features", "fallback_to_cache", "flag", "fallback_to_cache", "whether the old cache stands in"),
    Key("features", "migration_mode", "flag", "migration_mode", "whether both answer and are compared"),
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
        return _checked(self.path, self.label(key), entry.line, key.kind, value)

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
        scheme = _scheme(parts["provider"])
        if scheme == _FOLDER:
            return self._folder(parts)
        if scheme not in (installed := _installed()):
            self._fail(
                "provider",
                f"no target named {scheme} is installed. Use one of {', '.join(sorted(installed))} or "
                "duckdb, or install the package that brings it",
            )
        self._require(parts, "host")
        return f"{scheme}://{_login(parts['username'], password)}{_host(parts)}/{_quoted(parts['database'])}"

    def _lake(self) -> str | None:
        password = self.value(_BY_SECTION["database"]["password"])
        if password is not None and self.value(_BY_SECTION["database"]["username"]) is None:
            self._fail("password", "there is a password, but no username; add username")
        return self.address(password=password)

    def _folder(self, parts: Mapping[str, Any]) -> str:
        for name in ("host", "port", "username", "password"):
            if ("database", name) in self.entries:
                self._fail(name, "this is of a server, but the provider is a folder; remove it")
        folder = str(parts["database"])
        if "://" in folder:
            self._fail("database", "expected the path of a folder, and not an address")
        return folder

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


def lake_place(*, env: str | None = None, config: str | os.PathLike[str] | None = None) -> str:
    """Return the folder or address of the lake where no argument names one.

    It is ``FACTORLAB_LAKE``, then the database of the environment, then ``data/lake``. ``env`` and ``config``
    are those of :func:`factorlab_lake.open`. The address may contain a password: never show it.

    >>> lake_place()
    'data/lake'
    """
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
        _checked(path, label, entry.line, kind, text)
    elif "$" in _REFERENCE.sub("", text):
        fail(path, entry.line, f"{label} has a $ that is no reference; a reference is ${{NAME}}")


def _checked(path: Path, label: str, line: int, kind: str, value: Any) -> Any:
    """Return a value of the right type, or raise without the value, which may be of a variable."""
    check = _CHECKS.get(kind, _text)
    checked, expected = check(value)
    if checked is None:
        fail(path, line, f"{label}: expected {expected}")
    return checked


_Checked = tuple[Any, str]  # the value, or None, and what was expected


def _number(value: Any, lowest: int, highest: int) -> int | None:
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value
    return number if type(number) is int and lowest <= number <= highest else None


def _port(value: Any) -> _Checked:
    return _number(value, 1, 65_535), "a whole number from 1 to 65535"


def _count(value: Any) -> _Checked:
    return _number(value, 0, MAX_POOL), f"a whole number from 0 to {MAX_POOL}"


def _flag(value: Any) -> _Checked:
    flag = _FLAGS.get(value.lower()) if isinstance(value, str) else value
    return flag if isinstance(flag, bool) else None, "true or false"


def _provider(value: Any) -> _Checked:
    known = isinstance(value, str) and _scheme(value) is not None
    guess = nearest(value.lower(), PROVIDERS) if isinstance(value, str) else ""
    return value if known else None, f"one of {', '.join(PROVIDERS)}.{guess}".removesuffix(".")


def _server(value: Any) -> _Checked:
    text, expected = _text(value)
    if text is not None and not _HOST.fullmatch(text):
        return None, "the name of a server alone; port, username and password are keys of their own"
    return text, expected


def _text(value: Any) -> _Checked:
    # A database or a role may have a number as its name.
    text = str(value) if type(value) is int else value
    good = isinstance(text, str) and text.isprintable()
    return text if good else None, "a text of printable characters; write it in quotation marks"


_CHECKS: Mapping[str, Callable[[Any], _Checked]] = {
    "port": _port,
    "count": _count,
    "flag": _flag,
    "provider": _provider,
    "host": _server,
}


def _host(parts: Mapping[str, Any]) -> str:
    host, port = parts["host"], "" if parts["port"] is None else f":{parts['port']}"
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"  # an IPv6 address, whose colons would otherwise begin the port
    return f"{_quoted(host) if host.startswith('/') else host}{port}"


def _login(user: str | None, password: str | None) -> str:
    if user is None:
        return ""
    return f"{_quoted(user)}@" if password is None else f"{_quoted(user)}:{_quoted(password)}@"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _scheme(provider: str) -> str | None:
    """Return the address scheme of a provider, ``folder`` for a lake on disk, or None for an unknown one."""
    name = provider.lower()
    if name in PROVIDERS:
        return PROVIDERS[name]
    return name if name in _installed() else None


def _installed() -> set[str]:
    from importlib.metadata import entry_points  # slow to import, and most programs read no such file

    return {entry.name for entry in entry_points(group=TARGETS)}


def _dotenv() -> Mapping[str, str | None]:
    from dotenv import dotenv_values

    try:
        return dotenv_values(".env")
    except (UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"The file .env cannot be read: {error}. Write it as UTF-8.") from None
