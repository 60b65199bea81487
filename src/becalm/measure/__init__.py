"""How does this period compare with the same period of the baseline year, and how sure are we?

Six questions, six functions:

compare_baselines    How does the period compare with each of several baselines, side by side?
compare_periods      How does the period compare with one baseline?
expected_from_years  What would the mean of former years lead us to expect?
match_calendar       Which day of the baseline is the like of each day of the period?
measure_dispersion   How much more than Poisson chance does each group vary, by its own history?
suppress             Which percentages stand on too small a baseline to be shown?
"""

from becalm.measure.background import Background
from becalm.measure.compare import compare_baselines, compare_periods
from becalm.measure.dispersion import GroupDispersion, measure_dispersion
from becalm.measure.expected import Expected, expected_from_years
from becalm.measure.match import Matching, match_calendar
from becalm.measure.series import days_covered, outside_total, pick_groups
from becalm.measure.suppress import suppress

__all__ = [
    "Background",
    "Expected",
    "GroupDispersion",
    "Matching",
    "compare_baselines",
    "compare_periods",
    "days_covered",
    "expected_from_years",
    "match_calendar",
    "measure_dispersion",
    "outside_total",
    "pick_groups",
    "suppress",
]
