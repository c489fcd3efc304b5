"""Questions: SQL functions in ``sql/``, a session on one snapshot, and how arguments may be given."""
