"""Fetch data from vendors: a protocol, a registry, and one folder per vendor."""
