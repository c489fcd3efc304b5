-- checked_vintage(vintage): the vintage, or an error that names those there are
-- Which version of a fact answers for a date, when it was restated:
-- 'known': the newest version available at the date. 'first': the first version, whatever replaced it, from its own
-- available_date on. 'latest': the newest version of all, from the day any version was available first. That is
-- hindsight, to measure what restatements change; its available_date may lie after the dates it is used for.
CREATE OR REPLACE FUNCTION checked_vintage(vintage text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF vintage IN ('known', 'first', 'latest') THEN
        RETURN vintage;
    END IF;
    RAISE EXCEPTION 'vintage is ''%''; expected known, first or latest', coalesce(vintage, 'NULL')
        USING ERRCODE = 'invalid_parameter_value';
END
$$;
