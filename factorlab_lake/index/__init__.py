"""Answer queries from memory-mapped files that are built at each commit: the read index."""
