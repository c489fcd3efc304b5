"""Read settings from the environment (``FACTORLAB_*``) or a ``.env`` file; arguments win over both."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema.rules import RESULT_CACHE_MB

__all__ = ["Settings", "settings", "settings_error"]


class _Dotenv(DotEnvSettingsSource):
    """Read ``.env`` without the availability rule, which a file beside the data must not change."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name != "availability"}


class Settings(BaseSettings):
    """Configure the lake by variables such as ``FACTORLAB_LAKE``.

    - ``lake``: the lake's folder for the command line, or for queries the address of a server.
    - ``availability``: the first day on which a filing may be used; never read from ``.env``, because a file
      beside the data must not change the answers. ``close``: the first market close after
      the filing. ``same_day``: the day of the filing. A number: a lag in days. The default is the lake's own.
    - ``query_statistics``: whether queries are counted in the lake's folder, without their values.
    - ``read_index``: whether queries are answered from the read index; without it, SQL answers equally.
    - ``result_cache_mb``: the memory for cached results, in megabytes; 0 switches the cache off.
    - ``pool_size``: the connections to a server that stay open.
    - ``pool_overflow``: the additional connections while the others are busy.
    - ``pool_wait_s``: the time that a query waits for a free connection, in seconds.
    - ``statement_timeout_s``: the time after which the server cancels a statement, in seconds.
    """

    model_config = SettingsConfigDict(
        env_prefix="FACTORLAB_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

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

    lake: str = Field("data/lake", repr=False)  # an address may contain a password
    availability: str | None = None
    query_statistics: bool = False
    read_index: bool = True
    result_cache_mb: int = Field(RESULT_CACHE_MB, ge=0)
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
    text = "; ".join(f"{prefix}{name}: {message.removeprefix('Value error, ')}" for name, message in wrong)
    return InvalidInput(f"{text}.", settings=[f"{prefix}{name}" for name, _ in wrong])
