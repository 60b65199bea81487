"""How does this period compare with the same period of the baseline year, and how sure are we?

Six questions, six functions:

compare_baselines    How does the period compare with each of several baselines, side by side?
compare_periods      How does the period compare with one baseline?
expected_from_years  What would the mean of former years lead us to expect?
match_calendar       Which day of the baseline is the like of each day of the period?
measure_dispersion   How much more than Poisson chance does each group vary, by its own history?
suppress             Which percentages stand on too small a baseline to be shown?
"""

import re

import lazy_loader

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    """The questions alone: what `dir` and completion show."""
    return [line.split()[0] for line in (__doc__ or "").splitlines() if re.match(r"\w+  ", line)]
