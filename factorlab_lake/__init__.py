"""factorlab-lake."""
