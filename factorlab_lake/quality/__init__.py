"""Watching over a lake: freshness, coverage, quality, query statistics, and one page of them all."""
