"""Stock splits that prices reveal: inference, and the split basis of each bar."""
