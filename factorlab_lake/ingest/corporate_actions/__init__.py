"""Derive stock splits from prices, and the split basis of each bar."""
