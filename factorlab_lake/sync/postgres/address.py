"""Parse the address of a server; its password is used and never shown.

The password may also come from ``PGPASSWORD``, a service file, ``~/.pgpass``, or a prompt.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from psycopg import ProgrammingError, conninfo

from factorlab_lake.errors import InvalidInput

__all__ = ["Address"]

_SECRET = ("password", "sslpassword", "oauth_client_secret")
_URL = re.compile(r"\w+://")  # the driver also accepts "host=… dbname=…"
_HIDDEN = "***"
_LONGEST_NAME = 63  # a server truncates an application's name to so many bytes


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Represent the connection parameters of a database; its text never contains the secrets."""

    parameters: Mapping[str, str]
    secrets: frozenset[str] = field(default=frozenset())

    @classmethod
    def parse(cls, text: str, *, password: str | None = None) -> Address:
        """Read an address such as ``postgresql://user@host:5432/database``.

        ``password`` overrides one in the address. Raises :class:`~factorlab_lake.errors.InvalidInput`, which
        never repeats the text: a password with a stray ``@`` could be anywhere in it.
        """
        try:
            parameters = {k: str(v) for k, v in conninfo.conninfo_to_dict(text).items() if v is not None}
        except ProgrammingError:
            raise _unreadable() from None
        if not _URL.match(text) or not _plausible(parameters):
            raise _unreadable()
        if password is not None:
            parameters["password"] = password
        secrets = [parameters.get(name) for name in _SECRET]
        secrets += [os.environ.get("PGPASSWORD"), _written_password(text)]
        return cls(parameters, frozenset(s for s in secrets if s))

    def __str__(self) -> str:
        user, database = self.parameters.get("user"), self.parameters.get("dbname", "")
        host, port = self.parameters.get("host", ""), self.parameters.get("port")
        at = f"{user}@{host}" if user else host
        return f"postgresql://{at}{f':{port}' if port else ''}/{database}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def conninfo(self, program: str = "factorlab-lake") -> str:
        """Return the connection string for a driver. It contains the secrets: never show it."""
        name = f"{program} on {socket.gethostname()}, process {os.getpid()}"
        defaults = {
            "connect_timeout": "10",
            "application_name": name.encode()[:_LONGEST_NAME].decode(errors="ignore"),
        }
        # A server with the encoding SQL_ASCII would otherwise return texts as bytes.
        encoding = {"client_encoding": "UTF8"}
        return conninfo.make_conninfo("", **(defaults | dict(self.parameters) | encoding))

    def redact(self, text: str) -> str:
        """Return a text with every secret replaced."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def _plausible(parameters: Mapping[str, str]) -> bool:
    """Return whether the parts are plausible: a stray ``@`` or ``/`` moves a password into other parts."""
    names = [parameters.get(name, "") for name in ("host", "dbname", "user")]
    return bool(re.fullmatch(r"[\d,]*", parameters.get("port", ""))) and "@" not in "".join(names)


def _written_password(text: str) -> str | None:
    """Return the password of an address before percent-decoding."""
    password = re.match(r"\w+://[^:/?@]*:([^@/]*)@", text)
    return password[1] if password and unquote(password[1]) != "" else None


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "The address is not that of a PostgreSQL server. Use the form postgresql://user@host:5432/database, "
        "with the password in PGPASSWORD or ~/.pgpass. Write @ as %40 and / as %2F within a part."
    )
