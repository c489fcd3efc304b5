-- universe_members: list the members of every universe with the days of their membership
-- Grain: one row per universe, symbol and interval [valid_from, valid_to).
-- Point in time: a symbol is a member on a date from valid_from on, and before valid_to.
-- Columns:
-- - universe: the name of a loaded one; or 'sector:', 'industry:' or 'exchange:' and the name of the group.
-- - valid_to: a loaded membership without an end has the end of time.
-- Rules:
-- - Groups are those of sectors, also on the days before the first profile, which is hindsight.
CREATE OR REPLACE VIEW universe_members AS
SELECT universe, symbol, valid_from, coalesce(valid_to, {{END_OF_TIME}}) AS valid_to FROM universes
UNION ALL
SELECT 'sector:' || sector, symbol, valid_from, valid_to FROM sectors WHERE sector IS NOT NULL
UNION ALL
SELECT 'industry:' || industry, symbol, valid_from, valid_to FROM sectors WHERE industry IS NOT NULL
UNION ALL
SELECT 'exchange:' || exchange, symbol, valid_from, valid_to FROM sectors WHERE exchange IS NOT NULL;
