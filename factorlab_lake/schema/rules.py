"""Define every number of the rules that decide answers once, each with its unit in its name.

Python imports a constant. A SQL file names it as ``{{CONSTANT}}``, also in its head. ``limits.py`` has the
bounds of work and input, ``quality_thresholds.py`` what the quality rules compare with.
"""

from __future__ import annotations

from datetime import date, time
from typing import TypeAlias

from factorlab_lake.schema import quality_thresholds

__all__ = ["rule_values"]

RuleValue: TypeAlias = "int | float | date | time"

# --- Time ---

BEGINNING_OF_TIME = date(1, 1, 1)
"""An interval without a start begins here: the first date that Python can represent."""

END_OF_TIME = date(9999, 12, 31)
"""An interval without an end ends here, exclusive: the last date that Python can represent."""

LAST_DAY = date(9999, 12, 30)
"""The last day that an interval up to END_OF_TIME contains. It means "as known now", and
replaces an unknown split basis."""

EPOCH = date(1970, 1, 1)
"""Day 0 where days are integers: Arrow, polars and Parquet count from it too."""

NO_DAY = -1_000_000
"""Replaces a missing day where days since EPOCH are compared: it is before every date."""

EARLIEST_DATE = date(1900, 1, 1)
"""A record of an earlier day is rejected: no provider has one, so the date is a parsing or typing error."""

MAX_ANNOUNCED_DAYS = 1100
"""Splits, dividends and other events are announced at most three years ahead; a later date is a typing
error."""

MAX_CLOCK_ERROR_S = 300
"""A fetch may be so far ahead of this computer's clock. Later ones are refused: a fetch in the future would
win over every correction."""

MARKET_OPEN = time(9, 30)
"""In New York. Trades before it do not count for the daily bars that follow from minute bars."""

MARKET_CLOSE = time(16)
"""In New York. A filing accepted by then can be used at that day's close, a later one at the next day's."""

HALF_DAY_CLOSE = time(13)
"""In New York, on half days such as the day after Thanksgiving."""

BARS_FINAL_AT = time(18)
"""In New York. Vendors correct a day's bars until about two hours after the close."""

# --- Availability of filings ---

FILING_DATE_LAG_DAYS = 1
"""Without an acceptance time a filing counts from the day after its filing date: it may have come after the
close."""

MIN_REPORT_DAYS = 5
"""A statement accepted sooner after its period's end is impossible: hardly a company files within a week, and
vendors write the period's end for an unknown acceptance."""

MAX_HOURS_AFTER_FETCH = 24
"""An acceptance later than this after the fetch that brought it is impossible; the day covers time zones."""

ESTIMATED_QUARTER_LAG_DAYS = 75
"""Without any date a quarter counts from this long after its period's end: the slowest filers have 45 days,
and the estimate must not be early."""

ESTIMATED_HALF_YEAR_LAG_DAYS = 100
"""The same for periods of six and nine months: half-yearly reports are due three months after the period's
end."""

ESTIMATED_YEAR_LAG_DAYS = 120
"""The same for a year: a 10-K is due after 60 to 90 days, and after 15 more with a notice of late filing (SEC
Form 12b-25); annual reports elsewhere are due after four months."""

MAX_AVAILABILITY_LAG_DAYS = 365
"""A lag of the availability rule may be at most a year; a longer one is a typing error."""

EARLIEST_REPORT_DAYS = 10
"""Hardly a company reports within ten days after its period's end, so fetch does not look earlier."""

# --- Versions ---

SAME_PERIOD_DAYS = 7
"""Two ends of periods of one length are one period when they differ by at most a week: 52-week years, and
vendors that move an end to the month's last day."""

SAME_FILING_DAYS = 3
"""Filing dates of one filing differ by some days between vendors: an evening's acceptance is filed the next
business day."""

MIN_ROUNDED_ITEMS = 5
"""The unit to which a statement is rounded shows only in several amounts."""

ROUNDED_SHARE = 0.9
"""A statement is rounded to the largest unit of which this share of its amounts are multiples."""

LARGEST_UNIT = 1_000_000
"""Statements are in single units, thousands or millions."""

MIDDLE_UNIT = 1_000
"""The unit between single units and LARGEST_UNIT."""

PER_SHARE_ROUNDING = 5.01e-3
"""Per-share amounts of one filing agree to half a cent, with slack for floats."""

RATIO_ROUNDING = 1e-4
"""Ratios of one filing agree to four decimals."""

# --- Rhythm of reports ---

QUARTER_DAYS = 91
"""The usual distance of quarterly reports."""

HALF_YEAR_DAYS = 182
"""The usual distance of half-yearly reports."""

YEAR_DAYS = 365
"""The usual distance of annual reports."""

MAX_QUARTERLY_RHYTHM_DAYS = 120
"""A company whose last reports ended at most so far apart reports by the quarter, of up to 17 weeks."""

MAX_HALF_YEARLY_RHYTHM_DAYS = 230
"""A company whose last reports ended at most so far apart reports by the half year: 26 weeks, and some."""

MIN_QUARTER_DISTANCE_DAYS = 75
"""Ends of neighbouring quarters are at least so far apart: 12 weeks (84 days) less a changed calendar."""

MAX_QUARTER_DISTANCE_DAYS = 120
"""Ends of neighbouring quarters are at most so far apart: a quarter of 16 or 17 weeks, as Costco's fourth."""

MIN_FOUR_QUARTERS_DAYS = 245
"""The ends of the first and the last of four consecutive quarters are at least so far apart."""

MAX_FOUR_QUARTERS_DAYS = 300
"""The ends of the first and the last of four consecutive quarters are at most so far apart."""

QUARTER_SEARCH_DAYS = 310
"""Quarters older than this before the newest end cannot be one of four (MAX_FOUR_QUARTERS_DAYS and some)."""

MIN_YEAR_DISTANCE_DAYS = 350
"""The same period a year before ended at least so long ago: 52 weeks are 364 days, less a changed
calendar."""

MAX_YEAR_DISTANCE_DAYS = 380
"""The same period a year before ended at most so long ago: 53 weeks are 371 days, and some."""

MIN_TRANSITION_DAYS = 80
"""An annual statement that ends at least so long after the one before is of a transition period: companies
report no shorter one than three months by itself."""

MAX_TRANSITION_DAYS = 330
"""An annual statement that ends at most so long after the one before is of a transition period: eleven
months are about 335 days, and a year of 52 weeks 364."""

YEAR_QUARTERS_DAYS = 330
"""The quarters of a fiscal year ended within so many days before its end; the year before's last one did
not."""

SUM_OF_QUARTERS_TOLERANCE = 0.01
"""Quarters may miss their year by this share of its revenue: rounding, and small reclassifications."""

# --- Age of figures ---

QUARTER_AGE_LIMIT_DAYS = 200
"""A quarter's figures are stale when its end is further back: one quarter, the next one's filing, and
some."""

HALF_YEAR_AGE_LIMIT_DAYS = 320
"""A half-yearly reporter's figures are stale when their end is further back: half a year, the next report's
filing after up to four months, and some."""

YEAR_AGE_LIMIT_DAYS = 500
"""A yearly reporter's figures are stale when their end is further back: a year, the next report's filing
after four months, and some."""

PRICE_AGE_LIMIT_DAYS = 10
"""A price answers for at most so many calendar days: the NYSE was closed for 6 days in September 2001."""

# --- Companies ---

COMPANY_GAP_DAYS = 30
"""A symbol without a bar for longer, at a change of its CIK, passed to another company."""

COMPANY_GAP_WITHOUT_BARS_DAYS = 200
"""Without bars, period ends of two CIKs further apart are of two companies: two missing quarters."""

# --- Share counts ---

COUNT_PREFERENCE_DAYS = 45
"""A better source of share counts is used although its newest count is one period and so many days older: a
cover page follows its period's end by up to a month, and the next average is public a few days before it."""

COUNT_ROUNDING = 1e-3
"""A rounded share count differs from the exact one by at most this share. A larger difference is another
version."""

MAX_AVERAGE_RATIO = 5
"""A weighted average differs from net income / EPS by less: preferred dividends, other shareholders and
roundings reach a factor of two or three."""

MIN_CHECKED_EPS = 0.02
"""A smaller EPS checks no weighted average: it is rounded to cents, so half a cent is a quarter of it."""

MAX_COUNT_RATIO = 30
"""Two counts of one company at one time differ by less, even in the year of an initial offering; thousands
taken for units differ by more."""

# --- Size of values ---

MAX_NUMBER = 1e24
"""No amount, count or price is larger: products of such values stay finite, and no currency has larger
amounts."""

MAX_PRICE = 1e15
"""Prices adjusted for several reverse splits have reached 1e12."""

MIN_PRICE = 1e-9
"""Prices adjusted for many splits begin at about 1e-4; a ratio to a price below this has no meaning."""

MAX_SPLIT_RATIO = 1_000_000
"""No split is larger, in either direction: reverse splits that end a listing reach some 100,000."""

MAX_SPLIT_PART = 1e12
"""Neither side of a split is larger, or a smaller part of one: products of ratios stay finite."""

MIN_SHARES = 1e-6
"""No count of shares is smaller, also where it includes reverse splits: figures per share stay finite."""

MAX_SHARES_PER_RECEIPT = 1_000_000
"""No receipt stands for more shares, or for a smaller part of one: those of dear shares for some ten
thousandth."""

# --- Splits ---

MIN_SPLIT_RATIO = 1.2
"""A ratio nearer to 1 is not taken for a split: corrections and a day's move reach it."""

MIN_STEP_RATIO = 2
"""From one fetch, a price step on an ex-date shows an unadjusted history only for splits of at least this
ratio, or at most its inverse: real moves reach smaller ones."""

MAX_SPLIT_SIDE = 40
"""The largest side of a ratio of small numbers; any larger one is used as it was measured."""

SPLIT_RATIO_SPREAD = 0.01
"""Bars of two fetches moved by one ratio when the largest and the smallest differ by less than this share."""

SPLIT_RATIO_TOLERANCE = 1e-3
"""A measured ratio is that of two small numbers when it is this close to it, relative."""

MIN_REBASED_BARS = 3
"""Fewer bars that moved by one ratio prove no split: single bars are corrected for other reasons."""

MAX_SPLIT_GAP_DAYS = 10
"""Over a longer gap between bars a price can move by a split's ratio by itself."""

MAX_SPARSE_GAP_DAYS = 35
"""Between bars of neighbouring months a price moves by a split's ratio rarely enough for a warning, and too
often for a correction."""

MIN_APPLIED_STEP = 0.2
"""Splits change the factor of FMP's volumes by more than this share; stock dividends may not."""

MAX_DAILY_MOVE = 0.2
"""A price that moved by less than this share in a day still distinguishes one split ratio from another."""

SAME_SPLIT_DAYS = 7
"""Splits of one ratio within so many days are one split, told on several days: vendors correct ex-dates."""

MAX_REBASE_LAG_DAYS = 10
"""Vendors adjust old bars some days after an ex-date; bars served unchanged later contradict the split."""

PLAIN_SPLIT_RATIO = 1.5
"""A told ratio of at least this, or at most its inverse, is a split; a smaller one may be a distribution."""

MIN_NEIGHBOUR_RATIO = 1.1
"""Counts of neighbouring filings differ by less without a split, so a smaller ratio does not show in them."""

MAX_NEIGHBOUR_DAYS = 400
"""Counts further from an ex-date say nothing of it: a company issues and buys back shares meanwhile."""

MIN_COUNTED_RATIO = 1.02
"""A count that moved by a smaller ratio was corrected: the smallest usual stock dividend is 41:40."""

MAX_COUNTED_RATIO = 1500
"""A count that moved by more is in another unit; the largest real split in SEC's data is 1:1,000 or so."""

MAX_FRACTION_CHANCE = 0.02
"""A ratio counts as n:m if this bounds the chance that any ratio is as near to a fraction with such sides."""

MIN_COMPARED_EPS = 0.02
"""Smaller earnings per share are too coarse to compare."""

EPS_ROUNDING = 0.0051
"""Half a cent, to which earnings per share are rounded, with slack for floats."""

FIRST_INFERRED_EVENT = 1000
"""Observed splits are numbered after the told ones of the same day."""

SUSPICIOUS_DAILY_RATIO = 1.3
"""A close that moved by more makes fetch ask the provider for new splits; most such days have none."""

RESCALED_ROUNDING = 5.1e-5
"""Half a unit of the fourth decimal, to which FMP rounds prices and per-share figures, with slack for
floats."""

SPLIT_EVIDENCE_FACTOR = 4
"""A step from one count to the next is of a split or of none when it is nearer to the one by this factor."""

# --- Prices as traded ---

CLOSE_ROUNDING = 5.01e-5
"""Half a unit of the fourth decimal, to which FMP rounds adjusted closes, with slack for floats."""

CENT_ROUNDING = 0.00501
"""Half a cent, to which prices as traded are rounded, with slack for floats."""

CLOSE_UNITS = 1e4
"""Units of the fourth decimal in one unit of currency."""

CLOSE_UNIT_TOLERANCE = 1e-5
"""A close has at most four decimals when it is this close to a whole number of CLOSE_UNITS."""

MINOR_UNITS_PER_MAJOR = 100
"""Pence in a pound, cents in a rand, agorot in a shekel."""

MIN_MAIN_UNIT_YIELD = 5
"""A quote is in main units where a year's earnings of a share would be so many times the quote in hundredths.
No company is that cheap: a usual yield is 0.06, and quotes in the wrong unit are off by a hundred."""

MAX_QUOTE_DISTANCE_DAYS = 30
"""That quote is the first one so many days after the annual statement became available."""

LEAN_PRICE_UNIT = 10_000
"""Prices in files of LEAN are whole numbers of a ten-thousandth of the currency."""

# --- Comparisons ---

SAME_VALUE_TOLERANCE = 1e-12
"""Values that differ by less, relative, differ by the order of their sums alone."""

CURRENT_REVISION = 1_000_000_000
"""The current bar's place behind all superseded ones of its day; a bar has fewer revisions."""

# --- Fetching ---

OVERLAP_DAYS = 7
"""Bars fetched again with the new ones: they show whether a split changed the basis of the history."""

RESTATEMENT_SEARCH_DAYS = 400
"""Statements whose period ended in the last so many days are fetched again: the last year's may be
restated."""

RESTATEMENT_INTERVAL_DAYS = 30
"""Restatements are looked for once a month."""

# --- Exchange rates ---

ECB_BASE = "EUR"
"""The base of the European Central Bank's rates: two currencies without a rate meet through it."""

MAX_FX_RATE = 1e15
"""No rate is larger, or smaller than its inverse: in 2008 a dollar cost 3e14 of Zimbabwe's."""

FX_SPREAD = 0.05
"""A rate and that of the other direction on the same day agree within this share: rounding, and two banks."""

FX_RATE_AGE_LIMIT_DAYS = 7
"""An exchange rate holds for so many days after its publication: the longest gap of the European Central
Bank's calendar, over Christmas or Easter, has five."""


def rule_values() -> dict[str, RuleValue]:
    """Return every constant of the rules and of the quality rules by its name."""
    constants = globals() | vars(quality_thresholds)
    return {name: value for name, value in constants.items() if name.isupper()}
