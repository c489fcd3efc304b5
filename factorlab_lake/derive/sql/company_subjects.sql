-- company_subjects: give each further company and provider of a symbol a subject of its own
-- Grain: one row per subject and chain, for the symbols of several companies or providers.
-- Rules:
-- - What follows is computed by subject, so no sum or difference mixes two companies or two providers.
CREATE OR REPLACE TEMP TABLE company_subjects AS
WITH several AS (
    SELECT symbol FROM companies WHERE chain_id IS NOT NULL GROUP BY symbol HAVING count(DISTINCT chain_id) > 1
    UNION SELECT symbol FROM provider_chains
),
chains AS (
    SELECT DISTINCT s.subject, c.chain_id
    FROM statement_validity v JOIN subjects s ON s.subject = v.subject JOIN several o ON o.symbol = s.symbol
    JOIN statement_companies c ON c.statement_id = v.statement_id
)
SELECT subject AS of_symbol, chain_id,
       ((SELECT max(subject) FROM subjects) + row_number() OVER (ORDER BY subject, chain_id))::INTEGER AS subject
FROM chains;

INSERT INTO subjects
SELECT s.* REPLACE (c.subject AS subject) FROM subjects s JOIN company_subjects c ON c.of_symbol = s.subject;

UPDATE statement_validity v SET subject = n.subject
FROM company_subjects n, statement_companies c
WHERE n.of_symbol = v.subject AND c.statement_id = v.statement_id AND n.chain_id = c.chain_id;

DELETE FROM subjects WHERE subject IN (SELECT of_symbol FROM company_subjects);

-- subject_speakers: tell on which days a subject's provider speaks for its company, whether that has the symbol or not
-- Grain: one row per subject of a symbol of several providers, and run of days. A subject that never speaks has none.
CREATE OR REPLACE TEMP TABLE subject_speakers AS
SELECT c.subject, k.symbol, k.chain_id, k.company_chain, k.valid_from, k.valid_to
FROM company_subjects c JOIN speakers k ON k.chain_id = c.chain_id;

-- subject_intervals: tell on which days a subject speaks for its symbol
-- Grain: one row per subject and run of days: a company may leave a symbol and take it again, and so may a provider.
CREATE OR REPLACE TEMP TABLE subject_intervals AS
WITH changes AS (
    SELECT symbol, chain_id, valid_from, valid_to, chain_id IS DISTINCT FROM lag(chain_id) OVER (PARTITION BY symbol ORDER BY valid_from) AS is_change
    FROM companies
),
runs AS (SELECT *, sum(is_change::INTEGER) OVER (PARTITION BY symbol ORDER BY valid_from) AS run FROM changes),
chains AS (
    SELECT chain_id, min(valid_from) AS valid_from, max(valid_to) AS valid_to
    FROM runs WHERE chain_id IS NOT NULL GROUP BY symbol, run, chain_id
),
single AS (
    SELECT s.subject, c.chain_id FROM subjects s JOIN companies c ON c.symbol = s.symbol
    WHERE c.chain_id IS NOT NULL AND s.subject NOT IN (SELECT subject FROM company_subjects)
    GROUP BY s.subject, c.chain_id
)
SELECT o.subject, c.valid_from, c.valid_to
FROM (SELECT subject, chain_id FROM company_subjects UNION ALL FROM single) o JOIN chains c ON c.chain_id = o.chain_id
UNION ALL
SELECT o.subject, greatest(c.valid_from, o.valid_from), least(c.valid_to, o.valid_to)
FROM subject_speakers o JOIN chains c ON c.chain_id = o.company_chain AND c.valid_from < o.valid_to AND c.valid_to > o.valid_from;

-- subject_companies: tell the company of each subject by day, also after it left the symbol
-- Grain: one row per subject and interval [valid_from, valid_to). The first one begins when the company takes the symbol.
CREATE OR REPLACE TEMP TABLE subject_companies AS
WITH chains AS (
    SELECT c.subject, coalesce(k.company_chain, c.chain_id) AS chain_id
    FROM company_subjects c LEFT JOIN provider_chains k ON k.chain_id = c.chain_id
)
SELECT s.subject, c.company_id, c.valid_from,
       coalesce(lead(c.valid_from) OVER (PARTITION BY s.subject ORDER BY c.valid_from), {{END_OF_TIME}}) AS valid_to
FROM subjects s LEFT JOIN chains o ON o.subject = s.subject
JOIN companies c ON c.symbol = s.symbol AND c.chain_id = coalesce(o.chain_id, c.chain_id);

-- subject_providers: tell of which provider the statements of each subject are
-- Grain: one row per subject.
CREATE OR REPLACE TEMP TABLE subject_providers AS
SELECT s.subject, coalesce(k.source_provider, m.source_provider) AS source_provider
FROM subjects s LEFT JOIN company_subjects c ON c.subject = s.subject LEFT JOIN provider_chains k ON k.chain_id = c.chain_id
JOIN symbol_providers m ON m.symbol = s.symbol AND m.place = 1;
