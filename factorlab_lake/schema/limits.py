"""Define every bound of memory, files, responses, names, sessions and charts once, with its unit in its name.

No answer depends on them; ``rules.py`` has the numbers that decide answers.
"""

from __future__ import annotations

# --- Work in parts that bound the memory ---

DERIVED_ROWS_AT_A_TIME = 18_000
"""Derived rows are computed for symbols that have together at most so many statements and share counts:
the work takes about 5 KB of memory for each, and half a second however few there are."""

USUAL_ROWS_OF_SYMBOL = 60
"""So many statements and share counts are assumed for a symbol where they are not counted."""

VALUES_AT_A_TIME = 2_000_000
"""Partitions are rewritten together up to so many values, which take 8 bytes each in several copies."""

COLUMNS_WRITTEN_AT_A_TIME = 1300
"""Columns of the files that are written at once: each has buffers of about 30 KB."""

INDEX_VALUES_AT_A_TIME = 500_000
"""The read index is written from so many values at once, at least those of a tile."""

INTRADAY_ROWS_AT_ONCE = 500_000
"""Minute bars that a load merges at once: whole days, at least one. It bounds the memory."""

# --- Files from outside ---

MAX_FILE_BYTES = 64_000_000
"""A cache file is at most so large after decompression: sixty years of bars have 6 MB."""

MAX_AHEAD_BYTES = 256_000_000
"""All files that a migration reads ahead, and all of one commit, have at most so many bytes after
decompression."""

MAX_NESTING = 32
"""JSON is nested at most so deep; the time to parse it grows with the square of its depth."""

MAX_RECORDS = 400_000
"""A cache file has at most so many objects and lists: a daily history of a century has 30,000."""

MAX_FIELDS = 1_000
"""A record or a row has at most so many fields; the time to parse them grows with the square of their
number."""

MAX_VALUES = 10_000_000
"""A cache file has at most so many values: records times fields, since each record has all columns."""

MAX_DIGITS = 1_000
"""A number has at most so many digits; the time to parse a longer one grows with the square of its length."""

MAX_LINE_BYTES = 16_000_000
"""A record of a CSV file is at most so long; with a quote that is not closed, the whole file would be one."""

MAX_UNPACKED_BYTES = 1_000_000_000
"""A compressed CSV file is at most so large after decompression, or MAX_UNPACKED_RATIO times its own size."""

MAX_UNPACKED_RATIO = 100
"""Tables of prices and statements compress by a factor of 5 to 30; a bomb by 1,000."""

MAX_ROWS_PER_BYTE = 100
"""A Parquet file has at most so many rows in a byte; a footer that counts more is damaged."""

# --- Responses of providers ---

MAX_RESPONSE_BYTES = 32_000_000
"""A response is at most so large after decompression: the longest history has 6 MB."""

MAX_BULK_BYTES = 128_000_000
"""A bulk file of all companies is at most so large after decompression."""

MAX_ARCHIVE_BYTES = 8_000_000_000
"""An archive of all companies is at most so large; it goes to a file, and one member at a time to memory."""

MAX_HEADER_BYTES = 64_000
"""Everything that a server sends beside the body: headers, interim responses and the frames of chunks."""

MAX_TEXT_BYTES = 100_000
"""A text of a record is at most so long: a company's description has 5,000."""

# --- Names and paths ---

MAX_SYMBOL_LENGTH = 64
"""No exchange has a longer symbol. A server refuses keys of some thousand letters, so a sync would stop."""

LAKE_PATH_BYTES = 3_800
"""The longest path of a lake's folder: the files below it must stay within the 4,096 bytes of the system."""

# --- Sessions and settings ---

ASYNC_QUERIES = 4
"""Awaited queries of a lake in a folder that run at once; each has a session, which uses all processors."""

DEFAULT_LAKE = "data/lake"
"""Lake that is opened if neither an argument nor a setting names one."""

BUCKET_SCHEMES = ("s3", "gs", "az")
"""Schemes of addresses of buckets, as DuckDB, Delta and polars spell them too."""

MAX_CONFIG_BYTES = 65_536
"""Longest configuration file that is read; a file of environments has a few hundred bytes."""

MAX_CONFIG_DEPTH = 8
"""Most levels of a configuration file; environments have three."""

MAX_POOL = 1_000
"""Most connections of one process that a configuration file may allow; servers usually allow 100."""

SANDBOX_MEMORY_MB = 2048
"""Memory for SQL in a sandbox, in MiB, unless the setting says otherwise; an answer may take as much."""

SANDBOX_TIMEOUT_S = 60.0
"""Time for one call of ``sql`` in a sandbox, in seconds, unless the setting says otherwise."""

RESULT_CACHE_MB = 256
"""Memory for repeated answers, unless the setting says otherwise."""

# --- Charts ---

CHART_ROWS = 4_500
"""Most rows of one chart: altair refuses more than 5,000, and a picture of 640 pixels shows no more."""

CHART_SYMBOLS = 60
"""Most symbols of a heat map: more rows are no longer a picture."""

CHART_NAMES = 6
"""Most symbols whose names the title of a chart has; of more, it has the number."""

CHART_PERIODS = 30
"""Most fiscal periods of a chart of restatements, the newest."""

CHART_TAIL = 0.02
"""Share of a cross-section at each end that is drawn at the edge: an extreme ratio would squeeze the rest."""
