"""Read settings: an argument wins over ``FACTORLAB_*``, that over ``.env``, that over the environments' file.

The models are in :mod:`.models`, which imports pydantic. :func:`configured` avoids that import for processes
that set nothing.
"""

from __future__ import annotations

import difflib
import os
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from factorlab_lake.errors import LakeWarning

__all__ = ["NAMES", "chosen", "configured", "variables", "warn_of_misspelt"]

# The fields of Settings, whose module takes longer to import than a lake to open; a test compares them.
NAMES = (
    "lake",
    "config",
    "env",
    "availability",
    "query_statistics",
    "read_index",
    "cache_folder",
    "result_cache_mb",
    "sandbox_memory_mb",
    "sandbox_timeout_s",
    "pool_size",
    "pool_overflow",
    "pool_wait_s",
    "statement_timeout_s",
)
_SIMILAR = 0.8  # of the letters of two names, from 0 to 1
_LINE = r"^[ \t]*(?:export[ \t]+)?({}\w+)[ \t]*="


def configured(name: str) -> Any:
    """Return a field of :class:`~factorlab_lake.settings.models.Settings`, or None if nothing is set.

    >>> configured("query_statistics") is None
    True
    """
    if not _may_be_set(name):
        return None
    from factorlab_lake.settings.models import settings

    return getattr(settings(), name)


def chosen(name: str) -> Any:
    """Return a field of the settings that a variable or ``.env`` sets; None instead of its default."""
    if not _may_be_set(name):
        return None
    from factorlab_lake.settings.models import settings

    own = settings()
    return getattr(own, name) if name in own.model_fields_set else None


def warn_of_misspelt(prefix: str, known: Iterable[str]) -> None:
    """Warn of variables, also in ``.env``, whose name is nearly that of a setting: they have no effect.

    ``known`` has the names of the settings without the prefix, in small letters.
    """
    names = [name.lower() for name in known]
    for variable in variables(prefix):
        name = variable.lower().removeprefix(prefix.lower())
        near = [] if name in names else difflib.get_close_matches(name, names, n=1, cutoff=_SIMILAR)
        if near:
            warnings.warn(
                f"The variable {variable} is no setting and has no effect. Did you mean "
                f"{prefix}{near[0].upper()}?",
                LakeWarning,
                stacklevel=3,
            )


def variables(prefix: str) -> list[str]:
    """Return the variables of the environment and of ``.env`` that begin with a prefix."""
    try:
        text = Path(".env").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""  # the reader of the settings raises the error
    lines = re.findall(_LINE.format(prefix), text, flags=re.MULTILINE | re.IGNORECASE)
    return sorted({*lines, *(name for name in os.environ if name.upper().startswith(prefix))})


def _may_be_set(name: str) -> bool:
    variable = f"FACTORLAB_{name}".upper()
    return any(key.upper() == variable for key in os.environ) or Path(".env").is_file()
