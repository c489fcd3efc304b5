"""Delta tables in one folder: lake-wide snapshots, one writer, readers without locks."""
