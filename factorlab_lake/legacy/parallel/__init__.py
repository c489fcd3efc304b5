"""Run a lake beside the old cache: with fallback, comparison and a gradual switch."""
