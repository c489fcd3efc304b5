"""The HTML report: one page on coverage, freshness, quality, revisions and growth."""
