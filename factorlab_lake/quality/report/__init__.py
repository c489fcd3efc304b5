"""Write the HTML report about a lake: quality, coverage, freshness, revisions and growth."""
