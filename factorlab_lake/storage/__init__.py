"""Store Delta tables in one folder with lake-wide snapshots, one writer, and readers without locks."""
