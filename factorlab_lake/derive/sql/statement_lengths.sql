-- statement_lengths: compute the length of each statement's period in months
-- Grain: one row per statement version.
-- Rules:
-- - The length follows from the period's first day where a provider gives one, else from the label.
CREATE OR REPLACE TEMP TABLE statement_lengths AS
{{statement_lengths}};
