"""Targets outside the lake that hold the same tables: Postgres, with TimescaleDB where the server has it."""
