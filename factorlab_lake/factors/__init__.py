"""Define the factors as data, and generate their parts of the SQL for every engine."""
