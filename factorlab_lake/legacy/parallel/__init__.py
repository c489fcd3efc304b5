"""The lake and the old cache side by side: fallback, comparison and a gradual switch."""
