-- availability_lag_days(availability): return the days that a rule counts from a filing's date; NULL for 'close'
-- Rules:
-- - The rule selects the first day on which a filing can be used. A rule that does not exist raises an error.
-- - 'close': the stored available_date, the day of acceptance when accepted by the market's close, else the next day.
-- - 'same_day': the date of the filing.
-- - A number such as '2', up to {{MAX_AVAILABILITY_LAG_DAYS}}: so many calendar days after the date of the filing.
-- - The rule is an argument of every call and never a setting of the session. Programs that share a connection through a
--   pool would inherit such a setting from each other.
CREATE OR REPLACE FUNCTION availability_lag_days(availability text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF availability = 'close' THEN
        RETURN NULL;
    ELSIF availability = 'same_day' THEN
        RETURN 0;
    ELSIF availability ~ '^[0-9]{1,4}$' THEN
        IF availability::integer <= {{MAX_AVAILABILITY_LAG_DAYS}} THEN
            RETURN availability::integer;
        END IF;
    END IF;
    RAISE EXCEPTION 'availability is ''%''; expected close, same_day or a lag of 0 to {{MAX_AVAILABILITY_LAG_DAYS}} days',
        coalesce(availability, 'NULL') USING ERRCODE = 'invalid_parameter_value';
END
$$;
