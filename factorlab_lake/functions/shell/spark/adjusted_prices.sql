WITH requested AS (SELECT DISTINCT symbol FROM requested_symbols),
{{adjusted_bars}}
