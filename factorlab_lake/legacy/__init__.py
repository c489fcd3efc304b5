"""Factor Lab's file cache: reading it, moving it into a lake, proving that nothing was lost."""
