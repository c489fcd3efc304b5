"""Questions: SQL functions in ``sql/``, a session on one snapshot, and the forms a caller may give arguments in."""
