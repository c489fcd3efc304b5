"""A shared PostgreSQL server that holds the lake's tables under the same names and columns."""
