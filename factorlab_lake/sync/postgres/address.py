"""A server's address as a user gives it: the password in it works, and is shown nowhere.

The password may also come from where every PostgreSQL program finds it: ``PGPASSWORD``, a service file,
``~/.pgpass``; or from a question asked once the server wants one.
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
_URL = re.compile(r"\w+://")  # the driver would also take "host=… dbname=…"
_HIDDEN = "***"
_LONGEST_NAME = 63  # bytes of an application's name that a server keeps


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """Where a database is and how to get in; as text and in errors it is without its secrets."""

    parameters: Mapping[str, str]
    secrets: frozenset[str] = field(default=frozenset())

    @classmethod
    def parse(cls, text: str, *, password: str | None = None) -> Address:
        """Read an address such as ``postgresql://user@host:5432/database``.

        ``password`` goes before one in the address. Raises :class:`~factorlab_lake.errors.InvalidInput`,
        which does not repeat what was given: a password with a stray ``@`` could be anywhere in it.
        """
        try:
            found = {k: str(v) for k, v in conninfo.conninfo_to_dict(text).items() if v is not None}
        except ProgrammingError:
            raise _unreadable() from None
        if not _URL.match(text) or not _plausible(found):
            raise _unreadable()
        if password is not None:
            found["password"] = password
        secrets = [found.get(name) for name in _SECRET]
        secrets += [os.environ.get("PGPASSWORD"), _written_password(text)]
        return cls(found, frozenset(s for s in secrets if s))

    def __str__(self) -> str:
        user, database = self.parameters.get("user"), self.parameters.get("dbname", "")
        host, port = self.parameters.get("host", ""), self.parameters.get("port")
        at = f"{user}@{host}" if user else host
        return f"postgresql://{at}{f':{port}' if port else ''}/{database}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def conninfo(self, program: str = "factorlab-lake") -> str:
        """Return the connection string for a driver, secrets included; never to be shown."""
        name = f"{program} on {socket.gethostname()}, process {os.getpid()}"
        given = {
            "connect_timeout": "10",
            "application_name": name.encode()[:_LONGEST_NAME].decode(errors="ignore"),
        }
        # Whatever a server's own: one of SQL_ASCII, asked for nothing, gives texts as bytes.
        encoding = {"client_encoding": "UTF8"}
        return conninfo.make_conninfo("", **(given | dict(self.parameters) | encoding))

    def redact(self, text: str) -> str:
        """Return a text without any of the secrets in it."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def _plausible(found: Mapping[str, str]) -> bool:
    """Say whether the parts can be meant: a stray ``@`` or ``/`` in a password moves it into other parts."""
    ports = found.get("port", "")
    places = found.get("host", "") + found.get("dbname", "") + found.get("user", "")
    return bool(re.fullmatch(r"[\d,]*", ports)) and "@" not in places


def _written_password(text: str) -> str | None:
    """Return the password as it is written in an address, before its signs are decoded."""
    found = re.match(r"\w+://[^:/?@]*:([^@/]*)@", text)
    return found[1] if found and unquote(found[1]) != "" else None


def _unreadable() -> InvalidInput:
    return InvalidInput(
        "The address is not one of a PostgreSQL server; give one such as "
        "postgresql://user@host:5432/database, with the password in PGPASSWORD or ~/.pgpass. Signs such as "
        "@ and / in a part of it are written %40 and %2F."
    )
