"""Fetch or load records, type and check them, and merge them into versioned tables with a fetch log."""
