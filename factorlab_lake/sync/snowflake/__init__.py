"""Sync a lake to a Snowflake account, and run queries there."""
