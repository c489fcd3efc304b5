"""Settings from the environment (``FACTORLAB_*``) or a ``.env`` file; arguments always win."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings", "settings"]


class Settings(BaseSettings):
    """What can be set from outside.

    ``lake``: folder of the lake the command line works on (``FACTORLAB_LAKE``).
    ``availability``: from which day on filings may be used, ``close``, ``same_day`` or a lag in days, where
    a lake is opened without saying so (``FACTORLAB_AVAILABILITY``).
    ``pool_size``, ``pool_overflow``: connections to a shared server that are kept, and made besides while
    those are busy. ``pool_wait_s``: how long a question waits for one. ``statement_timeout_s``: how long the
    server works on one.
    """

    model_config = SettingsConfigDict(
        env_prefix="FACTORLAB_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    lake: Path = Path("data/lake")
    availability: str = "close"
    pool_size: int = Field(1, ge=0)
    pool_overflow: int = Field(7, ge=0)
    pool_wait_s: float = Field(30.0, gt=0)
    statement_timeout_s: float = Field(300.0, gt=0)


@cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
