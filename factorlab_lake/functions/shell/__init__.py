"""Store what differs by engine: signatures, types and the look-up of rows."""
