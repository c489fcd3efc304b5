"""Run SQL in DuckDB sessions over one snapshot, the queries of this package apart from those of a user."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import duckdb
import polars as pl

from factorlab_lake.derive.availability_rule import CLOSE, AvailabilityRule
from factorlab_lake.derive.staleness import stale_symbols
from factorlab_lake.errors import InternalError, InvalidInput, LakeError, WriteFailed, nearest
from factorlab_lake.functions.duckdb_functions import FUNCTIONS
from factorlab_lake.query.lake_database import LakeDatabase
from factorlab_lake.query.query_hints import QueryHints, reject_forked_process
from factorlab_lake.query.user_sql import fetch, fetch_by_table, returns_values
from factorlab_lake.schema import STORED_TABLES
from factorlab_lake.storage import checksums, snapshots
from factorlab_lake.storage.cancellation import cancellable, cancellation_raised
from factorlab_lake.storage.data_files import files_of
from factorlab_lake.storage.interrupts import interrupts_raised
from factorlab_lake.storage.lake_settings import read_settings
from factorlab_lake.storage.layout import Layout
from factorlab_lake.storage.snapshots import Snapshot

__all__ = ["Session"]

_SECRETS = re.compile(r"Secret Storage|stored_secrets")  # of a database without access to files
_UNKNOWN = re.compile(r"(?:Table|Table Function|Function|View) with name (\S+) does not exist")
_OF_THE_QUESTION = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.ParserException,
    duckdb.PermissionException,
)
# A file that DuckDB reads through Python, in a bucket, fails with the lines of the stack.
_STACK = re.compile(r"Traceback \(most recent call last\):\n(?:  .*\n)+")
_FILE_NAME = re.compile(r"""["']([^"'\n]*[/\\][^"'\n]*)["']""")
# Our own SQL can raise these without a bug. The text decides: an error that DuckDB raises while rows are
# fetched has lost its class.
_NOT_INTERNAL = re.compile(r"(?:Conversion|Out of Memory|INTERRUPT) Error")
_LISTS_NEEDED = ". The functions of a lake take lists: ['AAPL'] for symbols, [DATE '2021-03-31'] for dates."
_FATAL = (duckdb.FatalException, duckdb.InternalException)  # the database answers nothing after these
_PACKAGE, _USER = "package", "user"


class Session:
    """Run SQL over the tables and functions of one snapshot, from any thread.

    Each thread has two DuckDB instances, created when they are first needed: one for the queries of this
    package, one for the SQL of the user. So no setting, transaction, view or table of a user can change an
    answer of :meth:`frame`, or anything in another thread.
    """

    def __init__(
        self,
        layout: Layout,
        snapshot: Snapshot,
        *,
        availability: AvailabilityRule = CLOSE,
        providers: tuple[str, ...] | None = None,
        sandbox: bool = False,
    ) -> None:
        self.layout = layout
        self.snapshot = snapshot
        self.availability = availability
        self._files = {name: files_of(layout, snapshot, name) for name in STORED_TABLES}
        # Those of a lake that is open stay until it is refreshed, also where another program changes them.
        self._providers = read_settings(layout).provider_order if providers is None else providers
        self._stale = stale_symbols(layout, snapshot, availability, self._providers)
        self._is_sandboxed = sandbox
        self._local = threading.local()

    def frame(
        self,
        sql: str,
        params: dict[str, Any] | None = None,
        *,
        needs: QueryHints | None = None,
        sparing: bool = False,
    ) -> pl.DataFrame:
        """Run a query of this package and return its rows; its errors are :class:`InternalError`.

        Files without needed rows are removed before DuckDB plans the query. ``sparing`` takes less memory,
        and more time for many rows.
        """
        hints = needs or QueryHints()
        with (
            self._errors_mapped(sql, user_sql=False),
            self._taken(_PACKAGE) as database,
            database.sparing() if sparing else nullcontext(),
            cancellable(database.interrupt),
            database.prepared(sql, hints) as con,
        ):
            by_table = hints.short or returns_values(con, sql, params)
            return (fetch_by_table if by_table else fetch)(con, sql, params or {})

    def sql(
        self,
        text: str,
        params: dict[str, Any] | None = None,
        *,
        frames: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """Run the SQL of a user, who can name ``frames`` in it, and return the rows of its last statement.

        Its errors are :class:`InvalidInput`, also for a statement that would write into the lake's folder.
        """
        with self._errors_mapped(text, user_sql=True):
            with self._taken(_USER) as database:
                user_sql = database.user_sql
                statements = user_sql.parsed(text)
                if any(statement.type == duckdb.StatementType.TRANSACTION for statement in statements):
                    database.install_all()  # the transaction does not see what is created after its start
                else:
                    database.install(text)
            # From here on only statements of the user run, and DuckDB completes each of them or none of it.
            # So after an interrupt the tables that the user created are still there.
            with cancellable(user_sql.interrupt):
                return user_sql.run(statements, params or {}, frames=frames)

    @contextmanager
    def _errors_mapped(self, sql: str, *, user_sql: bool) -> Iterator[None]:
        """Raise errors of DuckDB as errors of this package."""
        with cancellation_raised(), interrupts_raised():
            try:
                yield
            except duckdb.InterruptException:
                raise KeyboardInterrupt from None
            except duckdb.Error as fault:
                if user_sql and isinstance(fault, _FATAL):
                    vars(self._local).pop(_USER, None)
                raise self._explained(fault, sql, user_sql=user_sql) from None

    def _explained(self, fault: duckdb.Error, sql: str, *, user_sql: bool) -> LakeError:
        """Return the error of the cause: damaged files, then the caller, then this package."""
        damage = None if user_sql and self._is_of_the_user(fault) else self._damage()
        if damage is not None:
            return damage
        text = _text(fault)
        if "No space left on device" in text:
            return WriteFailed(f"The disk is full; free some space and retry the query: {text}")
        if not user_sql and not _NOT_INTERNAL.match(text):
            return InternalError(
                f"SQL of factorlab-lake failed, which is a bug in the program; please report it: {text}",
                sql=sql,
            )
        return _refused(text, sql, by="The sandbox" if self._is_sandboxed and user_sql else "DuckDB")

    def _is_of_the_user(self, fault: duckdb.Error) -> bool:
        """Return whether an error is about the query, or about a file that is not the lake's."""
        root = str(self.layout.root)
        files = _FILE_NAME.findall(_text(fault))
        names_others = bool(files) and not any(root in name for name in files)
        return names_others or isinstance(fault, _OF_THE_QUESTION)

    def _damage(self) -> LakeError | None:
        """Return the error for files that were vacuumed, or are missing or damaged; None without any."""
        try:
            if self.snapshot.id:
                snapshots.load(self.layout, self.snapshot.id)
            return checksums.first_damage(self.layout, self._files)
        except LakeError as fault:
            return fault

    @contextmanager
    def _taken(self, owner: str) -> Iterator[LakeDatabase]:
        """Yield the thread's database of an owner, and keep it only if its use ended without an error.

        An interrupt can come between a view and the note of what it shows, and an error within a computation.
        Then the database is discarded, and the next query creates another.
        """
        reject_forked_process()
        databases: dict[str, LakeDatabase] = vars(self._local)
        database = databases.pop(owner, None)
        if database is None:
            database = LakeDatabase(
                self.layout,
                self._files,
                self.availability,
                self._stale,
                self._providers,
                sandbox=self._is_sandboxed and owner == _USER,
            )
        try:
            yield database
        except duckdb.Error as fault:
            if owner == _USER and not isinstance(fault, (duckdb.InterruptException, *_FATAL)):
                databases[owner] = database  # a user's statement failed, as a whole
            raise
        databases[owner] = database


def _text(fault: duckdb.Error) -> str:
    return _STACK.sub("", str(fault))


def _refused(fault: str, sql: str, *, by: str) -> InvalidInput:
    """Return the error for SQL that cannot run."""
    unknown = _UNKNOWN.search(fault)
    if unknown and unknown[1] in (*STORED_TABLES, *FUNCTIONS):
        message = (
            f"{unknown[1]} is not in the schema that USE selected; `USE memory.main` returns to the lake's."
        )
        return InvalidInput(message, sql=sql)
    if unknown:
        close = nearest(unknown[1], [*STORED_TABLES, *FUNCTIONS])
        message = f"No table or function is called {unknown[1]!r}; SHOW TABLES lists them.{close}"
        return InvalidInput(message, sql=sql)
    if _SECRETS.search(fault):
        return InvalidInput(f"{by} refuses the query: it has no secrets to list or use.", sql=sql)
    lists = _LISTS_NEEDED if "UNNEST() can only be applied to lists" in fault else ""
    return InvalidInput(f"{by} refuses the query: {fault}{lists}", sql=sql)
