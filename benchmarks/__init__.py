"""Timed comparisons with the alternatives; `make bench` runs them."""
