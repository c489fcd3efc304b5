-- statement_ciks: read the CIK of each statement
-- Grain: one row per statement version.
-- Columns:
-- - era: the CIK. A statement without one has its symbol's era 'before' or 'after', where no CIK is known yet or any more.
CREATE OR REPLACE TEMP TABLE statement_ciks AS
WITH statements AS (
    SELECT statement_id, symbol, source_provider, available_date, fiscal_date, nullif(ltrim(trim(cik), '0'), '') AS number FROM income_rows
    UNION ALL
    SELECT statement_id, symbol, source_provider, available_date, fiscal_date, nullif(ltrim(trim(cik), '0'), '') FROM balance_sheet_rows
    UNION ALL
    SELECT statement_id, symbol, source_provider, available_date, fiscal_date, nullif(ltrim(trim(cik), '0'), '') FROM cash_flow_rows
),
-- A CIK of ten digits is the same company with and without its leading zeros.
padded AS (
    SELECT * EXCLUDE (number), CASE WHEN length(number) < 10 THEN lpad(number, 10, '0') ELSE number END AS cik
    FROM statements
),
limits AS (
    SELECT *, min(CASE WHEN cik IS NOT NULL THEN available_date END) OVER of_symbol AS first_told,
           max(CASE WHEN cik IS NOT NULL THEN available_date END) OVER of_symbol AS last_told
    FROM padded WINDOW of_symbol AS (PARTITION BY symbol)
)
SELECT * EXCLUDE (first_told, last_told),
       CASE WHEN cik IS NOT NULL THEN cik WHEN available_date < first_told THEN 'before'
            WHEN available_date > last_told THEN 'after' END AS era
FROM limits;

-- symbols_of_several: list the symbols whose bars decide, because their statements are of several eras
-- Grain: one row per symbol.
CREATE OR REPLACE TEMP TABLE symbols_of_several AS
SELECT symbol FROM statement_ciks WHERE era IS NOT NULL GROUP BY symbol HAVING count(DISTINCT era) > 1;

-- company_eras: order the CIKs of a symbol by their first statement, and decide where another company begins
-- Grain: one row per symbol and era.
-- Columns:
-- - first_day: the day on which the era's first statement became available; first_end is the end of its period.
-- - last_day, last_end: those of the newest statement that was available before.
-- - is_reuse: true where the symbol passed to another company; false where a successor continues.
-- Point in time: an era is compared with what was known before its first statement, and with the bars around.
-- Rules:
-- - More than {{COMPANY_GAP_DAYS}} days between two bars, between the old company's last period and the new one's first statement, tell two
--   companies apart.
-- - Where bars do not reach from the one to the other, more than {{COMPANY_GAP_WITHOUT_BARS_DAYS}} days between their period ends do.
CREATE OR REPLACE TEMP TABLE company_eras AS
WITH firsts AS (
    SELECT symbol, era, min(available_date) AS first_day, min(fiscal_date) AS earliest_end
    FROM statement_ciks WHERE era IS NOT NULL GROUP BY symbol, era
),
ordered AS (
    SELECT f.symbol, f.era, f.first_day,
           row_number() OVER (PARTITION BY f.symbol ORDER BY f.first_day, f.earliest_end, f.era) AS place
    FROM firsts f
),
compared AS (
    SELECT o.symbol, o.era, o.place, o.first_day,
           max(CASE WHEN s.era = o.era AND s.available_date = o.first_day THEN s.fiscal_date END) AS first_end,
           max(CASE WHEN s.available_date < o.first_day THEN s.available_date END) AS last_day,
           max(CASE WHEN s.available_date < o.first_day THEN s.fiscal_date END) AS last_end
    FROM ordered o JOIN statement_ciks s ON s.symbol = o.symbol
    GROUP BY o.symbol, o.era, o.place, o.first_day
),
days AS (
    SELECT symbol, date AS next_bar, lag(date) OVER (PARTITION BY symbol ORDER BY date) AS last_bar
    FROM price_data
    WHERE symbol IN (SELECT symbol FROM symbols_of_several) AND close_price IS NOT NULL
),
gaps AS (
    SELECT c.symbol, c.era, max_by(d.last_bar, (d.next_bar - d.last_bar, d.next_bar)) AS last_bar,
           max_by(d.next_bar, (d.next_bar - d.last_bar, d.next_bar)) AS next_bar
    FROM compared c JOIN days d ON d.symbol = c.symbol AND d.next_bar > c.last_end AND d.last_bar < c.first_day
    WHERE d.next_bar - d.last_bar > {{COMPANY_GAP_DAYS}}
    GROUP BY c.symbol, c.era
),
covers AS (
    SELECT c.symbol, c.era, max(CASE WHEN d.next_bar < c.first_day THEN d.next_bar END) AS bar_before,
           min(d.next_bar) <= any_value(c.last_end) + {{COMPANY_GAP_DAYS}}
           AND max(d.next_bar) >= any_value(c.first_day) - {{COMPANY_GAP_DAYS}} AS is_covered
    FROM compared c JOIN days d ON d.symbol = c.symbol GROUP BY c.symbol, c.era
)
SELECT c.*, coalesce(g.last_bar, v.bar_before) AS last_bar, g.next_bar,
       c.last_end IS NOT NULL AND (g.next_bar IS NOT NULL
           OR (NOT coalesce(v.is_covered, false) AND c.first_end - c.last_end > {{COMPANY_GAP_WITHOUT_BARS_DAYS}})) AS is_reuse
FROM compared c
LEFT JOIN gaps g ON g.symbol = c.symbol AND g.era = c.era
LEFT JOIN covers v ON v.symbol = c.symbol AND v.era = c.era;

-- inferred_starts: compute on which day each company of a symbol begins, from its statements and bars
-- Grain: one row per symbol and day.
-- Columns:
-- - company_id: NULL from the day on which no company's facts are known, because the symbol passes to another one.
-- - chain: 0 for the first company and its successors, 1 for the next company, and so on.
-- Point in time: within a chain, the CIK of the newest period among the statements that were available.
-- Rules:
-- - The old company ends after its last bar and its last statement; the new one begins with its first statement, and not before
--   its first bar. An old bar or statement may not follow the new company's first bar.
CREATE OR REPLACE TEMP TABLE inferred_starts AS
WITH eras AS (
    SELECT *, sum(is_reuse::INTEGER) OVER (PARTITION BY symbol ORDER BY place) AS chain FROM company_eras
),
chains AS (
    SELECT symbol, chain, max(greatest(first_day, next_bar)) OVER (PARTITION BY symbol ORDER BY chain) AS valid_from,
           least(greatest(last_day, last_bar) + 1, next_bar, greatest(first_day, next_bar)) AS old_to
    FROM eras WHERE is_reuse
),
limits AS (
    SELECT e.symbol, e.era, e.chain, coalesce(c.valid_from, {{BEGINNING_OF_TIME}}) AS chain_from
    FROM eras e LEFT JOIN chains c ON c.symbol = e.symbol AND c.chain = e.chain
),
labels AS (
    SELECT s.symbol, l.chain, greatest(s.available_date, l.chain_from) AS valid_from, s.available_date,
           max_by(s.cik, s.fiscal_date::VARCHAR || s.cik) OVER (PARTITION BY s.symbol, l.chain ORDER BY s.available_date) AS cik
    FROM statement_ciks s JOIN limits l ON l.symbol = s.symbol AND l.era = s.era
    WHERE s.cik IS NOT NULL AND s.symbol IN (SELECT symbol FROM symbols_of_several)
    UNION ALL
    -- One CIK has one label, which begins with its first statement.
    SELECT symbol, 0, min(available_date), min(available_date), min(cik) FROM statement_ciks
    WHERE cik IS NOT NULL AND symbol NOT IN (SELECT symbol FROM symbols_of_several) GROUP BY symbol
),
starts AS (
    SELECT symbol, {{BEGINNING_OF_TIME}} AS valid_from, symbol AS company_id, 0 AS chain, 0 AS place FROM derived_symbols
    UNION ALL
    SELECT symbol, valid_from, symbol, chain, 1 FROM chains
    UNION ALL
    SELECT symbol, valid_from, 'cik:' || max_by(cik, (available_date, cik)), chain, 2
    FROM labels l
    WHERE valid_from < coalesce((SELECT min(old_to) FROM chains c WHERE c.symbol = l.symbol AND c.chain > l.chain), {{END_OF_TIME}})
    GROUP BY symbol, valid_from, chain
    UNION ALL
    SELECT symbol, greatest(old_to, lag(valid_from) OVER (PARTITION BY symbol ORDER BY chain)), NULL, NULL, 0 FROM chains
)
SELECT symbol, valid_from, company_id, chain
FROM starts QUALIFY row_number() OVER (PARTITION BY symbol, valid_from ORDER BY place DESC, chain DESC) = 1;

-- told_starts: the same from symbol_history, for the symbols of which it tells a company or the end of one's use
-- Grain: one row per symbol and day.
-- Rules:
-- - Kind 'reuse' begins another company, and so does a row without a kind after one of another company_id.
-- - Days before the first row are of the same company, unless that row says 'reuse'.
-- - A row without a company_id only tells when the symbol's company left it: statements and bars tell the company.
-- - After a company left, another one begins with its first statement: of another CIK, or without one, of a later period.
-- - The company that left returns with its first statement after a later row has begun.
CREATE OR REPLACE TEMP TABLE told_starts AS
WITH told AS (
    SELECT symbol, company_id, valid_from, valid_to,
           coalesce(kind = 'reuse', lag(company_id) OVER by_day <> company_id, false) AS is_new,
           lead(valid_from) OVER by_day AS next_from, lead(company_id) OVER by_day AS next_company
    FROM symbol_history WHERE symbol IN (SELECT symbol FROM derived_symbols)
    WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from)
    QUALIFY bool_or(company_id IS NOT NULL OR valid_to IS NOT NULL) OVER (PARTITION BY symbol)
),
leaves AS (
    SELECT symbol, valid_to AS left_on, next_from, next_company, lead(valid_to) OVER (PARTITION BY symbol ORDER BY valid_to) AS next_left,
           row_number() OVER (PARTITION BY symbol ORDER BY valid_to) AS leave
    FROM told
    WHERE valid_to < coalesce(next_from, {{END_OF_TIME}}) OR (valid_to = next_from AND company_id IS NULL AND next_company IS NULL)
),
ends AS (
    SELECT t.symbol, coalesce(min(CASE WHEN t.company_id IS NOT NULL THEN t.valid_from END), min(l.left_on), {{END_OF_TIME}}) AS first_from
    FROM told t LEFT JOIN leaves l ON l.symbol = t.symbol GROUP BY t.symbol
),
ciks_before AS (
    SELECT l.symbol, l.leave, s.cik, max(s.available_date) = max(max(s.available_date)) OVER (PARTITION BY l.symbol, l.leave) AS is_last
    FROM statement_ciks s JOIN leaves l ON l.symbol = s.symbol AND s.available_date < l.left_on
    GROUP BY l.symbol, l.leave, s.cik
),
later AS (
    SELECT s.symbol, l.leave, s.available_date AS valid_from, s.cik, NOT coalesce(b.is_last, false) AS is_new
    FROM statement_ciks s
    JOIN leaves l ON l.symbol = s.symbol AND s.available_date >= l.left_on AND s.available_date < coalesce(l.next_left, {{END_OF_TIME}})
    LEFT JOIN ciks_before b ON b.symbol = s.symbol AND b.leave = l.leave AND b.cik = s.cik
    WHERE l.next_company IS NULL AND CASE WHEN b.symbol IS NULL THEN s.cik IS NOT NULL OR s.fiscal_date >= l.left_on
               ELSE s.available_date >= l.next_from AND l.next_from > l.left_on END
    QUALIFY row_number() OVER (PARTITION BY s.symbol, l.leave ORDER BY s.available_date, s.fiscal_date DESC) = 1
),
starts AS (
    SELECT symbol, {{BEGINNING_OF_TIME}} AS valid_from, symbol AS company_id, false AS is_new, 0 AS place FROM ends
    UNION ALL
    SELECT i.symbol, i.valid_from, i.company_id,
           i.chain > 0 AND row_number() OVER (PARTITION BY i.symbol, i.chain ORDER BY i.valid_from) = 1, 1
    FROM inferred_starts i JOIN ends e ON e.symbol = i.symbol AND i.valid_from < e.first_from
    UNION ALL
    SELECT symbol, left_on, NULL, false, 2 FROM leaves
    UNION ALL
    SELECT symbol, valid_from, coalesce('cik:' || cik, symbol), is_new, 3 FROM later
    UNION ALL
    SELECT symbol, valid_from, company_id, is_new, 4 FROM told WHERE company_id IS NOT NULL
),
days AS (
    SELECT symbol, valid_from, company_id, bool_or(is_new) OVER (PARTITION BY symbol, valid_from) AS is_new
    FROM starts QUALIFY row_number() OVER (PARTITION BY symbol, valid_from ORDER BY place DESC) = 1
)
SELECT symbol, valid_from, company_id,
       CASE WHEN company_id IS NOT NULL
            THEN sum(is_new::INTEGER) OVER (PARTITION BY symbol ORDER BY valid_from) END AS chain
FROM days;

-- companies: compute the company of each symbol by interval
-- Grain: one row per symbol and interval [valid_from, valid_to); the intervals of a symbol cover all days without overlap.
-- Columns:
-- - company_id: as symbol_history tells it; else cik: and the Central Index Key, or the symbol where that is unknown. NULL where
--   the symbol passes from one company to another (between the last fact of the old and the first of the new).
-- - chain_id: number of the company with its predecessors and successors. Only facts of one chain may be joined.
-- - kind: relation to the company before: reuse (another one) or successor (continues it); NULL for the first.
-- - source: provider or file of symbol_history; inferred from statements and bars.
CREATE OR REPLACE TEMP TABLE companies AS
WITH starts AS (
    SELECT *, 'inferred' AS source FROM inferred_starts ANTI JOIN told_starts USING (symbol)
    UNION ALL
    SELECT t.*, coalesce(h.source, 'inferred') FROM told_starts t
    LEFT JOIN symbol_history h ON h.symbol = t.symbol AND h.valid_from = t.valid_from
),
-- A start that changes nothing is none.
changes AS (
    SELECT * FROM starts WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from)
    QUALIFY row_number() OVER by_day = 1 OR company_id IS DISTINCT FROM lag(company_id) OVER by_day
         OR chain IS DISTINCT FROM lag(chain) OVER by_day
),
numbered AS (SELECT *, dense_rank() OVER (ORDER BY symbol, chain)::INTEGER AS chain_id FROM changes)
SELECT symbol, company_id, CASE WHEN chain IS NOT NULL THEN chain_id END AS chain_id, chain, valid_from,
       coalesce(lead(valid_from) OVER by_day, {{END_OF_TIME}}) AS valid_to, source,
       CASE WHEN chain > max(chain) OVER (by_day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 'reuse'
            WHEN lag(company_id) OVER by_day NOT IN (company_id, symbol) THEN 'successor' END AS kind
FROM numbered WINDOW by_day AS (PARTITION BY symbol ORDER BY valid_from);

-- statement_companies: tell of which company each statement is
-- Grain: one row per statement version.
-- Rules:
-- - A statement with a CIK is of the company that has it; one without, of the company of its day.
-- - On a day between two companies, a period that ended in the old one's time is the old one's.
CREATE OR REPLACE TEMP TABLE statement_companies AS
WITH single AS (
    SELECT symbol, min(chain_id) AS chain_id FROM companies GROUP BY symbol
    HAVING count(DISTINCT chain_id) = 1 AND count(*) = count(chain_id)
),
era_chains AS (
    SELECT symbol, era, sum(is_reuse::INTEGER) OVER (PARTITION BY symbol ORDER BY place) AS chain FROM company_eras
),
candidates AS (
    SELECT s.statement_id, c.company_id, c.chain_id,
           row_number() OVER (PARTITION BY s.statement_id ORDER BY
               CASE WHEN t.symbol IS NULL THEN c.chain IS NOT DISTINCT FROM e.chain
                    ELSE coalesce(right('000000000' || replace(c.company_id, 'cik:', ''), 10) = s.cik, false) END DESC,
               CASE WHEN s.available_date >= c.valid_from AND s.available_date < c.valid_to THEN 0
                    WHEN c.valid_to <= s.available_date AND s.fiscal_date < c.valid_to THEN 1
                    WHEN c.valid_from > s.available_date THEN 2 ELSE 3 END,
               abs(c.valid_from - s.available_date)) AS place
    FROM statement_ciks s ANTI JOIN single USING (symbol)
    JOIN companies c ON c.symbol = s.symbol AND c.chain_id IS NOT NULL
    LEFT JOIN (SELECT DISTINCT symbol FROM told_starts) t ON t.symbol = s.symbol
    LEFT JOIN era_chains e ON e.symbol = s.symbol AND e.era = s.era
)
SELECT s.statement_id, c.company_id, c.chain_id FROM candidates c JOIN statement_ciks s USING (statement_id) WHERE c.place = 1
UNION ALL
SELECT s.statement_id, coalesce('cik:' || s.cik, s.symbol), o.chain_id FROM statement_ciks s JOIN single o USING (symbol);
