-- checked_vintage(vintage): return the vintage, or raise an error that lists the valid ones
-- Rules:
-- - The vintage selects the version of a restated fact.
-- - 'known': the newest version available at the date.
-- - 'first': the first version, from its own available_date on. Later versions never replace it.
-- - 'latest': the newest version of all, from the day on which any version became available. This is hindsight, and measures
--   what restatements change. Its available_date may lie after the date.
CREATE OR REPLACE FUNCTION checked_vintage(vintage text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF vintage IN ('known', 'first', 'latest') THEN
        RETURN vintage;
    END IF;
    RAISE EXCEPTION 'vintage is ''%''; expected known, first or latest', coalesce(vintage, 'NULL')
        USING ERRCODE = 'invalid_parameter_value';
END
$$;
