-- Read the lake's Delta tables in a bucket without copying them, as Iceberg tables of Snowflake.
-- Grain: one Iceberg table per table of the lake, in a schema of its own.
-- Parameters: the database, and the statements of the tables. Fill in your bucket and its role.
-- Rules:
-- - The lake must be in a bucket. A table shows its newest commit, which may be newer than the lake's snapshot: a reader can see
--   the rows of one table before those of another.
-- - ALTER ICEBERG TABLE … REFRESH, or AUTO_REFRESH as below, brings later commits.
-- - The functions read the tables of the schema that a sync fills, so they do not read these.
CREATE SCHEMA IF NOT EXISTS {{database}}.lake_files;
CREATE EXTERNAL VOLUME IF NOT EXISTS factorlab_lake_volume
  STORAGE_LOCATIONS = ((
    NAME = 'lake' STORAGE_PROVIDER = 'S3' STORAGE_BASE_URL = 's3://your-bucket/lake/'
    STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::000000000000:role/your-role'
  ))
  ALLOW_WRITES = FALSE;
CREATE CATALOG INTEGRATION IF NOT EXISTS factorlab_lake_delta
  CATALOG_SOURCE = OBJECT_STORE TABLE_FORMAT = DELTA ENABLED = TRUE;
{{tables}}
