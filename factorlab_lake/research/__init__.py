"""Screen, compare and follow companies over the answers of a lake or a shared server."""
