"""Settings from the environment (``FACTORLAB_*``) or a ``.env`` file; arguments always win."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from factorlab_lake.errors import InvalidInput
from factorlab_lake.schema.rules import RESULT_CACHE_MB

__all__ = ["Settings", "settings", "settings_error"]


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


def settings_error(fault: ValidationError, prefix: str) -> InvalidInput:
    """Return what is wrong with which settings, without what was given."""
    wrong = [
        (str(e["loc"][0] if e["loc"] else "").upper(), e["msg"]) for e in fault.errors(include_input=False)
    ]
    said = "; ".join(f"{prefix}{name}: {message.removeprefix('Value error, ')}" for name, message in wrong)
    return InvalidInput(f"{said}.", settings=[f"{prefix}{name}" for name, _ in wrong])
