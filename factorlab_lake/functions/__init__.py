"""The SQL functions: their texts by engine, and the column lists that fill their placeholders."""
