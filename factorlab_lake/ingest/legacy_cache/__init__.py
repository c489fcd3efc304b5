"""Read Factor Lab's old file cache, migrate it into a lake and validate the result record by record."""
