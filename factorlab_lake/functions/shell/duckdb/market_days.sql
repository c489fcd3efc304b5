-- market_days: return the days on which any symbol of the lake traded
-- Grain: one row per day.
CREATE OR REPLACE VIEW market_days AS
SELECT DISTINCT date FROM price_data;
