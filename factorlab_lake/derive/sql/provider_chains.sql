-- provider_chains: give the statements of each provider a chain of their own, for the symbols of several providers
-- Grain: one row per company and provider.
-- Columns:
-- - chain_id: partitions the provider's statements of the company. company_chain: the company's chain_id in companies.
-- Rules:
-- - What follows is computed by chain, so no version, sum or difference mixes two providers.
CREATE OR REPLACE TEMP TABLE provider_chains AS
WITH chains AS (SELECT DISTINCT symbol, chain_id FROM companies WHERE chain_id IS NOT NULL)
SELECT p.symbol, c.chain_id AS company_chain, p.source_provider, p.place,
       ((SELECT max(chain_id) FROM chains) + row_number() OVER (ORDER BY p.symbol, c.chain_id, p.place))::INTEGER AS chain_id
FROM symbol_providers p JOIN chains c ON c.symbol = p.symbol WHERE p.is_of_several;

UPDATE statement_companies c SET chain_id = p.chain_id
FROM statement_ciks s, provider_chains p
WHERE s.statement_id = c.statement_id AND p.symbol = s.symbol AND p.source_provider = s.source_provider AND p.company_chain = c.chain_id;
