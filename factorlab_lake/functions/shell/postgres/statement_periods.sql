-- statement_periods: return all versions of all statements, without their figures
-- Grain: one row per statement type, symbol, fiscal period and version. `months` is the length of the period.
CREATE OR REPLACE VIEW statement_periods AS
{{statement_periods}};
