"""Raw records to checked rows to the lake: typing, rejects, versions, revisions, the fetch log."""
