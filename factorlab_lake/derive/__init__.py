"""Compute the derived tables: what was known when."""
