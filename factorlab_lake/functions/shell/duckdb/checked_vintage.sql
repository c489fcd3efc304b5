-- checked_vintage(vintage): the vintage, or an error that names those there are
-- Which version of a fact answers for a date, when it was restated:
-- 'known': the newest version available at the date. 'first': the first version, whatever replaced it, from its own
-- available_date on. 'latest': the newest version of all, from the day any version was available first. That is
-- hindsight, to measure what restatements change; its available_date may lie after the dates it is used for.
CREATE OR REPLACE MACRO checked_vintage(vintage) AS
CASE WHEN vintage IN ('known', 'first', 'latest') THEN vintage
     ELSE error('vintage is ''' || coalesce(vintage, 'NULL') || '''; expected known, first or latest') END;
