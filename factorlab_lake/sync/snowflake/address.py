"""Parse the address of a Snowflake schema; its password is used and never shown.

The password may also come from ``SNOWFLAKE_PASSWORD``, and the passphrase of a private key from
``SNOWFLAKE_PRIVATE_KEY_PASSPHRASE``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from factorlab_lake.errors import InvalidInput, nearest

__all__ = ["OPTIONS", "SnowflakeAddress"]

OPTIONS = (
    "warehouse",
    "role",
    "authenticator",
    "private_key_file",
    "host",
    "port",
    "protocol",
    "login_timeout",
    "network_timeout",
)
"""The options after the question mark; the driver has them under the same names."""

_NUMBERS = ("port", "login_timeout", "network_timeout")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SHOWN = ("warehouse", "role", "host", "port")
_DEFAULT_SCHEMA = "PUBLIC"
_HIDDEN = "***"
_PASSWORD = "SNOWFLAKE_PASSWORD"  # noqa: S105 - the names of variables
_PASSPHRASE = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"  # noqa: S105


@dataclass(frozen=True, slots=True, repr=False)
class SnowflakeAddress:
    """Represent a schema of an account, and how to log in; its text never contains the secrets."""

    account: str
    database: str
    schema: str = _DEFAULT_SCHEMA
    user: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    password: str = ""
    passphrase: str = ""
    written: str = ""  # the password as it is in the address, before percent-decoding

    @classmethod
    def parse(cls, text: str) -> SnowflakeAddress:
        """Read ``snowflake://user@account/database/schema?warehouse=wh``; without a schema, it is PUBLIC.

        >>> str(SnowflakeAddress.parse("snowflake://me:secret@org-acct/LAKE?role=reader&warehouse=WH"))
        'snowflake://me@org-acct/LAKE/PUBLIC?role=reader&warehouse=WH'

        Raises :class:`~factorlab_lake.errors.InvalidInput`, which never repeats the text: a password with a
        stray ``@`` could be anywhere in it.
        """
        try:
            parts = urlsplit(text)
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError:
            raise _unreadable() from None
        login, _, account = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        database, _, schema = parts.path.lstrip("/").partition("/")
        names = (database, schema or _DEFAULT_SCHEMA)
        if parts.fragment or not _ACCOUNT.fullmatch(account) or not all(map(_NAME.fullmatch, names)):
            raise _unreadable()
        _check_options(options)
        return cls(
            account,
            *names,
            user=unquote(user) or os.environ.get("SNOWFLAKE_USER", ""),
            options=options,
            password=unquote(password) or os.environ.get(_PASSWORD, ""),
            passphrase=os.environ.get(_PASSPHRASE, ""),
            written=password,
        )

    @property
    def wants_password(self) -> bool:
        """Return whether a password is needed and none is known: a key or a browser needs none."""
        return not self.password and not {"private_key_file", "authenticator"} & self.options.keys()

    def with_password(self, password: str) -> SnowflakeAddress:
        """Return the address with a password that was asked for."""
        return replace(self, password=password)

    def __str__(self) -> str:
        shown = "&".join(f"{name}={value}" for name, value in self.options.items() if name in _SHOWN)
        at = f"{self.user}@{self.account}" if self.user else self.account
        return f"snowflake://{at}/{self.database}/{self.schema}{'?' if shown else ''}{shown}"

    def __repr__(self) -> str:
        return f"SnowflakeAddress({str(self)!r})"

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the driver. They contain the secrets: never show them."""
        arguments: dict[str, Any] = {
            "account": self.account,
            "user": self.user,
            "database": self.database,
            "schema": self.schema,
        }
        for name, value in self.options.items():
            arguments[name] = int(value) if name in _NUMBERS else value
        if "private_key_file" in self.options:
            arguments.setdefault("authenticator", "SNOWFLAKE_JWT")
            arguments["private_key_file_pwd"] = self.passphrase or None
        elif self.password:
            arguments["password"] = self.password
        return arguments

    def redact(self, text: str) -> str:
        """Return a text with every secret replaced."""
        secrets = {s for s in (self.password, self.passphrase, self.written) if s}
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def _check_options(options: Mapping[str, str]) -> None:
    for name, value in options.items():
        if name not in OPTIONS:
            raise InvalidInput(
                f"The address has an unknown option {name[:20]!r}; expected some of "
                f"{', '.join(OPTIONS)}.{nearest(name, OPTIONS)}"
            )
        if name in _NUMBERS and not re.fullmatch(r"[0-9]{1,9}", value):
            raise InvalidInput(f"The option {name} of the address is no whole number.", option=name)


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "The address is not that of a Snowflake schema. Use the form "
        "snowflake://user@account/database/schema?warehouse=name, with the password in SNOWFLAKE_PASSWORD. "
        "Write @ as %40 and / as %2F within a part."
    )
