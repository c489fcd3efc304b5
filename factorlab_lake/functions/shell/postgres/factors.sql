-- factors(symbols, dates, age_limit := {{QUARTER_AGE_LIMIT_DAYS}}, vintage := 'known', pairs := NULL, availability := 'close'): return valuation, profitability, leverage and growth factors
-- Grain: one row per requested symbol and date. A factor that cannot be computed is NULL, and `reason` gives the cause.
-- Parameters:
-- - age_limit: days after which a quarter is stale; a fiscal year gets {{FISCAL_YEAR_EXTRA_AGE_DAYS}} more.
-- - vintage: see checked_vintage.
-- - pairs: an array of symbol_date; with it, only these rows are returned.
-- - availability: see availability_lag_days.
-- Point in time: as market_caps and period_components. inputs_available_date is the latest available_date of all inputs.
-- Rules:
-- - factors/factors.csv has the formulas. Each is a numerator over a denominator that must be positive.
-- - The inputs are the market cap, the flows of the trailing twelve months and the newest balance sheet known at the date.
-- - Inputs named …_year_before are the same a year earlier, as known at the date (see fundamentals_validity).
-- - Balances are those at the period end, not averages.
-- - Where vendors write 0 for "not reported", a 0 is missing.
-- - Items that meet in a factor must share one currency. company_profiles gives the currency of the price.
CREATE OR REPLACE FUNCTION factors(
    symbols text[], dates date[], age_limit integer DEFAULT {{QUARTER_AGE_LIMIT_DAYS}}, vintage text DEFAULT 'known',
    pairs symbol_date[] DEFAULT NULL, availability text DEFAULT 'close'
) RETURNS TABLE (
    symbol text, date date, market_cap double precision,
    {{factor_types}},
    fiscal_date date, inputs_available_date date, age_days bigint, reason text
)
{{planned}}
BEGIN ATOMIC
WITH years AS (
    -- Without the year in the join, every date is compared with every interval of its symbol.
    SELECT c.*, years.in_year
    FROM fundamentals_validity(symbols, dates, vintage, availability) c
    CROSS JOIN (SELECT min(day) AS first, max(day) AS last FROM unnest(dates) AS day) a
    CROSS JOIN LATERAL generate_series(
        date_part('year', greatest(c.valid_from, a.first))::integer,
        date_part('year', least(c.valid_to, a.last))::integer) AS years (in_year)
),
facts AS (
    SELECT m.symbol, m.date, m.market_cap, m.reason AS market_cap_reason, m.shares_available_date,
           CASE WHEN y.symbol IS NULL THEN 'no_statement_known'
                WHEN y.income_fault IS NOT NULL THEN y.income_fault
                WHEN m.date - y.income_date > age_limit + CASE y.income_months WHEN 12 THEN {{FISCAL_YEAR_EXTRA_AGE_DAYS}} ELSE 0 END
                THEN 'statement_stale' END AS income_reason,
           CASE WHEN y.cash_flow_fault IS NOT NULL THEN y.cash_flow_fault
                WHEN m.date - y.income_date > age_limit + CASE y.cash_flow_months WHEN 12 THEN {{FISCAL_YEAR_EXTRA_AGE_DAYS}} ELSE 0 END
                THEN 'statement_stale' END AS cash_flow_reason,
           CASE WHEN y.symbol IS NULL THEN 'no_balance_sheet_known'
                WHEN y.balance_sheet_fault IS NOT NULL THEN y.balance_sheet_fault
                WHEN m.date - y.balance_sheet_date > age_limit + CASE y.balance_sheet_months WHEN 12 THEN {{FISCAL_YEAR_EXTRA_AGE_DAYS}} ELSE 0 END
                THEN 'balance_sheet_stale' END AS balance_sheet_reason,
           y.income_year_before_fault AS income_year_before_reason,
           y.balance_sheet_year_before_fault AS balance_sheet_year_before_reason,
           p.currency AS price_currency, y.income_currency, y.income_year_before_currency,
           y.balance_sheet_currency, y.balance_sheet_year_before_currency,
           greatest(y.income_date, y.balance_sheet_date) AS fiscal_date,
           y.income_available_date, y.balance_sheet_available_date, y.cash_flow_available_date,
           {{income_names}}, {{cash_flow_names}}, {{balance_sheet_names}}
    FROM market_caps(symbols, dates, vintage := vintage, pairs := pairs, availability := availability) m
    LEFT JOIN years y
      ON y.symbol = m.symbol AND y.in_year = date_part('year', m.date)::integer
     AND m.date >= y.valid_from AND m.date < y.valid_to
    LEFT JOIN company_profiles p ON p.symbol = m.symbol
),
usable AS (
    SELECT symbol, date, market_cap, market_cap_reason, income_reason, cash_flow_reason, balance_sheet_reason,
           income_year_before_reason, balance_sheet_year_before_reason, price_currency, income_currency,
           income_year_before_currency, balance_sheet_currency, balance_sheet_year_before_currency, fiscal_date,
           greatest(shares_available_date, income_available_date, balance_sheet_available_date,
                    CASE WHEN cash_flow_reason IS NULL THEN cash_flow_available_date END) AS inputs_available_date,
           {{income_usable}},
           {{cash_flow_usable}},
           {{balance_sheet_usable}}
    FROM facts
)
SELECT symbol, date, market_cap,
       {{factor_columns}},
       fiscal_date, inputs_available_date, date - fiscal_date,
       nullif(concat_ws('; ',
           'market_cap: ' || market_cap_reason, 'ttm: ' || income_reason, 'balance_sheet: ' || balance_sheet_reason,
           CASE WHEN income_reason IS NULL THEN 'cash_flow: ' || cash_flow_reason END,
           CASE WHEN income_reason IS NULL THEN 'ttm_year_before: ' || income_year_before_reason END,
           CASE WHEN balance_sheet_reason IS NULL
                THEN 'balance_sheet_year_before: ' || balance_sheet_year_before_reason END,
           CASE WHEN NOT ({{same_currencies}}) THEN 'currencies_differ' END,
           {{factor_reasons}}), '')
FROM usable;
END;
