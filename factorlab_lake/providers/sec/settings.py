"""Read the settings of the SEC provider from the environment (``SEC_*``) or a ``.env`` file."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import SettingsConfigDict

from factorlab_lake.errors import InvalidInput
from factorlab_lake.settings import warn_of_misspelt
from factorlab_lake.settings.models import SecretiveSettings, settings_error

__all__ = ["USER_AGENT_ADVICE", "SecSettings", "sec_settings"]

USER_AGENT_ADVICE = (
    "SEC asks every caller for a name and a mail address: set SEC_USER_AGENT='Your Name you@example.com', in "
    "the environment or in .env"
)
# A name, and a mail address that SEC can write to; in printable ASCII, as HTTP headers are.
_USER_AGENT = re.compile(r"(?=[ -~]{1,200}$)\S.*\s\S+@\S+\.\S+|(?=[ -~]{1,200}$)\S+@\S+\.\S+\s.*\S")


class SecSettings(SecretiveSettings):
    """Configure the calls to SEC's EDGAR; variables are ``SEC_`` and the name. There is no key.

    ``user_agent``: the caller's name and mail address, which SEC requires. ``base_url``: the address of the
    filings and facts. ``files_url``: the address of the lists of symbols and of the archives.
    ``calls_per_second``: the most calls in any second, for all processes of a user on one machine; SEC allows
    10. ``calls_at_once``: concurrent calls. ``timeout_s``: the timeout of one read from the server.
    ``longest_call_s``: the longest time of a whole call. ``tries``: the most attempts of a call with
    temporary errors. ``retry_wait_s``: the wait before the second attempt, doubled each time.
    ``blocked_wait_s``: the wait after SEC refuses calls, unless it names another one. ``longest_wait_s``: the
    longest wait that the server may request; beyond it the call fails. ``bulk_from``: the least number of
    companies without earlier data that are read from SEC's archives of all companies, which take some 3 GB
    in the temporary folder; 0 means never. ``longest_download_s``: the longest time of the download of an
    archive.
    """

    model_config = SettingsConfigDict(env_prefix="SEC_")

    user_agent: str | None = None
    base_url: str = "https://data.sec.gov"
    files_url: str = "https://www.sec.gov"
    calls_per_second: int = Field(default=8, ge=1, le=10)
    calls_at_once: int = Field(default=4, ge=1, le=64)
    timeout_s: float = Field(default=30.0, gt=0)
    longest_call_s: float = Field(default=120.0, gt=0)
    tries: int = Field(default=5, ge=1)
    retry_wait_s: float = Field(default=0.5, ge=0)
    blocked_wait_s: float = Field(default=600.0, ge=0)
    longest_wait_s: float = Field(default=1800.0, ge=0)
    bulk_from: int = Field(default=500, ge=0)
    longest_download_s: float = Field(default=3600.0, gt=0)

    @field_validator("user_agent")
    @classmethod
    def _check_user_agent(cls, text: str | None) -> str | None:
        agent = " ".join((text or "").split())
        if agent and not _USER_AGENT.fullmatch(agent):
            raise ValueError(f"it has no name and mail address in plain letters. {USER_AGENT_ADVICE}")
        return agent or None

    @field_validator("base_url", "files_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the address must be like https://data.sec.gov")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError("the address must have no user and no parameters")
        return url.rstrip("/")


def sec_settings(**values: Any) -> SecSettings:
    """Return the settings for SEC; arguments override the environment and the ``.env`` file.

    Raises :class:`InvalidInput` that names the setting.

    >>> sec_settings(user_agent="Jane Doe jane@example.com").calls_per_second
    8
    >>> sec_settings(user_agent="python")
    Traceback (most recent call last):
    factorlab_lake.errors.InvalidInput: SEC_USER_AGENT: it has no name and mail address in plain letters. \
SEC asks every caller for a name and a mail address: set SEC_USER_AGENT='Your Name you@example.com', in the \
environment or in .env.
    """
    warn_of_misspelt("SEC_", SecSettings.model_fields)
    try:
        return SecSettings(**values)
    except ValidationError as error:
        raise settings_error(error, "SEC_") from None
    except (UnicodeDecodeError, OSError) as error:
        raise InvalidInput(f"The file .env cannot be read: {error}. Write it as UTF-8.") from None
