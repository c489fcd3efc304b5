"""Read the settings of the FMP provider from the environment (``FMP_*``) or a ``.env`` file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import SettingsConfigDict

from factorlab_lake.errors import InvalidInput
from factorlab_lake.settings import warn_of_misspelt
from factorlab_lake.settings.models import SecretiveSettings, settings_error

__all__ = ["FmpSettings", "fmp_settings"]


_DOTENV = Path(".env")


class FmpSettings(SecretiveSettings):
    """Configure the calls to Financial Modeling Prep; variables are ``FMP_`` and the name.

    ``api_key``: the account's key, never shown. ``base_url``: the address of the API. ``api_generation``:
    ``stable``, or ``v3`` for accounts opened before 2025-08-31. ``calls_per_minute``: the plan's limit, for
    any 60 seconds and all processes of a user on one machine with this key. ``calls_at_once``: concurrent
    calls. ``timeout_s``: the timeout of one read from the server. ``longest_call_s``: the longest time of a
    whole call. ``tries``: the most attempts of a call with temporary errors. ``retry_wait_s``: the wait
    before the second attempt, doubled each time. ``longest_wait_s``: the longest wait that the server may
    request; beyond it the call fails. ``bulk_saves``: the least number of calls that a bulk file must
    replace; 0 means never.
    """

    model_config = SettingsConfigDict(env_prefix="FMP_")

    api_key: SecretStr | None = None
    base_url: str = "https://financialmodelingprep.com"
    api_generation: Literal["stable", "v3"] = "stable"
    calls_per_minute: int = Field(default=750, ge=1)
    calls_at_once: int = Field(default=8, ge=1, le=64)
    timeout_s: float = Field(default=30.0, gt=0)
    longest_call_s: float = Field(default=120.0, gt=0)
    tries: int = Field(default=5, ge=1)
    retry_wait_s: float = Field(default=0.5, ge=0)
    longest_wait_s: float = Field(default=120.0, ge=0)
    bulk_saves: int = Field(default=20, ge=0)

    @field_validator("api_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None) -> SecretStr | None:
        text = "" if key is None else key.get_secret_value().strip()
        # JSON and URLs do not escape these characters, so a search for the key finds every copy.
        if not re.fullmatch(r"[\w.~-]*", text, re.ASCII):
            raise ValueError("the key must be one word of plain letters and digits")
        return SecretStr(text) if text else None

    @field_validator("base_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the address must be like https://financialmodelingprep.com")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("the address must have no key, user or parameters; the key is FMP_API_KEY")
        return url.rstrip("/")


def fmp_settings(**values: Any) -> FmpSettings:
    """Return the settings for FMP; arguments override the environment and the ``.env`` file.

    Raises :class:`InvalidInput` that names the setting without its value.

    >>> fmp_settings(api_key="secret", calls_per_minute=300).api_key
    SecretStr('**********')
    >>> fmp_settings(calls_per_minute=0)
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: FMP_CALLS_PER_MINUTE: Input should be greater than or equal to 1.
    """
    warn_of_misspelt("FMP_", FmpSettings.model_fields)
    try:
        settings = FmpSettings(**values)
    except ValidationError as error:
        raise settings_error(error, "FMP_") from None
    except (UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"The file .env cannot be read: {error}. Write it as UTF-8.") from None
    if "base_url" not in values:
        _check_sources(key_is_argument="api_key" in values)
    return settings


def _check_sources(*, key_is_argument: bool) -> None:
    """Refuse to send a key to an address of ``.env`` unless the key is of the same file.

    A ``.env`` of a downloaded folder could otherwise send the environment's key to its author.
    """
    file = {name.upper(): value for name, value in dotenv_values(_DOTENV).items()}
    environment = {name.upper() for name, value in os.environ.items() if value}
    if not file.get("FMP_BASE_URL") or "FMP_BASE_URL" in environment:
        return
    if key_is_argument or "FMP_API_KEY" in environment:
        raise InvalidInput(
            f"FMP_BASE_URL is in {_DOTENV.absolute()}, but FMP_API_KEY is not of that file: the key would be "
            "sent to an address of another source. Set both in the environment, or both in .env.",
            settings=["FMP_BASE_URL"],
        )
