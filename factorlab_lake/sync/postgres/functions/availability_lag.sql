-- availability_lag(): the rule of availability of this session, a lag in days; NULL for the lake's own, as stored
-- Set by `SET factorlab.availability_lag_days = '0'` (same_day) or any other number of calendar days: filings then
-- count from that many days after the New York date of their acceptance, or after their filing date where that is all
-- that is known. Views that give an available_date follow it; the tables hold what the lake stored.
CREATE FUNCTION availability_lag() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('factorlab.availability_lag_days', true), '')::integer;
