-- newest_profiles: the name and the sector of each symbol
-- Grain: one row per symbol with a profile.
SELECT symbol, company_name, sector FROM company_profiles
