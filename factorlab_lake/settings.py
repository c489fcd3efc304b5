"""Settings from the environment (``FACTORLAB_*``, ``FMP_*``) or a ``.env`` file; arguments always win."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from factorlab_lake.environment import RESULT_CACHE_MB
from factorlab_lake.errors import InvalidInput

__all__ = ["FmpSettings", "ParallelSettings", "Settings", "fmp_settings", "parallel_settings", "settings"]


class Settings(BaseSettings):
    """What can be set from outside.

    ``lake``: folder of the lake the command line works on (``FACTORLAB_LAKE``).
    ``availability``: from which day on filings may be used, ``close``, ``same_day`` or a lag in days, where
    a lake is opened without saying so (``FACTORLAB_AVAILABILITY``).
    ``query_statistics``: whether what a lake is asked is noted in its folder, without values.
    ``result_cache_mb``: how much memory the answers to questions take that are kept for when the same comes
    again; 0 keeps none.
    ``pool_size``, ``pool_overflow``: connections to a shared server that are kept, and made besides while
    those are busy. ``pool_wait_s``: how long a question waits for one. ``statement_timeout_s``: how long the
    server works on one.
    """

    model_config = SettingsConfigDict(
        env_prefix="FACTORLAB_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    lake: Path = Path("data/lake")
    availability: str = "close"
    query_statistics: bool = False
    result_cache_mb: int = Field(RESULT_CACHE_MB, ge=0)
    pool_size: int = Field(1, ge=0)
    pool_overflow: int = Field(7, ge=0)
    pool_wait_s: float = Field(30.0, gt=0)
    statement_timeout_s: float = Field(300.0, gt=0)


@cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()


class FmpSettings(BaseSettings):
    """How Financial Modeling Prep is asked; each can be set from outside as ``FMP_`` and its name.

    ``api_key``: the account's key, never shown. ``base_url``: where the API is. ``api_generation``:
    ``stable``, or ``v3`` for accounts opened before 2025-08-31. ``calls_per_minute``: the plan's limit, kept
    over any 60 seconds by all threads of a process together. ``calls_at_once``: calls under way at a time.
    ``timeout_s``: how long one read from the server may take. ``tries``: how often a call is made at most
    when it fails in a way that may pass. ``retry_wait_s``: the wait before the second try, doubled each time.
    ``longest_wait_s``: what the server may ask to wait at most; beyond it the call fails. ``bulk_saves``: a
    bulk file is asked for where it stands for at least so many calls; 0 for never.
    """

    # A fault of a setting must not repeat what was given: it may be the key.
    model_config = SettingsConfigDict(
        env_prefix="FMP_", env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    api_key: SecretStr | None = None
    base_url: str = "https://financialmodelingprep.com"
    api_generation: Literal["stable", "v3"] = "stable"
    calls_per_minute: int = Field(default=750, ge=1)
    calls_at_once: int = Field(default=8, ge=1, le=64)
    timeout_s: float = Field(default=30.0, gt=0)
    tries: int = Field(default=5, ge=1)
    retry_wait_s: float = Field(default=0.5, ge=0)
    longest_wait_s: float = Field(default=120.0, ge=0)
    bulk_saves: int = Field(default=20, ge=0)

    @field_validator("api_key")
    @classmethod
    def _one_word(cls, key: SecretStr | None) -> SecretStr | None:
        text = "" if key is None else key.get_secret_value().strip()
        # Letters that JSON and addresses write as they are, so that the key is found wherever it is repeated.
        if not re.fullmatch(r"[\w.~-]*", text, re.ASCII):
            raise ValueError("the key must be one word of plain letters and digits")
        return SecretStr(text) if text else None

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the address must be like https://financialmodelingprep.com")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("the address must have no key, user or parameters; the key is FMP_API_KEY")
        return url.rstrip("/")


def fmp_settings(**given: Any) -> FmpSettings:
    """Return the settings for FMP; what is given wins over the environment and the ``.env`` file.

    Raises :class:`InvalidInput` that names the setting and not its value.

    >>> fmp_settings(api_key="secret", calls_per_minute=300).api_key
    SecretStr('**********')
    >>> fmp_settings(calls_per_minute=0)
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: FMP_CALLS_PER_MINUTE: Input should be greater than or equal to 1.
    """
    try:
        return FmpSettings(**given)
    except ValidationError as fault:
        raise _refusal(fault, "FMP_") from None


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
        raise _refusal(fault, "FACTORLAB_") from None


def _refusal(fault: ValidationError, prefix: str) -> InvalidInput:
    """Return what is wrong with which settings, without what was given."""
    wrong = [
        (str(e["loc"][0] if e["loc"] else "").upper(), e["msg"]) for e in fault.errors(include_input=False)
    ]
    said = "; ".join(f"{prefix}{name}: {message.removeprefix('Value error, ')}" for name, message in wrong)
    return InvalidInput(f"{said}.", settings=[f"{prefix}{name}" for name, _ in wrong])
