WITH published AS (
    SELECT * FROM period_publications
    WHERE symbol IN (SELECT symbol FROM requested_symbols) AND fiscal_date BETWEEN {{start_date}} AND {{end_date}}
),
{{ratios_of_published}}
