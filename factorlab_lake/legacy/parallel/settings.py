"""Read the settings of parallel running (``FACTORLAB_*`` or ``.env``), and route symbols by them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from factorlab_lake.errors import InvalidInput
from factorlab_lake.settings import warn_of_misspelt
from factorlab_lake.settings.environment_keys import KEYS
from factorlab_lake.settings.environments import find, lake_place
from factorlab_lake.settings.models import SecretiveSettings, settings_error

__all__ = ["ParallelSettings", "SymbolRouter", "hash_percent", "parallel_settings"]


class _Features(PydanticBaseSettingsSource):
    """Reads the features of the chosen environment in ``config/environments.yaml``."""

    def __call__(self) -> dict[str, Any]:
        """Return the features that the environment has."""
        stronger = self.current_state
        environment = find(stronger.get("env"), stronger.get("config"))
        if environment is None:
            return {}
        names = [k.setting for k in KEYS if k.section == "features" and k.setting not in stronger]
        features = {name: environment.setting(name) for name in names}
        return {name: value for name, value in features.items() if value is not None}

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Return no value: pydantic calls this method only of sources that read one field at a time."""
        return None, field_name, False


class ParallelSettings(SecretiveSettings):
    """Configure a lake and Factor Lab's old cache side by side; variables are ``FACTORLAB_`` and the name.

    ``lake``: path or address of the lake; the default is that of the environment, then ``data/lake``.
    ``config`` and ``env``: the file of the environments, which can have the three flags that follow too, and
    the name of one. ``cache_dir``: folder of the old cache. ``use_database``: the lake answers; when off, the
    cache does. ``fallback_to_cache``: the cache answers where the lake fails or lacks data.
    ``migration_mode``: both answer, and the answers are compared. ``freshest``: the cache answers for a
    symbol of which it has a later fetch than the lake.

    ``check_cache_s``: at most every so many seconds, the digests of the cache's files are compared with the
    lake's fetch log; ``off`` never compares them.

    ``database_percent``: the share of symbols that use the lake; a symbol in it stays there as the share
    grows. ``database_symbols`` and ``cache_symbols``: symbols, separated by commas, that always use the lake
    or the cache.
    """

    model_config = SettingsConfigDict(env_prefix="FACTORLAB_")

    lake: str | None = None
    config: str | None = None
    env: str | None = None
    cache_dir: Path = Path("data/cache/fmp")
    use_database: bool = True
    fallback_to_cache: bool = True
    migration_mode: bool = False
    freshest: bool = False
    check_cache_s: Annotated[float, Field(ge=0)] | Literal["off"] = 60.0
    database_percent: float = Field(100.0, ge=0, le=100)
    database_symbols: str = ""
    cache_symbols: str = ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        *sources: PydanticBaseSettingsSource,
        **others: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: arguments, the environment, ``.env``, and last the features of the file."""
        return (*sources, *others.values(), _Features(settings_cls))

    def place(self) -> str:
        """Return the path or address of the lake. The address may contain a password: never show it."""
        return str(lake_place(self.lake, env=self.env, config=self.config))


def parallel_settings(**values: Any) -> ParallelSettings:
    """Return the settings of parallel running; arguments override the environment and ``.env``.

    Raises :class:`InvalidInput` that names the setting without its value.

    >>> parallel_settings(database_percent=25, migration_mode=True).database_percent
    25.0
    >>> parallel_settings(database_percent=250)
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: FACTORLAB_DATABASE_PERCENT: Input should be less than or equal to 100.
    """
    warn_of_misspelt("FACTORLAB_", ParallelSettings.model_fields)
    values |= {name: str(values[name]) for name in ("lake", "config") if values.get(name) is not None}
    try:
        return ParallelSettings(**values)
    except ValidationError as error:
        raise settings_error(error, "FACTORLAB_") from None


class SymbolRouter:
    """Route symbols to the lake or the cache: equally in every process, and stable as the share grows.

    Raises :class:`~factorlab_lake.errors.InvalidInput` for a symbol in both lists.
    """

    def __init__(self, settings: ParallelSettings) -> None:
        self._settings = settings
        self._always = _symbols(settings.database_symbols)
        self._never = _symbols(settings.cache_symbols)
        if both := self._always & self._never:
            raise InvalidInput(
                f"{', '.join(sorted(both))}: in FACTORLAB_DATABASE_SYMBOLS and in FACTORLAB_CACHE_SYMBOLS; "
                "leave each symbol in one of them."
            )

    def uses_lake(self, symbol: str) -> bool:
        """Return whether a symbol's queries go to the lake first."""
        name = symbol.strip().upper()  # a question may spell it in small letters
        if not self._settings.use_database or name in self._never:
            return False
        return name in self._always or hash_percent(name) < self._settings.database_percent


def hash_percent(symbol: str) -> float:
    """Return a hash of a symbol from 0 to below 100, spread evenly and equal in every process.

    >>> hash_percent("AAPL") == hash_percent("AAPL"), 0 <= hash_percent("MSFT") < 100
    (True, True)
    """
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:6]) / 2**48 * 100


def _symbols(text: str) -> frozenset[str]:
    return frozenset(s.strip().upper() for s in text.split(",") if s.strip())
