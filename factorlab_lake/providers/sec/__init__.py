"""Fetch from SEC's EDGAR: statements, share counts and profiles from the filings themselves."""

from __future__ import annotations

from factorlab_lake.providers.sec.documents import Documents
from factorlab_lake.providers.sec.provider import SecProvider

__all__ = ["Documents", "SecProvider"]
