"""The outside world: what providers send, and how their fields are called here."""
