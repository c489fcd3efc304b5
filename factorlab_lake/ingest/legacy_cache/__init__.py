"""Factor Lab's old file cache as a source: read, migrated into a lake, validated record by record."""
