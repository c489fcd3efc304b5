"""Settings that most processes do not have, looked for without loading what reads them."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["RESULT_CACHE_MB", "given"]

RESULT_CACHE_MB = 256  # where the setting of that name says nothing


def given(name: str) -> Any:
    """Return a setting of :class:`~factorlab_lake.settings.Settings`, None where nobody can have set it."""
    variable = f"FACTORLAB_{name}".upper()
    if not any(key.upper() == variable for key in os.environ) and not Path(".env").is_file():
        return None
    return getattr(import_module("factorlab_lake.settings").settings(), name)
