"""Read settings from the environment (``FACTORLAB_*``) or a ``.env`` file; an argument wins over both.

The models are in :mod:`.models`, which imports pydantic. :func:`configured` avoids that import for processes
that set nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["configured"]


def configured(name: str) -> Any:
    """Return a field of :class:`~factorlab_lake.settings.models.Settings`, or None if nothing is set.

    >>> configured("query_statistics") is None
    True
    """
    variable = f"FACTORLAB_{name}".upper()
    if not any(key.upper() == variable for key in os.environ) and not Path(".env").is_file():
        return None
    from factorlab_lake.settings.models import settings

    return getattr(settings(), name)
