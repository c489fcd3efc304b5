-- pending_symbol: list the symbols whose derived tables could not be computed
-- Grain: one row per symbol. Parameter: pending, the symbols that the snapshot names.
-- Each question computes the rows of fundamentals_history and the other derived tables of such a symbol again.
SELECT unnest($pending::VARCHAR[]) AS symbol, 'its rows of fundamentals_history are computed at each question' AS detail
