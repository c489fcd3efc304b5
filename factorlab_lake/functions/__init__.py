"""Store the SQL functions by engine, and fill their placeholders."""
