-- factors(symbols, dates): valuation, profitability and leverage ratios as known at each date
-- Grain: one row per requested symbol and date; a factor that cannot be computed is NULL and `reason` says why.
-- Inputs: market_caps, ttm, and the newest balance sheet known at the date (largest fiscal_date first, then the
-- newest version). Formulas (market equity over book and flow items as in Fama and French 1992, Novy-Marx 2013):
--   pe_ratio = market_cap / ttm net_income        earnings_yield = ttm net_income / market_cap
--   pb_ratio = market_cap / stockholders' equity  book_to_market = stockholders' equity / market_cap
--   ps_ratio = market_cap / ttm revenue
--   roe = ttm net_income / stockholders' equity   roa = ttm net_income / total assets
--   gross_margin, operating_margin, net_margin = ttm gross profit, operating income, net income / ttm revenue
--   debt_to_equity = total debt / stockholders' equity
--   current_ratio = current assets / current liabilities
-- A ratio whose denominator is zero or negative is NULL (pe_ratio for a loss too); book_to_market keeps the sign
-- of the equity. An item that vendors write as 0 for "not reported" counts as missing when it is 0.
-- Balances are those at the newest period end, not averages. Currency: items that meet in a ratio must share one;
-- the price's currency is taken from company_profiles where known.
-- Point in time: as market_caps and ttm; inputs_available_date is the latest of all inputs'.
CREATE OR REPLACE MACRO factors(symbols, dates, age_limit := 200) AS TABLE
WITH wanted AS (SELECT DISTINCT unnest(symbols) AS symbol),
grid AS (SELECT symbol, date FROM wanted, (SELECT DISTINCT unnest(dates)::DATE AS date)),
sheets AS (
    SELECT symbol, available_date, fiscal_date, reported_currency, total_stockholders_equity, total_assets,
           total_debt, total_current_assets, total_current_liabilities, fiscal_period,
           {'f': fiscal_date, 'q': fiscal_period <> 'FY', 'v': version} AS rank
    FROM balance_sheets WHERE symbol IN (SELECT symbol FROM wanted)
),
standing AS (
    SELECT * EXCLUDE (rank),
           coalesce(lead(available_date) OVER (PARTITION BY symbol ORDER BY available_date), DATE '9999-01-01') AS until
    FROM (FROM sheets QUALIFY rank = max(rank) OVER (PARTITION BY symbol ORDER BY available_date))
),
facts AS (
    SELECT g.symbol, g.date, m.market_cap, m.reason AS cap_reason, t.reason AS ttm_reason,
           t.revenue, t.gross_profit, t.operating_income, t.net_income, t.fiscal_date AS ttm_date,
           b.fiscal_date AS sheet_date, nullif(b.total_stockholders_equity, 0) AS equity,
           nullif(b.total_assets, 0) AS assets, b.total_debt AS debt,
           nullif(b.total_current_assets, 0) AS current_assets,
           nullif(b.total_current_liabilities, 0) AS current_liabilities,
           CASE WHEN b.symbol IS NULL THEN 'no_balance_sheet_known'
                WHEN g.date - b.fiscal_date > age_limit + CASE b.fiscal_period WHEN 'FY' THEN 274 ELSE 0 END
                THEN 'balance_sheet_stale' END AS sheet_reason,
           coalesce(c.currency <> t.reported_currency, false) AS price_flows_differ,
           coalesce(c.currency <> b.reported_currency, false) AS price_sheet_differ,
           coalesce(t.reported_currency <> b.reported_currency, false) AS flows_sheet_differ,
           greatest(m.shares_available_date, t.inputs_available_date, b.available_date) AS inputs_available_date
    FROM grid g
    JOIN market_caps(symbols, dates) m ON m.symbol = g.symbol AND m.date = g.date
    JOIN ttm(symbols, dates, age_limit := age_limit) t ON t.symbol = g.symbol AND t.date = g.date
    LEFT JOIN standing b ON b.symbol = g.symbol AND g.date >= b.available_date AND g.date < b.until
    LEFT JOIN company_profiles c ON c.symbol = g.symbol
),
usable AS (
    SELECT * REPLACE (
               CASE WHEN sheet_reason IS NULL THEN equity END AS equity,
               CASE WHEN sheet_reason IS NULL THEN assets END AS assets,
               CASE WHEN sheet_reason IS NULL THEN debt END AS debt,
               CASE WHEN sheet_reason IS NULL THEN current_assets END AS current_assets,
               CASE WHEN sheet_reason IS NULL THEN current_liabilities END AS current_liabilities),
           CASE WHEN equity > 0 AND sheet_reason IS NULL THEN equity END AS book,
           CASE WHEN net_income > 0 THEN net_income END AS profit,
           CASE WHEN revenue > 0 THEN revenue END AS sales,
           CASE WHEN NOT price_flows_differ THEN market_cap END AS cap_by_flows,
           CASE WHEN NOT price_sheet_differ THEN market_cap END AS cap_by_sheet,
           CASE WHEN NOT flows_sheet_differ THEN net_income END AS income_by_sheet
    FROM facts
)
SELECT symbol, date, market_cap,
       cap_by_flows / profit AS pe_ratio, cap_by_sheet / book AS pb_ratio, cap_by_flows / sales AS ps_ratio,
       net_income / cap_by_flows AS earnings_yield, equity / cap_by_sheet AS book_to_market,
       income_by_sheet / book AS roe, income_by_sheet / assets AS roa,
       gross_profit / sales AS gross_margin, operating_income / sales AS operating_margin,
       net_income / sales AS net_margin, debt / book AS debt_to_equity,
       current_assets / current_liabilities AS current_ratio,
       greatest(ttm_date, sheet_date) AS fiscal_date, inputs_available_date,
       date - greatest(ttm_date, sheet_date) AS age_days,
       nullif(concat_ws('; ',
           'market_cap: ' || cap_reason, 'ttm: ' || ttm_reason, 'balance_sheet: ' || sheet_reason,
           CASE WHEN price_flows_differ OR price_sheet_differ OR flows_sheet_differ THEN 'currencies_differ' END,
           CASE WHEN ttm_reason IS NULL THEN nullif(concat_ws('; ',
               CASE WHEN revenue IS NULL THEN 'revenue: missing' WHEN sales IS NULL THEN 'revenue: not positive' END,
               CASE WHEN gross_profit IS NULL THEN 'gross_profit: missing' END,
               CASE WHEN operating_income IS NULL THEN 'operating_income: missing' END,
               CASE WHEN net_income IS NULL THEN 'net_income: missing'
                    WHEN profit IS NULL THEN 'net_income: not positive' END), '') END,
           CASE WHEN sheet_reason IS NULL THEN nullif(concat_ws('; ',
               CASE WHEN equity IS NULL THEN 'equity: missing' WHEN book IS NULL THEN 'equity: not positive' END,
               CASE WHEN assets IS NULL THEN 'total_assets: missing' END,
               CASE WHEN debt IS NULL THEN 'total_debt: missing' END,
               CASE WHEN current_assets IS NULL THEN 'current_assets: missing' END,
               CASE WHEN current_liabilities IS NULL THEN 'current_liabilities: missing' END), '') END),
           '') AS reason
FROM usable;
