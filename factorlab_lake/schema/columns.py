"""Define the columns that several tables share, so that each is described once."""

from __future__ import annotations

from factorlab_lake.schema.spec import Column

__all__ = [
    "ACCESSION_PATTERN",
    "AVAILABILITY",
    "CURRENCY_PATTERN",
    "DATA_TYPE",
    "EVENT",
    "EVENT_KINDS",
    "EXTRA",
    "FETCHED",
    "FILE_PROVIDER",
    "FILING_DATE",
    "FISCAL_YEAR",
    "LINK",
    "LOGGED_AT",
    "MAPPING",
    "MERGED",
    "PERIOD",
    "PERIOD_END",
    "PERIOD_START",
    "RETRACTED_AT",
    "SPLIT_BASIS",
    "STAND_INS",
    "STORED_AT",
    "SYMBOL",
    "VERSION",
    "YEAR",
]

SYMBOL = Column("symbol", "text", "ticker as the provider writes it, of any length", role="key")
FILE_PROVIDER = "file"  # the source_provider of rows that a user loads
FETCHED = (
    Column(
        "source_provider",
        "text",
        "provider of the row: fmp, file, or another provider's name",
        role="provenance",
    ),
    Column("fetch_id", "text", "fetch that delivered the row, a key of data_fetch_log", role="provenance"),
    Column("fetched_at", "timestamp", "time at which the provider served the row (UTC)", role="provenance"),
    Column(
        "recorded_at", "timestamp", "time at which this lake first stored the row (UTC)", role="provenance"
    ),
)
STORED_AT = (("created_at", "recorded_at"), ("updated_at", "recorded_at"))
"""Names of Factor Lab's database for a column of ours, in its tables: a content never changes once stored."""
SPLIT_BASIS = Column(
    "split_basis_date",
    "date",
    "split basis: share counts and per-share amounts include every split up to this day",
    role="derived",
)
STAND_INS = ("completion", "remap", "correction")
"""The kinds of change whose content replaces the content before it in every vintage."""
EVENT_KINDS = ("split", "stock_dividend", "spin_off")
EVENT = Column(
    "event",
    "integer",
    "number of the event among those of the symbol and day, from 1 in order of fetches",
    role="key",
    default=1,
)
RETRACTED_AT = Column(
    "retracted_at",
    "timestamp",
    "fetch time of the first newer complete list of the source without this event; NULL while it is listed",
    role="derived",
)
PERIOD = (
    Column("fiscal_date", "date", "last day of the fiscal period", role="key"),
    Column(
        "fiscal_period",
        "text",
        "Q1 to Q4 (three months), or cumulative: H1 (six), 9M (nine), FY (twelve)",
        role="key",
    ),
)
VERSION = (
    Column(
        "version",
        "integer",
        "number of the content of the same key, over all providers, from 1 in order of publication",
        role="derived",
    ),
    Column(
        "change_kind",
        "text",
        "change from the same provider's content before: original (none before); restatement (another "
        "filing); and within one filing split_rebase (only share and per-share items moved, by one ratio), "
        "completion (values where there were none), remap (another mapping or API generation, no core item "
        "moved), correction (loaded by a user) or vendor_revision (other values)",
        role="derived",
    ),
)

PERIOD_END = Column(
    "period_end",
    "date",
    "end of the period as its first row gave it: the rows of one period can end some days apart",
    role="derived",
)
MAPPING = Column(
    "mapping",
    "text",
    "API generation of the vendor or version of the mapping by which fields became columns, such as v3",
    role="label",
)
# A label: a provider that starts to send it, or another form of it, makes no new version.
PERIOD_START = Column(
    "period_start", "date", "first day of the fiscal period where the provider gives one", role="label"
)
FISCAL_YEAR = Column("fiscal_year", "integer", "fiscal year by the provider's label")
FILING_DATE = Column("filing_date", "date", "filing date as the provider reports it")
AVAILABILITY = (
    Column(
        "available_date",
        "date",
        "first day on whose market close in New York the row can be used",
        role="derived",
    ),
    Column(
        "availability_basis",
        "text",
        "source of available_date: accepted, filing_date, estimated or first_seen",
        role="derived",
    ),
    Column(
        "first_seen_date",
        "date",
        "New York date of the first fetch with this content, where an earlier fetch served other content "
        "of the filing: the content counts from that day at the earliest; NULL elsewhere",
        role="derived",
    ),
)
MERGED = (
    "version",
    "change_kind",
    "period_end",
    "first_seen_date",
    "event",
    "retracted_at",
    "recorded_at",
)
"""The columns that the merge computes from all rows of a period or an event."""
EXTRA = Column(
    "extra",
    "json",
    "provider's fields that have no column, and values that cannot be read or are impossible, "
    "as a JSON object",
)
LINK = "URL of the filing's index page"
ACCESSION_PATTERN = r"[0-9]{10}-[0-9]{2}-[0-9]{6}|[0-9]{18}"
"""SEC's number of a filing, as texts write it; folders of its archive leave the dashes out."""
CURRENCY_PATTERN = r"^[A-Z]{3}$"
"""The code of a currency in ISO 4217; a code of a minor unit, such as GBp, has small letters."""
DATA_TYPE = Column("data_type", "text", "name of the table that stores the dataset")
LOGGED_AT = Column(
    "recorded_at", "timestamp", "time at which this lake logged the row (UTC)", role="provenance"
)
YEAR = Column("year", "integer", "calendar year of date", role="derived")
