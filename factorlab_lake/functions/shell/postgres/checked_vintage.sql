{{head}}
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
