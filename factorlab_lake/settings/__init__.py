"""Read settings: an argument wins over ``FACTORLAB_*``, that over ``.env``, that over the environments' file.

The models are in :mod:`.models`, which imports pydantic. :func:`configured` avoids that import for processes
that set nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["chosen", "configured"]


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


def _may_be_set(name: str) -> bool:
    variable = f"FACTORLAB_{name}".upper()
    return any(key.upper() == variable for key in os.environ) or Path(".env").is_file()
