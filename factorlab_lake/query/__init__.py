"""Answer queries over one snapshot of a lake, in SQL and by methods."""
