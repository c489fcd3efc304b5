"""Read settings from the environment (``FACTORLAB_*``) or a ``.env`` file; arguments win over both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import Field, SecretStr, SerializerFunctionWrapHandler, ValidationError, field_serializer
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema.limits import DEFAULT_LAKE, RESULT_CACHE_MB, SANDBOX_MEMORY_MB, SANDBOX_TIMEOUT_S
from factorlab_lake.settings.config_file import source_of

__all__ = ["SecretiveSettings", "Settings", "settings", "settings_error"]

# A password stands between the user and the last @, also where it has a stray / or @ itself. A parameter can
# be a password too, or be meant as one.
_SECRET_ADDRESS = re.compile(r"(\w+://)(?:[^@]*:.*@|.*\?)", re.DOTALL)
_HIDDEN = "***"


class SecretiveSettings(BaseSettings):
    """Read settings, and show and pickle no key and no address that may contain a password.

    Another process reads these from its own environment, without which unpickling an address raises
    :class:`~factorlab_lake.errors.InvalidInput`: another lake would answer in its place.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what to pickle: the values without the secrets, and the names of secret addresses."""
        secret = {name for name, value in self if _is_secret(value)}
        addresses = [name for name in secret if isinstance(getattr(self, name), str)]
        return _unpickled, (type(self), self.model_dump(exclude=secret), addresses)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield what ``repr`` and ``str`` show."""
        for name, value in super().__repr_args__():
            yield name, _shown(value)

    @field_serializer("*", mode="wrap")
    def _serialized(self, value: Any, handler: SerializerFunctionWrapHandler) -> Any:
        shown = _shown(value)
        return handler(value) if shown is value else shown


class _Dotenv(DotEnvSettingsSource):
    """Read ``.env`` without the availability rule, which a file beside the data must not change."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name != "availability"}


class Settings(SecretiveSettings):
    """Configure the lake by variables such as ``FACTORLAB_LAKE``.

    - ``lake``: the lake's folder for the command line and ``fl.open()``, or for queries the address of a
      server.
    - ``config``: the file of the environments; the default is ``config/environments.yaml``, if it exists.
    - ``env``: the name of the environment; the default is the only one of the file, or ``development``.
    - ``availability``: the first day on which a filing may be used; never read from ``.env``, because a file
      beside the data must not change the answers. ``close``: the first market close after
      the filing. ``same_day``: the day of the filing. A number: a lag in days. The default is the lake's own.
    - ``query_statistics``: whether queries are counted in the lake's folder, without their values.
    - ``read_index``: whether queries are answered from the read index; without it, SQL answers equally.
    - ``cache_folder``: the folder for copies of the read index of lakes in buckets, by default one in the
      user's cache.
    - ``result_cache_mb``: the memory for cached results, in megabytes; 0 switches the cache off.
    - ``sandbox_memory_mb``: the memory for SQL in a sandbox, in MiB; an answer may have as much again.
    - ``sandbox_timeout_s``: the time for SQL in a sandbox, in seconds.
    - ``pool_size``: the connections to a server that stay open.
    - ``pool_overflow``: the additional connections while the others are busy.
    - ``pool_wait_s``: the time that a query waits for a free connection, in seconds.
    - ``statement_timeout_s``: the time after which the server cancels a statement, in seconds.
    """

    model_config = SettingsConfigDict(env_prefix="FACTORLAB_")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic passes it
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: arguments, the environment, and ``.env`` without the availability rule."""
        return init_settings, env_settings, _Dotenv(settings_cls), file_secret_settings

    lake: str = DEFAULT_LAKE
    config: str | None = None
    env: str | None = None
    availability: str | None = None
    query_statistics: bool = False
    read_index: bool = True
    cache_folder: str | None = None
    result_cache_mb: int = Field(RESULT_CACHE_MB, ge=0)
    sandbox_memory_mb: int = Field(SANDBOX_MEMORY_MB, ge=16)
    sandbox_timeout_s: float = Field(SANDBOX_TIMEOUT_S, gt=0)
    pool_size: int = Field(1, ge=0)
    pool_overflow: int = Field(7, ge=0)
    pool_wait_s: float = Field(30.0, gt=0)
    statement_timeout_s: float = Field(300.0, gt=0)


@cache
def settings() -> Settings:
    """Return the settings of this process; read once."""
    try:
        return Settings()
    except ValidationError as error:
        raise settings_error(error, "FACTORLAB_") from None
    except (UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"The file .env cannot be read: {error}. Write it as UTF-8.") from None


def settings_error(error: ValidationError, prefix: str) -> InvalidInput:
    """Return an error that names the invalid settings without their values, which may be secrets."""
    wrong = [
        (str(e["loc"][0] if e["loc"] else "").upper(), e["msg"]) for e in error.errors(include_input=False)
    ]
    texts = []
    for name, message in wrong:
        source = source_of(f"{prefix}{name}")
        where = f" ({source})" if source else ""
        texts.append(f"{prefix}{name}: {message.removeprefix('Value error, ')}{where}")
    text = "; ".join(texts)
    return InvalidInput(f"{text}.", settings=[f"{prefix}{name}" for name, _ in wrong])


def _is_secret(value: object) -> bool:
    if isinstance(value, SecretStr):
        return True
    return isinstance(value, str) and _SECRET_ADDRESS.match(value) is not None


def _shown(value: Any) -> Any:
    """Return a value itself, or the scheme alone of an address that may contain a password."""
    if isinstance(value, str) and (address := _SECRET_ADDRESS.match(value)):
        return f"{address[1]}{_HIDDEN}"
    return value


def _unpickled(
    kind: type[SecretiveSettings], values: dict[str, Any], addresses: list[str]
) -> SecretiveSettings:
    prefix = kind.model_config.get("env_prefix", "")
    try:
        unpickled = kind(**values)
    except ValidationError as error:
        raise settings_error(error, prefix) from None
    for name in addresses:
        if "://" not in (getattr(unpickled, name) or ""):
            variable = f"{prefix}{name}".upper()
            raise InvalidInput(
                f"{variable} is the address of a server, which no pickle contains: it may have a password. "
                f"Set {variable} in the environment of this process too.",
                settings=[variable],
            )
    return unpickled
