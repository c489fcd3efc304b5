-- Create the roles of readers and of the user who syncs; an administrator runs this.
-- Parameters: the database and the schema of the lake.
-- Rules:
-- - GRANT ROLE factorlab_reader TO USER a_user adds a member. Every role needs USAGE on a warehouse too.
-- - Readers get the tables, views and functions of later versions too.
-- - A writer reads too: its verification looks for the views and functions.
-- - A writer sends rows. Columns, tables and functions of later versions need the owner of the schema.
CREATE ROLE IF NOT EXISTS factorlab_reader;
CREATE ROLE IF NOT EXISTS factorlab_writer;
GRANT USAGE ON DATABASE {{database}} TO ROLE factorlab_reader;
GRANT USAGE ON DATABASE {{database}} TO ROLE factorlab_writer;
GRANT USAGE ON SCHEMA {{database}}.{{schema}} TO ROLE factorlab_reader;
GRANT USAGE ON SCHEMA {{database}}.{{schema}} TO ROLE factorlab_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA {{database}}.{{schema}} TO ROLE factorlab_reader;
GRANT SELECT ON FUTURE TABLES IN SCHEMA {{database}}.{{schema}} TO ROLE factorlab_reader;
GRANT SELECT ON ALL VIEWS IN SCHEMA {{database}}.{{schema}} TO ROLE factorlab_reader;
GRANT SELECT ON FUTURE VIEWS IN SCHEMA {{database}}.{{schema}} TO ROLE factorlab_reader;
GRANT USAGE ON ALL FUNCTIONS IN SCHEMA {{database}}.{{schema}} TO ROLE factorlab_reader;
GRANT USAGE ON FUTURE FUNCTIONS IN SCHEMA {{database}}.{{schema}} TO ROLE factorlab_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {{database}}.{{schema}} TO ROLE factorlab_writer;
GRANT READ, WRITE ON STAGE {{database}}.{{schema}}.factorlab_lake_files TO ROLE factorlab_writer;
GRANT ROLE factorlab_reader TO ROLE factorlab_writer;
