"""Define the thresholds of the quality rules once, each with its unit in its name.

The rules in SQL and in ``quality_rules.csv`` name one as ``{{CONSTANT}}``, like those of ``rules.py``.
"""

from __future__ import annotations

# --- Quality ---

LARGE_STEP_RATIO = 1.25
"""A close or a market cap that differs by a quarter or more, up or down, is looked at."""

SPIKE_NEIGHBOUR_RATIO = 1.1
"""The closes around a spike agree within a tenth."""

RETURN_RATIO = 1.15
"""A close that is this near to the one before the last returns from one wrong close."""

SPIKE_SPLIT_DAYS = 10
"""A split within so many days around a bar may explain a spike between two bases."""

UNAPPLIED_SPLIT_GAP_DAYS = 10
"""Over a longer gap between bars news can explain a step."""

NEWS_VOLUME_FACTOR = 8
"""After bad news ten times as many shares are traded as usually; below this factor of the median it is
none."""

USUAL_VOLUME_DAYS = 20
"""The usual volume is the median of so many bars, about a month."""

SPLIT_LABEL_TOLERANCE = 0.05
"""A step is described as a usual split when the logarithms of the ratios differ by less."""

MIN_REPEATED_BARS = 4
"""So many bars that repeat the one before, five equal days in a row, are stale."""

MIN_DUPLICATED_BARS = 20
"""A year of fewer bars is not compared with other symbols': short runs can agree by chance."""

BAR_ORDER_TOLERANCE = 1e-4
"""Prices of a bar may contradict each other by this share: adjusted prices are rounded."""

MAX_WEEKDAY_GAP_DAYS = 6
"""In a longer break the weekdays are missing bars, also where too few symbols trade to know the market's
days."""

SCALE_NEIGHBOURS = 4
"""A figure is compared with the median of so many reports before and after it."""

MIN_SCALE_NEIGHBOURS = 3
"""Fewer neighbours prove no error of scale."""

SCALE_JUMP_RATIO = 200
"""A figure so many times its neighbours is in units among thousands; real growth in one report is smaller."""

REPORT_GAP_FACTOR = 1.5
"""Reports further apart than this factor of the usual distance have a report missing between them."""

MIN_USUAL_QUARTER_DAYS = 80
"""The usual distance of quarterly reports is taken as at least this: labels filed twice lie days apart."""

MIN_USUAL_YEAR_DAYS = 350
"""The usual distance of annual reports is taken as at least this."""

SUM_OF_CASH_TOLERANCE = 0.05
"""Quarters of cash flow may miss their year by this share: cash flows are reclassified more often."""

IDENTITY_TOLERANCE = 0.005
"""Total assets may miss liabilities plus equity by this share: vendors leave out small items."""

MAX_SILENCE_DAYS = 180
"""After so long without bars and statements the symbol may be another company's."""
