"""Every limit, threshold and default of the rules, each written once."""

from __future__ import annotations

__all__ = ["RESULT_CACHE_MB"]

RESULT_CACHE_MB = 256  # memory for answers that are repeated, unless the setting says otherwise
