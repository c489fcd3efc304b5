"""Describe the tables of what was fetched and what was rejected."""

from __future__ import annotations

from factorlab_lake.schema.columns import DATA_TYPE, LOGGED_AT, STORED_AT
from factorlab_lake.schema.spec import Column, TableSpec

__all__ = ["LOG_TABLES"]

LOG_TABLES = (
    TableSpec(
        name="data_fetch_log",
        doc="Fetch log: one row per fetch, cache file read or load, with the request and its result.",
        key=("fetch_id",),
        sort_by=("symbol", "data_type", "fetch_date"),
        time_column="fetch_date",
        other_names=(*STORED_AT, ("source_provider", "provider")),
        columns=(
            Column("fetch_id", "text", "hash of the response and its origin", role="key"),
            Column("symbol", "text", "requested symbol; empty for a load of several"),
            DATA_TYPE,
            Column("period", "text", "requested period: annual, quarterly, or a period of the old cache"),
            Column("fetch_date", "timestamp", "time at which the provider served the response (UTC)"),
            Column("records_fetched", "integer", "number of records in the response"),
            Column("records_rejected", "integer", "number of records rejected, see rejected_records"),
            Column("api_calls_made", "integer", "number of API calls; 0 for a cache file or a load"),
            Column("success", "boolean", "false if the response could not be read"),
            Column("error_message", "text", "reason of a failure, or how a valid response is incomplete"),
            Column("provider", "text", "name of the provider"),
            Column("endpoint", "text", "URL without parameters, or the path of the file"),
            Column("parameters", "json", "request parameters without secrets, as a JSON object"),
            Column("http_status", "integer", "HTTP status of the last response"),
            Column("payload_sha256", "text", "SHA-256 of the bytes received"),
            Column("duration_ms", "number", "duration of the request or of reading the file", "milliseconds"),
            Column(
                "keys_landed",
                "integer",
                "number of distinct keys (periods or days) stored from the response with all values",
            ),
            Column("covered_from", "date", "earliest date in the response"),
            Column("covered_to", "date", "latest date in the response"),
            LOGGED_AT,
        ),
    ),
    TableSpec(
        name="rejected_records",
        doc="Rejected records: one row per record, with the reason and the record itself.",
        key=("fetch_id", "position"),
        sort_by=("fetch_id", "position"),
        columns=(
            Column(
                "fetch_id", "text", "fetch that delivered the record, a key of data_fetch_log", role="key"
            ),
            Column(
                "position",
                "integer",
                "position of the record in the response, from 0; negative for a record that was stored first",
                role="key",
            ),
            Column("symbol", "text", "requested symbol; empty for a load of several"),
            DATA_TYPE,
            Column("reason", "text", "reason of the rejection"),
            Column("record", "json", "record as received, as a JSON object"),
            LOGGED_AT,
        ),
    ),
)
