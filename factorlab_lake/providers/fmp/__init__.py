"""Fetch from Financial Modeling Prep over HTTP, with both generations of its API."""

from __future__ import annotations

from factorlab_lake.providers.fmp.provider import FmpProvider

__all__ = ["FmpProvider"]
