"""Describe the keys of an environment, and check their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factorlab_lake.errors import nearest
from factorlab_lake.schema.limits import MAX_POOL
from factorlab_lake.settings.config_file import fail

__all__ = [
    "FOLDER",
    "KEYS",
    "OF_SNOWFLAKE",
    "POSTGRESQL",
    "PROVIDERS",
    "SNOWFLAKE",
    "TARGETS",
    "Key",
    "checked",
    "has_login",
    "installed_targets",
    "scheme_of",
]

TARGETS = "factorlab_lake.targets"  # the entry points of servers; the name of each is an address scheme
FOLDER, POSTGRESQL, SNOWFLAKE = "folder", "postgresql", "snowflake"
# {provider: address scheme}; installed targets add their own.
PROVIDERS: Mapping[str, str] = {
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "timescaledb": POSTGRESQL,
    "snowflake": SNOWFLAKE,
    "duckdb": FOLDER,
    "lake": FOLDER,
    "folder": FOLDER,
}
# A text of libpq or ODBC with a password, a login before a host without a scheme, or two words of libpq.
_LOGIN = re.compile(
    r"(?:^|[\s;?&])(?:ssl)?(?:password|passwd|pwd|passphrase)\s*="
    r"|^(?://)?(?![a-z]:\\)[^/:@]+:(?!/)[^@]*@"
    r"|^\s*(?:host(?:addr)?|server|port|user|uid|dbname|database|service)\s*=[^=]*\s\w+\s*=",
    re.IGNORECASE,
)
_FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[?[0-9a-fA-F]*:[0-9a-fA-F.]*:[0-9a-fA-F:.]*\]?|/[A-Za-z0-9._/-]+")


@dataclass(frozen=True, slots=True)
class Key:
    """Describe a key of an environment: its section, its kind of value, and the setting that it gives."""

    section: str
    name: str
    kind: str
    setting: str
    meaning: str


KEYS = (
    Key(
        "database",
        "provider",
        "provider",
        "lake",
        "`postgresql`, `timescaledb` or `snowflake`; `duckdb` for a folder",
    ),
    Key("database", "host", "host", "lake", "the server's name; the account of Snowflake"),
    Key("database", "port", "port", "lake", "the server's port"),
    Key("database", "database", "text", "lake", "the database on the server, or the folder of the lake"),
    Key("database", "username", "text", "lake", "the role on the server"),
    Key("database", "password", "secret", "lake", "a reference such as `${DB_PASSWORD}`, never the password"),
    Key("database", "schema", "schema", "lake", "the schema on the server; by default `public`"),
    Key("database", "warehouse", "text", "lake", "the warehouse; of Snowflake alone, as the next three keys"),
    Key("database", "role", "text", "lake", "the role of the session"),
    Key("database", "authenticator", "text", "lake", "`externalbrowser` to log in with the browser"),
    Key("database", "private_key_file", "text", "lake", "the file of the key that logs in, and no password"),
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


OF_SNOWFLAKE = ("warehouse", "role", "authenticator", "private_key_file")
"""The keys that only a database of Snowflake has."""


def scheme_of(provider: str) -> str | None:
    """Return the address scheme of a provider, ``folder`` for a lake on disk, or None for an unknown one."""
    name = provider.lower()
    if name in PROVIDERS:
        return PROVIDERS[name]
    return name if name in installed_targets() else None


def has_login(text: str) -> bool:
    """Return whether a text without a scheme describes how to connect to a server, perhaps with a password.

    >>> [has_login(t) for t in ("host=h password=p", "bob:p@h/db", "data/year=2020", "a:b+c")]
    [True, True, False, False]
    >>> [has_login(folder) for folder in ("C:/Users/me@work", "C:" + chr(92) + "me@work")]
    [False, False]
    """
    return _LOGIN.search(text) is not None


def installed_targets() -> set[str]:
    """Return the address schemes of the installed targets."""
    from importlib.metadata import entry_points  # slow to import, and most programs read no such file

    return {entry.name for entry in entry_points(group=TARGETS)}


def checked(path: Path, label: str, line: int, kind: str, value: Any) -> Any:
    """Return a value of the right type, or raise without the value, which may be of a variable."""
    check = _CHECKS.get(kind, _text)
    good, expected = check(value)
    if good is None:
        fail(path, line, f"{label}: expected {expected}")
    return good


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
    known = isinstance(value, str) and scheme_of(value) is not None
    guess = nearest(value.lower(), PROVIDERS) if isinstance(value, str) else ""
    return value if known else None, f"one of {', '.join(PROVIDERS)}.{guess}"


def _server(value: Any) -> _Checked:
    text, expected = _text(value)
    if text is not None and not _HOST.fullmatch(text):
        return None, "the name of a server alone; port, username and password are keys of their own"
    return text, expected


def _schema(value: Any) -> _Checked:
    good = isinstance(value, str) and _SCHEMA.fullmatch(value)
    return value if good else None, "the name of a schema: letters, digits and underscores"


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
    "schema": _schema,
}
