"""Settings of parallel running, from the environment (``FACTORLAB_*``) or a ``.env`` file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from factorlab_lake.settings.models import settings_error

__all__ = ["ParallelSettings", "parallel_settings"]


class ParallelSettings(BaseSettings):
    """How a lake and Factor Lab's old cache work side by side; each is ``FACTORLAB_`` and its name outside.

    ``lake``: path or address of the lake. ``cache_dir``: folder of the old cache. ``use_database``: the lake
    answers; when off, the cache does. ``fallback_to_cache``: what the lake cannot answer, or does not hold,
    the cache answers. ``migration_mode``: both are asked, and their answers compared.

    ``database_percent``: the share of the symbols that the lake answers for; a symbol that is among them
    stays so as the share grows. ``database_symbols``, ``cache_symbols``: symbols, with commas between them,
    for which the lake, or the cache, answers whatever the share is.
    """

    # A fault of a setting must not repeat what was given: the address may hold a password.
    model_config = SettingsConfigDict(
        env_prefix="FACTORLAB_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    lake: str = Field("data/lake", repr=False)
    cache_dir: Path = Path("data/cache/fmp")
    use_database: bool = True
    fallback_to_cache: bool = True
    migration_mode: bool = False
    database_percent: float = Field(100.0, ge=0, le=100)
    database_symbols: str = ""
    cache_symbols: str = ""


def parallel_settings(**given: Any) -> ParallelSettings:
    """Return the settings for running side by side; what is given wins over the environment and ``.env``.

    Raises :class:`InvalidInput` that names the setting and not its value.

    >>> parallel_settings(database_percent=25, migration_mode=True).database_percent
    25.0
    >>> parallel_settings(database_percent=250)
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: FACTORLAB_DATABASE_PERCENT: Input should be less than or equal to 100.
    """
    if "lake" in given:
        given["lake"] = str(given["lake"])
    try:
        return ParallelSettings(**given)
    except ValidationError as fault:
        raise settings_error(fault, "FACTORLAB_") from None
