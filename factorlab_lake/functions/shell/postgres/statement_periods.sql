-- statement_periods: which versions of which statements the lake holds, without their figures
-- Grain: one row per statement type, symbol, fiscal period and version. `months` is the length of the period.
CREATE OR REPLACE VIEW statement_periods AS
{{statement_periods}};
