"""Settings from the environment (``FACTORLAB_*``) or a ``.env`` file; an argument always wins over them.

The models are in :mod:`.models`, which loads pydantic. :func:`configured` avoids that cost for the many
processes that set nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["configured"]


def configured(name: str) -> Any:
    """Return the value of a field of :class:`~factorlab_lake.settings.models.Settings`, None when unset.

    >>> configured("query_statistics") is None
    True
    """
    variable = f"FACTORLAB_{name}".upper()
    if not any(key.upper() == variable for key in os.environ) and not Path(".env").is_file():
        return None
    from factorlab_lake.settings.models import settings

    return getattr(settings(), name)
