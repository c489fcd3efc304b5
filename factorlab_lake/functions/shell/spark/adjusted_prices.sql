WITH requested AS (SELECT DISTINCT symbol FROM requested_symbols),
limits AS (SELECT {{start_date}} AS first_day, {{end_date}} AS last_day),
{{adjusted_bars}}
