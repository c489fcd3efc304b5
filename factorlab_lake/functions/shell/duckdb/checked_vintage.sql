-- checked_vintage(vintage): return the vintage, or raise an error that lists the valid ones
-- Rules:
-- - The vintage selects the version of a restated fact.
-- - 'known': the newest version available at the date.
-- - 'first': the first version, from its own available_date on. Later versions never replace it.
-- - 'latest': the newest version of all, from the day on which any version became available. This is hindsight, and measures
--   what restatements change. Its available_date may lie after the date. A share count of a day is used from that day on.
CREATE OR REPLACE MACRO checked_vintage(vintage) AS
CASE WHEN vintage IN ('known', 'first', 'latest') THEN vintage
     ELSE error('vintage is ''' || coalesce(vintage, 'NULL') || '''; expected known, first or latest') END;
