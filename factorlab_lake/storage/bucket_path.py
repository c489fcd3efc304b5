"""Represent a path in a bucket of S3, Google Cloud Storage or Azure, with the methods of ``pathlib.Path``.

Storage reads, lists and deletes the files of a lake by these methods, in a folder and in a bucket. A bucket
has no folders: a folder exists while an object is below it. Only this module uses the obstore library.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from factorlab_lake.errors import InvalidInput, LakeError, MissingExtra, TargetFailed
from factorlab_lake.schema.limits import BUCKET_SCHEMES

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = [
    "RETRIES",
    "BucketPath",
    "ObjectState",
    "bucket_path",
    "is_bucket",
    "names_in",
    "options_of",
    "unreachable",
]

# Other programs' names of the same stores, and ours.
_OTHER_SCHEMES = {
    "s3a": "s3", "s3n": "s3", "gcs": "gs",
    "azure": "az", "abfs": "az", "abfss": "az", "adl": "az", "wasb": "az", "wasbs": "az",
}  # fmt: skip
_ADDRESS = re.compile(rf"({'|'.join([*BUCKET_SCHEMES, *_OTHER_SCHEMES])}):/+([^/]*)(.*)", re.DOTALL)
_EXAMPLES = {"s3": "s3://bucket/lake", "gs": "gs://bucket/lake", "az": "az://container/lake"}
_VARIABLES = {
    "s3": "AWS_ENDPOINT_URL, AWS_REGION and the keys",
    "gs": "GOOGLE_SERVICE_ACCOUNT or GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_ROOT_PARTS = 2  # the scheme and the bucket
_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"), "az": ("AZURE_ENDPOINT",)}
_COLOUR = re.compile(r"\x1b\[\d*m|\u21b3")  # of the Delta library's errors
_NO_BUCKET = "NoSuchBucket"
_MOST_RETRIES, _RETRY_S = 3, 20
RETRIES = {
    "max_retries": str(_MOST_RETRIES),
    "retry_timeout": f"{_RETRY_S}s",
}  # as the Delta library reads them
_RETRIES = {"max_retries": _MOST_RETRIES, "retry_timeout": timedelta(seconds=_RETRY_S)}


@dataclass(frozen=True, slots=True)
class ObjectState:
    """Hold size, time and identity of an object, under the names of ``os.stat_result``."""

    st_size: int
    st_mtime: float
    e_tag: str

    @property
    def st_mtime_ns(self) -> int:
        """Return the time in nanoseconds."""
        return int(self.st_mtime * 1e9)

    @property
    def st_ino(self) -> int:
        """Return a number of the content, as an inode is one of a file."""
        return hash(self.e_tag)


class BucketPath(PurePosixPath):
    """Represent the address of an object, or the start of several addresses; ``str`` has both slashes."""

    __slots__ = ()

    def __str__(self) -> str:
        scheme, colon, rest = super().__str__().partition(":/")
        return f"{scheme}://{rest}" if colon and scheme in BUCKET_SCHEMES else scheme + colon + rest

    def __fspath__(self) -> str:
        return str(self)

    def as_posix(self) -> str:
        """Return the address."""
        return str(self)

    @property
    def parents(self) -> tuple[BucketPath, ...]:
        """Return the paths above this one; the last is the bucket."""
        parts = self.parts
        return tuple(type(self)(*parts[:n]) for n in range(len(parts) - 1, _ROOT_PARTS - 1, -1))

    @property
    def store(self) -> ObjectStore:
        """Return the connection to the bucket."""
        scheme = self.parts[0].removesuffix(":")
        return _store(scheme, self.parts[1], _endpoint(scheme))

    @property
    def key(self) -> str:
        """Return the name of the object in its bucket."""
        return "/".join(self.parts[_ROOT_PARTS:])

    def exists(self) -> bool:
        """Return whether an object has this name, or is below it; a bucket counts as there."""
        return len(self.parts) <= _ROOT_PARTS or self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Return whether an object has this name."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Return whether an object is below this path."""
        return next(self._below(), None) is not None

    def stat(self) -> ObjectState:
        """Return the state of an object; raise :class:`FileNotFoundError` without one."""
        if not self.key:
            raise FileNotFoundError(str(self))
        with _errors_mapped(self):
            return _state(self.store.head(self.key))

    def states(self) -> dict[str, ObjectState]:
        """Return the state of each object below this path, by its name from here."""
        return dict(self._below())

    def _below(self) -> Iterator[tuple[str, ObjectState]]:
        prefix = f"{self.key}/" if self.key else ""
        with _errors_mapped(self):
            for part in self.store.list(prefix or None):
                for meta in part:
                    yield meta["path"].removeprefix(prefix), _state(meta)

    def names(self) -> list[str]:
        """Return the names of the objects and folders directly below this path."""
        with _errors_mapped(self):
            listed = self.store.list_with_delimiter(self.key or None)
        paths = [meta["path"] for meta in listed["objects"]] + list(listed["common_prefixes"])
        return [path.rstrip("/").rpartition("/")[2] for path in paths]

    def iterdir(self) -> Iterator[BucketPath]:
        """Yield what is directly below this path."""
        yield from (self / name for name in self.names())

    def glob(self, pattern: str) -> Iterator[BucketPath]:
        """Yield what is directly below this path and has a name of this pattern."""
        yield from (self / name for name in self.names() if fnmatchcase(name, pattern))

    def rglob(self, pattern: str) -> Iterator[BucketPath]:
        """Yield the objects at any depth below this path that have a name of this pattern."""
        yield from (self / at for at in self.states() if fnmatchcase(at.rpartition("/")[2], pattern))

    def read_bytes(self) -> bytes:
        """Return the content of an object; raise :class:`FileNotFoundError` without one."""
        with _errors_mapped(self):
            return bytes(self.store.get(self.key).bytes())

    def read_range(self, start: int, end: int) -> bytes:
        """Return the bytes of an object from ``start`` to before ``end``."""
        with _errors_mapped(self):
            return bytes(self.store.get_range(self.key, start=start, end=end))

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the text of an object."""
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "rb") -> BytesIO:
        """Return the content of an object as a file to read."""
        if mode != "rb":
            raise InvalidInput(f"{self} is written as a whole; the mode {mode!r} is for files of a folder.")
        return BytesIO(self.read_bytes())

    def write_bytes(self, content: bytes) -> None:
        """Write an object, which becomes visible as a whole, and replaces one of its name."""
        with _errors_mapped(self):
            self.store.put(self.key, content)

    def create(self, content: bytes) -> str:
        """Write a new object and return its tag; raise :class:`FileExistsError` if there is one.

        A request whose answer was lost is sent again, and then refused by the object that it wrote itself.
        """
        try:
            with _errors_mapped(self):
                return str(self.store.put(self.key, content, mode="create", use_multipart=False)["e_tag"])
        except FileExistsError:
            there, e_tag = self.tagged()
            if there == content:
                return e_tag
            raise

    def swap(self, content: bytes, e_tag: str) -> str | None:
        """Replace the object that has a tag and return the new one; None if it has another, or is gone."""
        from obstore.exceptions import NotFoundError, PreconditionError

        condition: Any = {"e_tag": e_tag}
        with _errors_mapped(self):
            try:
                return str(self.store.put(self.key, content, mode=condition, use_multipart=False)["e_tag"])
            except NotFoundError:
                return None
            except PreconditionError:
                there, e_tag_there = self.tagged()
        return e_tag_there if there == content else None

    def tagged(self) -> tuple[bytes, str]:
        """Return the content of an object with its tag."""
        with _errors_mapped(self):
            answer = self.store.get(self.key)
            return bytes(answer.bytes()), str(answer.meta["e_tag"])

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Delete an object."""
        if not missing_ok and not self.is_file():
            raise FileNotFoundError(str(self))
        with _errors_mapped(self):
            self.store.delete(self.key)

    def mkdir(self, **_: bool) -> None:
        """Do nothing: a folder of a bucket exists with its first object."""

    def rmdir(self) -> None:
        """Do nothing: a folder of a bucket ends with its last object."""


def is_bucket(path: Any) -> bool:
    """Return whether a path or a text is the address of a bucket.

    >>> is_bucket("s3://research/lake"), is_bucket("data/lake"), is_bucket("postgresql://host/db")
    (True, False, False)
    """
    return isinstance(path, BucketPath) or (isinstance(path, str) and bool(_ADDRESS.match(path)))


def in_bucket(path: Path) -> BucketPath | None:
    """Return a path that is in a bucket, under its own type; None for one of a folder."""
    there: Any = path
    return there if isinstance(there, BucketPath) else None


def names_in(folder: Path) -> list[str]:
    """Return the names of the files and folders directly in a folder."""
    there = in_bucket(folder)
    # The names alone: a path for each snapshot of a long history would take longer to make than to list.
    return os.listdir(folder) if there is None else there.names()  # noqa: PTH208


def bucket_path(text: str) -> Path:
    """Return the path of an address; it stands for a ``Path``, whose methods that storage uses it has.

    Raises :class:`InvalidInput` for an address without bucket or path, and for one with keys in it.
    """
    match = _ADDRESS.match(text)
    scheme, bucket, rest = match.groups() if match else ("", "", "")
    example = _EXAMPLES[_OTHER_SCHEMES.get(scheme, scheme or "s3")]
    if "@" in bucket:  # the message omits what may be a key
        raise InvalidInput(
            f"{scheme}://... has an @ before its path. Keys and accounts are no part of an address: pass "
            f"them in the environment, and an address such as {example}."
        )
    names = [part for part in rest.split("/") if part]
    if scheme not in BUCKET_SCHEMES or not bucket or not names or {".", ".."} & set(names):
        raise InvalidInput(
            f"{text[:200]!r} is no address of a lake in a bucket; expected one such as {example}: the name "
            "of the bucket, then a path in it.",
            path=text[:200],
        )
    return cast("Path", BucketPath(f"{scheme}:", bucket, *names))


def options_of(path: Path) -> dict[str, str] | None:
    """Return what Delta and polars need beside the variables of the environment; None for a folder."""
    if in_bucket(path) is None:
        return None
    scheme = path.parts[0].removesuffix(":")
    options = {"conditional_put": "etag", "aws_conditional_put": "etag"} if scheme == "s3" else {}
    return {**options, **{name: str(value) for name, value in _client_options(scheme).items()}}


def _endpoint(scheme: str) -> str:
    """Return the address of the store's server in the environment; empty for that of the cloud."""
    return next((os.environ[n] for n in _ENDPOINTS.get(scheme, ()) if os.environ.get(n)), "")


def _client_options(scheme: str) -> dict[str, Any]:
    return {"allow_http": "true"} if _endpoint(scheme).startswith("http://") else {}


def _connection(scheme: str) -> dict[str, Any]:
    return {"client_options": {"allow_http": bool(_client_options(scheme))}, "retry_config": _RETRIES}


@lru_cache(maxsize=16)
def _store(scheme: str, bucket: str, _endpoint: str) -> ObjectStore:
    """Return a connection, which reads keys and endpoint from the usual variables of the environment."""
    try:
        from obstore.store import from_url
    except ImportError:
        raise MissingExtra(
            "A lake in a bucket needs obstore; install it: pip install 'factorlab-lake[object-store]'.",
            extra="object-store",
        ) from None
    return from_url(f"{scheme}://{bucket}", **_connection(scheme))


def _state(meta: Any) -> ObjectState:
    return ObjectState(meta["size"], meta["last_modified"].timestamp(), str(meta["e_tag"]))


@contextmanager
def _errors_mapped(path: BucketPath) -> Iterator[None]:
    """Raise the errors of the store as those of files; the store's text has addresses, but no keys."""
    try:
        yield
    except LakeError:
        raise
    except Exception as error:
        from obstore import exceptions

        if isinstance(error, FileNotFoundError | exceptions.NotFoundError) and _NO_BUCKET not in str(error):
            raise FileNotFoundError(2, "no such object", str(path)) from None
        if isinstance(error, exceptions.AlreadyExistsError):
            raise FileExistsError(17, "the object exists", str(path)) from None
        if not isinstance(error, exceptions.BaseError | FileNotFoundError):
            raise
        raise unreachable(path, str(error)) from None


def unreachable(path: BucketPath | Path, text: str) -> TargetFailed:
    """Return the error of a store that does not answer, or refuses; ``text`` is the store's own."""
    if _NO_BUCKET in text:
        return TargetFailed(
            f"The store has no bucket {path.parts[1]!r}. Create it, or check its name, {_variables(path)} "
            "in the environment.",
            path=str(path),
        )
    text = " ".join(_COLOUR.sub("", text).partition("Debug source")[0].split())[:300]
    return TargetFailed(
        f"{path} cannot be reached: {text} Check the bucket's name, {_variables(path)} in the environment, "
        "then retry.",
        path=str(path),
    )


def _variables(path: BucketPath | Path) -> str:
    return _VARIABLES[path.parts[0].removesuffix(":")]
